#!/usr/bin/env bash
# Builds the trail camera, runs it to its end, and checks what it came to.
# usage: run.sh [late [SEED]]     late: the scorer joins after half of the pictures, and is killed twice at moments that
#                                 follow from SEED (1 unless said)
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
here=examples/trail-camera
late=()
case "${1:-}" in
  "") scenario=calm ;;
  late)
    scenario=late
    late=(--late "${2:-1}")
    ;;
  *)
    echo "usage: $0 [late [SEED]]" >&2
    exit 2
    ;;
esac

bin=$root/target/trail-camera/bin
mkdir -p "$bin"
cargo build --quiet --release -p event-engine-example-trail-camera
python=$root/$(scripts/venv.sh trail-camera-venv 'pyzmq>=25' 'protobuf>=5.26.1')
(cd "$here/scorer" && go build -o "$bin/scorer" .)
library=$root/target/trail-camera/sdk-c
cmake -S sdks/c -B "$library" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$library" >/dev/null
read -ra zmq < <(pkg-config --cflags --libs libzmq)
cc -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra -Isdks/c/include -o "$bin/store" \
  "$here"/store/{store,folder,done}.c "$library/libevent_engine.a" "${zmq[@]}" -pthread

# The plugins find the folder, the Python with its modules and the clients by their environment, which is the engine's.
export TRAIL_CAMERA_OUT=$root/target/trail-camera/$scenario
export PATH=${python%/*}:$PATH PYTHONPATH=$root/sdks/python/src PYTHONDONTWRITEBYTECODE=1
rm -rf "$TRAIL_CAMERA_OUT"
mkdir -p "$TRAIL_CAMERA_OUT"
timeout 300 "${CARGO_TARGET_DIR:-target}/release/trail-camera" "$here/app.toml" "${late[@]}"
"$python" "$here/check.py" "$TRAIL_CAMERA_OUT"
echo "A picture of the run: ${TRAIL_CAMERA_OUT#"$root"/}/timeline.svg"
