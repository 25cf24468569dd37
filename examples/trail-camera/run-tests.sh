#!/usr/bin/env bash
# Checks and tests the pure parts of the plugins in Python, Go and C. (Those in Rust are tested with the workspace.)
# The last line says "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0

./proto.sh --check

python=$root/$("$root/scripts/venv.sh" trail-camera-venv 'pyzmq>=25' 'protobuf>=5.26.1')
if ! PYTHONPATH=$root/sdks/python/src:generator:timeline "$python" -B -m unittest discover --start-directory tests >"$work/python" 2>&1; then
  cat "$work/python" >&2
  exit 1
fi
passed=$((passed + $(grep -oP '^Ran \K\d+' "$work/python")))

(
  cd scorer
  unformatted=$(gofmt -l .)
  [ -z "$unformatted" ] || { printf 'gofmt -l says:\n%s\n' "$unformatted" >&2; exit 1; }
  go vet ./...
  go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
  if ! go test -race -count=1 -timeout 120s -json ./... >"$work/go"; then
    grep -o '"Output":".*"' "$work/go" >&2
    exit 1
  fi
)
passed=$((passed + $(grep -c '"Action":"pass".*"Test":' "$work/go")))

cc -std=c11 -D_POSIX_C_SOURCE=200809L -g -Wall -Wextra -Werror -fsanitize=address,undefined \
  -o "$work/store-test" store/test.c store/folder.c store/done.c
mkdir "$work/folder"
"$work/store-test" "$work/folder" >"$work/c"
passed=$((passed + $(grep -oP '^\d+(?= passed)' "$work/c")))

echo "$passed passed, 0 failed"
