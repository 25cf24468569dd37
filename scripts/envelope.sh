#!/usr/bin/env bash
# Generates the protobuf code of the envelope helpers from spec/envelope.proto: Python, Go and C, where it is checked in.
# (Rust's is made by its build script.) With --check it changes nothing and fails where the checked-in code is stale.
# Needs what protobuf-tools.sh needs, and protoc-gen-c (Debian: protobuf-c-compiler).
set -euo pipefail
cd "$(dirname "$0")/.."

go_package=github.com/tapis-project/event-engine/sdks/go/envelope
python_package=event_engine/envelope

case "${1:-}" in
  "") check=no ;;
  --check) check=yes ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
source scripts/protobuf-tools.sh
command -v protoc-gen-c >/dev/null || {
  echo "envelope: protoc-gen-c is missing: install protobuf-c-compiler (Debian, Ubuntu) or protobuf-c" >&2
  exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The runtimes of Python and Go keep a register of .proto files by path, so the path must be nobody else's.
mkdir -p "$work/proto/$python_package" "$work/c-proto" "$work/out"
cp spec/envelope.proto "$work/proto/$python_package/envelope.proto"
# protobuf-c has no Timestamp ready made. A library's own copy of Google's would clash with the next library's when both
# are linked into one program, so C gets the same message under our name.
{
  sed -e '/^import /d' -e 's/google\.protobuf\.Timestamp/Timestamp/' spec/envelope.proto
  printf '\n// The same on the wire as google.protobuf.Timestamp.\nmessage Timestamp {\n  int64 seconds = 1;\n  int32 nanos = 2;\n}\n'
} >"$work/c-proto/envelope.proto"

protoc -I "$work/proto" --python_out="$work/out" --pyi_out="$work/out" \
  --plugin="$protoc_gen_go" --go_out="$work/out" --go_opt="module=$go_package" \
  --go_opt="M$python_package/envelope.proto=$go_package/internal/pb" "$python_package/envelope.proto"
protoc -I "$work/c-proto" --plugin="$(command -v protoc-gen-c)" --c_out="$work/out" envelope.proto

# from, to, what begins a comment, what ends it
stale=0
deliver() {
  local from=$work/out/$1 to=$2
  { echo "$3 Generated from spec/envelope.proto by scripts/envelope.sh; do not edit.${4:-}"; cat "$from"; } >"$from.new"
  if [ "$check" = no ]; then
    mkdir -p "$(dirname "$to")"
    cp "$from.new" "$to"
  elif ! diff -u "$to" "$from.new"; then
    echo "envelope: $to is stale: run scripts/envelope.sh" >&2
    stale=1
  fi
}
deliver "$python_package/envelope_pb2.py" sdks/python/src/event_engine/envelope/envelope_pb2.py "#"
deliver "$python_package/envelope_pb2.pyi" sdks/python/src/event_engine/envelope/envelope_pb2.pyi '# mypy: disable-error-code="type-arg"
#'
deliver internal/pb/envelope.pb.go sdks/go/envelope/internal/pb/envelope.pb.go "//"
deliver envelope.pb-c.h sdks/c/envelope/src/envelope.pb-c.h "/*" " */"
deliver envelope.pb-c.c sdks/c/envelope/src/envelope.pb-c.c "/*" " */"
exit "$stale"
