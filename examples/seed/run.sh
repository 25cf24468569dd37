#!/usr/bin/env bash
# Runs the seed's application with one external plugin and compares what each plugin got with expected.txt.
# usage: run.sh [pyevents|rust|python|go|c|none]     `none` starts only the Rust side and waits for a client of port 6000
set -euo pipefail
cd "$(dirname "$0")/../.."
plugin=${1:-pyevents}

cargo build --quiet --release -p event-engine-example-seed
seed=${CARGO_TARGET_DIR:-target}/release/seed

case $plugin in
  none)
    echo "The Rust side runs; it ends when a client of port 6000 has said TypeC… and quit."
    exec "$seed"
    ;;
  pyevents)
    python=$(scripts/venv.sh)
    command=(env PYTHONPATH=pyevents "$python" -u examples/seed/plugin.py)
    ;;
  python)
    python=$(scripts/venv.sh)
    command=(env PYTHONPATH=sdks/python/src "$python" -u examples/seed/plugins/python/plugin.py)
    ;;
  rust)
    cargo build --quiet --release -p event-engine-client --example seed
    command=("${CARGO_TARGET_DIR:-target}/release/examples/seed")
    ;;
  go)
    mkdir -p target
    (cd examples/seed/plugins/go && go build -o ../../../../target/seed-plugin-go .)
    command=(target/seed-plugin-go)
    ;;
  c)
    build=target/seed-plugin-c
    cmake -S sdks/c -B "$build" -DCMAKE_BUILD_TYPE=Release >/dev/null
    cmake --build "$build" >/dev/null
    read -ra zmq < <(pkg-config --cflags --libs libzmq)
    cc -std=c11 -O2 -Wall -Wextra -Isdks/c/include -o "$build/plugin" examples/seed/plugins/c/plugin.c \
      "$build/libevent_engine.a" "${zmq[@]}" -pthread
    command=("$build/plugin")
    ;;
  *)
    echo "run.sh: PLUGIN is pyevents, rust, python, go, c or none, not $plugin" >&2
    exit 2
    ;;
esac

out=$(mktemp -d)
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$out"' EXIT
pids=()
timeout 60 "$seed" > >(tee "$out/seed") 2>&1 &
pids+=($!)
timeout 60 "${command[@]}" > >(tee "$out/plugin") 2>&1 &
pids+=($!)
status=0
for pid in "${pids[@]}"; do
  wait "$pid" || status=$?
done
[ "$status" = 0 ] || { echo "demo: a process failed with status $status" >&2; exit "$status"; }

# What each plugin got, whatever the interleaving was.
grep -h ' got ' "$out/seed" "$out/plugin" | LC_ALL=C sort > "$out/got"
if diff -u examples/seed/expected.txt "$out/got"; then
  echo "Every plugin got what expected.txt says."
else
  echo "demo: the plugins did not get what expected.txt says" >&2
  exit 1
fi
