#!/usr/bin/env bash
# Every check and every test; ends with how many passed.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p target
log=target/test.log

step() { printf '\n== %s\n' "$*"; }

step "formatting and lints"
scripts/lint.sh
step "spec: prose, registry, vectors, grammar and generated files agree"
cargo run --quiet --release -p event-engine-spec-tool -- check
step "Rust tests"
cargo test --release --workspace 2>&1 | tee "$log"
step "pyevents, on every Python of this machine, against a pretended engine and this one"
cargo build --quiet --release -p event-engine --example echo
EVENT_ENGINE_ECHO=$(realpath "${CARGO_TARGET_DIR:-target}/release/examples/echo") pyevents/run-tests.sh 2>&1 | tee -a "$log"
step "examples, each against its expected output"
examples/seed/run.sh pyevents
examples/bus/run.sh

step "all of it"
# From the lines of cargo test ("test result: ok. 12 passed; 0 failed; ...") and pytest ("55 passed in 4.30s").
grep -oE '[0-9]+ (passed|failed)' "$log" |
  awk '{ sum[$2] += $1 } END { printf "%d passed, %d failed\n", sum["passed"], sum["failed"]; exit sum["failed"] > 0 || !sum["passed"] }'
