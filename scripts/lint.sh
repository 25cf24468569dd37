#!/usr/bin/env bash
# Formatters and linters. (Go's are part of sdks/go/run-tests.sh.)
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/languages.sh

cargo fmt --all --check
cargo clippy --quiet --release --workspace --all-targets -- -D warnings
# The bare engine, without what whole applications need.
cargo clippy --quiet --release -p event-engine@0.3.0 --no-default-features -- -D warnings

if wanted python; then
  # Pinned, so that a new release of a linter breaks nothing.
  tools=target/lint-venv
  if ! { "$tools/bin/ruff" --version && "$tools/bin/mypy" --version && "$tools/bin/python" -c 'import google.protobuf'; } >/dev/null 2>&1; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check 'ruff==0.17.6' 'mypy==2.4.1' pyzmq pytest protobuf types-protobuf
  fi
  "$tools/bin/ruff" check --quiet pyevents sdks/python examples engine/bench/clients/python conformance
  "$tools/bin/ruff" format --quiet --check pyevents sdks/python examples engine/bench/clients/python conformance
  (cd pyevents && "../$tools/bin/mypy")
  (cd sdks/python && "../../$tools/bin/mypy")
  (cd examples/trail-camera && MYPYPATH=../../sdks/python/src:generator:timeline "../../$tools/bin/mypy" --strict generator timeline tests ./*.py)
fi
if wanted go; then
  unformatted=$(gofmt -l engine/bench/clients)
  [ -z "$unformatted" ] || { printf 'gofmt -l says:\n%s\n' "$unformatted" >&2; exit 1; }
fi
if wanted c; then
  sdks/c/lint.sh
fi
