#!/usr/bin/env bash
# Generates the protobuf code of the Go and the Python plugins from trail_camera.proto. (Rust's is made by the build script.)
# With --check it changes nothing and fails where the checked-in code is stale.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=examples/trail-camera
go_package=github.com/tapis-project/event-engine/examples/trail-camera/scorer

case "${1:-}" in
  "") check=no ;;
  --check) check=yes ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
source scripts/protobuf-tools.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/out"
protoc -I "$here" --python_out="$work/out" --pyi_out="$work/out" \
  --plugin="$protoc_gen_go" --go_out="$work/out" --go_opt="module=$go_package" \
  --go_opt="Mtrail_camera.proto=$go_package/internal/pb" trail_camera.proto

stale=0
# from, to, what begins a comment
deliver() {
  { echo "$3 Generated from trail_camera.proto by proto.sh; do not edit."; cat "$work/out/$1"; } >"$work/new"
  if [ "$check" = no ]; then
    mkdir -p "$(dirname "$here/$2")"
    cp "$work/new" "$here/$2"
  elif ! diff -u "$here/$2" "$work/new"; then
    echo "trail-camera: $2 is stale: run $here/proto.sh" >&2
    stale=1
  fi
}
deliver trail_camera_pb2.py timeline/trail_camera_pb2.py "#"
deliver trail_camera_pb2.pyi timeline/trail_camera_pb2.pyi '# mypy: disable-error-code="type-arg"
#'
deliver internal/pb/trail_camera.pb.go scorer/internal/pb/trail_camera.pb.go "//"
exit "$stale"
