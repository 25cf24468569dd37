#!/usr/bin/env bash
# Checks the formatting with the pinned clang-format; `lint.sh fix` puts it right.
set -euo pipefail
cd "$(dirname "$0")"
build=${BUILD:-$(cd ../.. && pwd)/target/sdk-c}
tool=$build/lint-venv/bin/clang-format
version=18.1.8
if ! "$tool" --version 2>/dev/null | grep -q "$version"; then
  python3 -m venv "$build/lint-venv"
  "$build/lint-venv/bin/pip" install --quiet --disable-pip-version-check "clang-format==$version"
fi
# constants.h and *.pb-c.* are generated.
mapfile -t files < <(find include src tests examples envelope conformance ../../examples/seed/plugins/c ../../examples/trail-camera/store \( -name '*.[ch]' -o -name '*.cpp' \) \
  ! -name constants.h ! -name '*.pb-c.*')
if [ "${1:-}" = fix ]; then
  "$tool" --style=file:.clang-format -i "${files[@]}"
else
  "$tool" --style=file:.clang-format --dry-run --Werror "${files[@]}"
fi
