#!/usr/bin/env bash
# Checks and tests the envelope module. The last line says how many tests passed.
set -euo pipefail
cd "$(dirname "$0")"
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "failed: gofmt -w $unformatted" >&2; exit 1; }
go vet ./...
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
[ "$(go run ./examples/seal | head -1)" = "org.example.reading 1 from /sensors/7: 21.5" ] || {
  echo "failed: examples/seal" >&2
  exit 1
}
events=$(go test -race -count=1 -timeout 120s -json ./...) || status=$?
count() { grep -c "\"Action\":\"$1\".*\"Test\":" <<<"$events" || true; }
[ -z "${status:-}" ] || grep -o '"Output":".*"' <<<"$events" >&2
echo "$(count pass) passed, $(count fail) failed"
exit "${status:-0}"
