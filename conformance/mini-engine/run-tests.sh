#!/usr/bin/env bash
# The second engine, by the vectors; ends with how many tests passed.
set -euo pipefail
cd "$(dirname "$0")"
python3 test_mini_engine.py 2>&1 | sed -E 's/^Ran ([0-9]+) tests? .*/&\n\1 passed, 0 failed/'
