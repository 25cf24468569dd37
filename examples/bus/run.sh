#!/usr/bin/env bash
# Runs the seed's application with listen.py beside it, and checks that it heard what the application published and that
# the application's ledger counts what it published itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$(scripts/venv.sh)
cargo build --quiet --release -p event-engine-example-seed
seed=${CARGO_TARGET_DIR:-target}/release/seed

out=$(mktemp -d)
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$out"' EXIT
pids=()
timeout 60 "$seed" > "$out/seed" 2>&1 &
pids+=($!)
# The bus has no start barrier: hear and publish Type… until the first of it has come back.
timeout 60 "$python" -u examples/bus/listen.py Type TypeDfrom-the-bus > "$out/heard" 2>&1 &
pids+=($!)
"$python" - "$out/heard" <<'PYTHON'
import sys, time, zmq

deadline = time.monotonic() + 30
with zmq.Context() as context, context.socket(zmq.PUB) as tell, context.socket(zmq.SUB) as hear:
    tell.linger = 0
    tell.connect("tcp://127.0.0.1:5559")
    hear.connect("tcp://127.0.0.1:5560")
    hear.subscribe(b"TypeD")
    while "TypeDfrom-the-bus" not in open(sys.argv[1]).read():
        if time.monotonic() > deadline:
            sys.exit("bus: listen.py heard nothing within 30 s")
        tell.send(b"TypeEhello")
        hear.poll(50)
PYTHON
timeout 60 env PYTHONPATH=pyevents "$python" examples/seed/plugin.py > "$out/plugin" 2>&1
wait "${pids[0]}"
"$python" - "$out/heard" <<'PYTHON'
import sys, time

deadline = time.monotonic() + 30
while "TypeCGoodbye from the external plugin" not in open(sys.argv[1]).read():
    if time.monotonic() > deadline:
        sys.exit("bus: listen.py did not hear the application's last event")
    time.sleep(0.01)
PYTHON
grep -Eq '^bus +[1-9]' "$out/seed" || { echo "bus: the ledger has no event from the bus" >&2; cat "$out/seed" >&2; exit 1; }
grep -E '^bus|ledger' "$out/seed"
echo "listen.py heard the application, and published to it."
