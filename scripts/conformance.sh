#!/usr/bin/env bash
# The conformance harness: `sdk NAME`, `smoke`, `full` or `soak`. Reports go to target/conformance/.
set -euo pipefail
cd "$(dirname "$0")/.."
out=target/conformance
mkdir -p "$out"
cargo build --quiet --release -p event-engine-conformance
conformance=$(realpath -m "${CARGO_TARGET_DIR:-target}")/release/conformance
reports() { printf -- '--record %s.jsonl --html %s.html --junit %s.xml --markdown %s.md --badge %s.svg' "$out/$1" "$out/$1" "$out/$1" "$out/$1" "$out/$1"; }

step() { printf '\n== %s\n' "$*"; }

case ${1:-} in
  sdk)
    # shellcheck disable=SC2046
    "$conformance" run --sdk "$2" $(reports "$2")
    ;;
  smoke)
    # shellcheck disable=SC2046
    "$conformance" smoke $(reports smoke)
    "$conformance" coverage --missing
    "$conformance" selftest --quick --record "$out/selftest.jsonl" --html "$out/selftest.html"
    ;;
  full)
    step "every SDK, every pair, this project's engine, by every case"
    # shellcheck disable=SC2046
    "$conformance" full $(reports full)
    step "the second, tiny engine"
    "$conformance" run --engine mini --record "$out/mini.jsonl"
    step "version 0.2.0 and its Python client, with their known failures"
    "$conformance" run --engine ancestor --record "$out/ancestor.jsonl"
    "$conformance" run --sdk pyevents-0.1.0 --record "$out/pyevents-0.1.0.jsonl"
    if command -v node >/dev/null; then
      step "a client library that is none of this project's"
      "$conformance" run --adapter 'node examples/third-party-node/testee.mjs' --record "$out/third-party-node.jsonl"
    fi
    step "the cases themselves, by mutants"
    "$conformance" coverage --missing
    "$conformance" selftest --record "$out/selftest.jsonl" --html "$out/selftest.html"
    ;;
  soak)
    runs=${RUNS:-10}
    load=()
    end_load() {
      for pid in "${load[@]}"; do kill "$pid"; done
      load=()
    }
    trap end_load EXIT
    for run in $(seq "$runs"); do
      # The last three run while both processors have other work.
      if [ "$run" -gt $((runs - 3)) ]; then
        for _ in 1 2; do
          sha256sum /dev/zero &
          load+=($!)
        done
      fi
      step "run $run of $runs${load:+, beside other work}"
      for what in full "run --engine mini" "run --engine ancestor" "run --sdk pyevents-0.1.0"; do
        record=$out/soak-$run-${what##* }.jsonl
        status=0
        # shellcheck disable=SC2086
        "$conformance" $what --no-retry --record "$record" || status=$?
        [ "$status" = 0 ] || { echo "run $run: $what ended with $status" >&2; exit 1; }
        case $what in
          # Their known failures may be races, which they win now and then.
          *ancestor | *pyevents*) ;;
          *) [ "$run" = 1 ] || "$conformance" diff "$out/soak-1-${what##* }.jsonl" "$record" ;;
        esac
      done
      end_load
    done
    echo "$runs runs, the same verdicts"
    ;;
  *)
    echo "usage: scripts/conformance.sh sdk NAME | smoke | full | soak" >&2
    exit 2
    ;;
esac
