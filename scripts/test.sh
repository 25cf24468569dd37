#!/usr/bin/env bash
# Every check and every test; ends with the runners' own summary lines.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step "formatting and lints"
scripts/lint.sh
step "spec: prose, registry, vectors, grammar and generated files agree"
cargo run --quiet --release -p event-engine-spec-tool -- check
step "Rust tests"
cargo test --release
step "pyevents, on every Python of this machine, against a pretended engine and this one"
cargo build --quiet --release -p event-engine --example echo
EVENT_ENGINE_ECHO=$(realpath "${CARGO_TARGET_DIR:-target}/release/examples/echo") pyevents/run-tests.sh
step "examples"
examples/seed/run.sh pyevents
examples/bus/run.sh
