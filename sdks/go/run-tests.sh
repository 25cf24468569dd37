#!/usr/bin/env bash
# Checks the Go client and runs its tests: formatting, vet, staticcheck, tests with the race detector.
# usage: run-tests.sh [-short]     -short needs no engine; else EVENT_ENGINE_PEERS names the program `peers`
# The last line says "N passed, N failed"; the exit status is 0 if all is well.
set -euo pipefail
cd "$(dirname "$0")"
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
seed=../../examples/seed/plugins/go

unformatted=$(gofmt -l *.go internal examples conformance "$seed")
[ -z "$unformatted" ] || { printf 'gofmt -l says:\n%s\n' "$unformatted" >&2; exit 1; }
go vet ./...
go run "$staticcheck" ./...
# The testee of the conformance harness; -o, so that nothing is left here.
(cd conformance && go vet ./... && go run "$staticcheck" ./... && go build -o /dev/null .)
(cd "$seed" && go vet ./... && go run "$staticcheck" ./...)

results=$(mktemp)
trap 'rm -f "$results"' EXIT
status=0
go test -race -count=1 -timeout 300s -json "$@" ./... >"$results" || status=$?
# Each test and subtest that ended, and what those that failed have said.
passed=$(grep -c '"Action":"pass".*"Test":' "$results" || true)
failed=$(grep -c '"Action":"fail".*"Test":' "$results" || true)
if [ "$status" != 0 ]; then
  grep -o '"Output":".*"}$' "$results" | sed 's/^"Output":"//; s/\\n"}$//; s/"}$//' | grep -v '^=== \|^ *--- PASS' >&2
fi
[ "$status" = 0 ] || [ "$failed" != 0 ] || failed=1 # what does not even build fails
echo "$passed passed, $failed failed"
exit "$status"
