#!/usr/bin/env bash
# Makes the API reference with doxygen, into $BUILD/docs; fails when doxygen warns.
set -euo pipefail
cd "$(dirname "$0")"
command -v doxygen >/dev/null || { echo "docs.sh: install doxygen" >&2; exit 1; }
build=${BUILD:-$(cd ../.. && pwd)/target/sdk-c}
mkdir -p "$build/docs"
(cat Doxyfile; echo "OUTPUT_DIRECTORY = \"$build/docs\"") | doxygen -
echo "$build/docs/html/index.html"
