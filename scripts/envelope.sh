#!/usr/bin/env bash
# Generates the protobuf code of the envelope helpers from spec/envelope.proto: Python, Go and C, where it is checked in.
# (Rust's is made by its build script.) With --check it changes nothing and fails where the checked-in code is stale.
# Needs Python 3.9 to 3.12 (for the pinned protoc), Go and protoc-gen-c (Debian: protobuf-c-compiler).
set -euo pipefail
cd "$(dirname "$0")/.."

# Code of this protoc runs with every protobuf runtime for Python from 5.26 on; newer ones warn of their own predecessors.
grpcio_tools=1.65.5
protoc_gen_go=v1.36.12
go_package=github.com/tapis-project/event-engine/sdks/go/envelope
python_package=event_engine/envelope

case "${1:-}" in
  "") check=no ;;
  --check) check=yes ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
command -v protoc-gen-c >/dev/null || {
  echo "envelope: protoc-gen-c is missing: install protobuf-c-compiler (Debian, Ubuntu) or protobuf-c" >&2
  exit 1
}

tools=$PWD/target/envelope-tools
python=$tools/bin/python
if ! "$python" -m pip show grpcio-tools 2>/dev/null | grep -qx "Version: $grpcio_tools"; then
  python3 -m venv --clear "$tools"
  "$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
    "grpcio-tools==$grpcio_tools" 'setuptools<81'
fi
if ! go version -m "$tools/bin/protoc-gen-go" 2>/dev/null | grep -q "google.golang.org/protobuf.$protoc_gen_go"; then
  GOBIN=$tools/bin go install "google.golang.org/protobuf/cmd/protoc-gen-go@$protoc_gen_go"
fi

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

well_known=$("$python" -c 'import grpc_tools; print(grpc_tools.__path__[0])')/_proto
protoc() {
  "$python" -W ignore -m grpc_tools.protoc -I "$well_known" "$@"
}
protoc -I "$work/proto" --python_out="$work/out" --pyi_out="$work/out" \
  --plugin="$tools/bin/protoc-gen-go" --go_out="$work/out" --go_opt="module=$go_package" \
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
