#!/usr/bin/env bash
# Every check and every test; ends with how many passed.
# LANGS=rust,python runs only the parts of these languages: rust (engine, client, tools), python, go, c.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/languages.sh
mkdir -p target
log=target/test.log
: > "$log"
build=$(realpath -m "${CARGO_TARGET_DIR:-target}")/release

step() { printf '\n== %s\n' "$*"; }
# Runs a command; of what it prints, only its summary lines (a pattern) are counted at the end.
run() {
  local summary=$1
  shift
  "$@" 2>&1 | tee >(grep -E "$summary" >> "$log")
}
of_cargo='^test result: '
of_pytest='[0-9]+ passed.* in [0-9.]+s'
of_scripts='^[0-9]+ passed, [0-9]+ failed'

step "formatting and lints"
scripts/lint.sh
step "spec: prose, registry, vectors, grammar and generated files agree"
cargo run --quiet --release -p event-engine-spec-tool -- check
if wanted python && wanted go && wanted c; then
  step "the envelope's generated code is up to date"
  scripts/envelope.sh --check
fi
step "the peers that clients are tried against"
cargo build --quiet --release -p event-engine-peers
cargo build --quiet --release -p event-engine --example echo
export EVENT_ENGINE_PEERS=$build/peers EVENT_ENGINE_ECHO=$build/examples/echo

if wanted rust; then
  step "Rust: engine, protocol, client, envelope, tools"
  run "$of_cargo" cargo test --release --workspace --features event-engine-client/tokio
fi
if wanted python; then
  step "Python: pyevents, on every Python of this machine"
  run "$of_pytest" pyevents/run-tests.sh
  step "Python: the SDK, on every Python of this machine"
  run "$of_pytest" sdks/python/run-tests.sh
fi
if wanted go; then
  step "Go: the SDK and its envelope"
  run "$of_scripts" sdks/go/run-tests.sh
  run "$of_scripts" sdks/go/envelope/run-tests.sh
fi
if wanted c; then
  step "C: the SDK and its envelope, plain, under sanitizers and valgrind"
  run "$of_scripts" sdks/c/run-tests.sh
  run "$of_scripts" sdks/c/envelope/run-tests.sh
fi
if wanted python && wanted go && wanted c; then
  step "the trail camera's plugins: what they do without an engine"
  run "$of_scripts" examples/trail-camera/run-tests.sh
fi
if [ -z "${LANGS:-}" ]; then
  step "the second, tiny engine, by the vectors"
  run "$of_scripts" conformance/mini-engine/run-tests.sh
  step "conformance: every SDK and the engine by the short choice of cases, and the cases by mutants"
  run "$of_scripts" scripts/conformance.sh smoke
fi
step "examples, each against its expected output"
examples/seed/run.sh pyevents
for language in $LANGUAGES; do
  examples/seed/run.sh "$language"
done
examples/bus/run.sh
if wanted python && wanted go && wanted c; then
  examples/trail-camera/run.sh
  examples/trail-camera/run.sh late
fi

step "all of it${LANGS:+ (only $LANGS)}"
# From the runners' own lines: "test result: ok. 12 passed; 0 failed; ...", "55 passed in 4.30s", "40 passed, 0 failed".
grep -oE '[0-9]+ (passed|failed)' "$log" |
  awk '{ sum[$2] += $1 } END { printf "%d passed, %d failed\n", sum["passed"], sum["failed"]; exit sum["failed"] > 0 || !sum["passed"] }'
