#!/usr/bin/env bash
# Formatters and linters.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --quiet --release --all-targets -- -D warnings
