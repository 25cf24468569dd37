# The pinned generators of protobuf code, installed below target/ once. To be sourced from the repository's root.
# Gives the function `protoc` (Python's code is built in) and protoc_gen_go, the path of its plugin for Go.
# Needs Python 3.9 to 3.12 (for the pinned protoc) and Go.

# Code of this protoc runs with every protobuf runtime for Python from 5.26 on; newer ones warn of their own predecessors.
grpcio_tools=1.65.5
protoc_gen_go_version=v1.36.12

tools=$PWD/target/envelope-tools
python=$tools/bin/python
if ! "$python" -m pip show grpcio-tools 2>/dev/null | grep -qx "Version: $grpcio_tools"; then
  python3 -m venv --clear "$tools"
  "$python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
    "grpcio-tools==$grpcio_tools" 'setuptools<81'
fi
protoc_gen_go=$tools/bin/protoc-gen-go
if ! go version -m "$protoc_gen_go" 2>/dev/null | grep -q "google.golang.org/protobuf.$protoc_gen_go_version"; then
  GOBIN=$tools/bin go install "google.golang.org/protobuf/cmd/protoc-gen-go@$protoc_gen_go_version"
fi

well_known=$("$python" -c 'import grpc_tools; print(grpc_tools.__path__[0])')/_proto
protoc() {
  "$python" -W ignore -m grpc_tools.protoc -I "$well_known" "$@"
}
