#!/usr/bin/env bash
# Formatters and linters.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --quiet --release --workspace --all-targets -- -D warnings

# Pinned, so that a new release of a linter breaks nothing.
tools=target/lint-venv
if ! { "$tools/bin/ruff" --version && "$tools/bin/mypy" --version; } >/dev/null 2>&1; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check 'ruff==0.17.6' 'mypy==2.4.1' pyzmq pytest
fi
"$tools/bin/ruff" check --quiet pyevents examples
"$tools/bin/ruff" format --quiet --check pyevents examples
(cd pyevents && "../$tools/bin/mypy")
