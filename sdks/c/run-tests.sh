#!/usr/bin/env bash
# Builds and tests the C library; the last line says "N passed, N failed".
# usage: run-tests.sh [full|quick]
#   full   everything; needs EVENT_ENGINE_PEERS, the program `peers` of conformance/peers
#   quick  what needs no engine: vectors, unit tests, package
# BUILD is the build directory, target/sdk-c of the repository unless said otherwise.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${BUILD:-$root/target/sdk-c}
mode=${1:-full}
vectors=$root/spec/vectors

if [ "$mode" != quick ] && [ ! -x "${EVENT_ENGINE_PEERS:-}" ]; then
  echo "run-tests.sh: set EVENT_ENGINE_PEERS to the program peers (cargo build --release -p event-engine-peers)," >&2
  echo "or run '$0 quick' for the tests that need no engine" >&2
  exit 1
fi
for tool in cmake pkg-config valgrind python3 g++; do
  command -v "$tool" >/dev/null || { echo "run-tests.sh: install $tool" >&2; exit 1; }
done
pkg-config --exists libzmq jansson || { echo "run-tests.sh: install libzmq3-dev and libjansson-dev" >&2; exit 1; }

passed=0
failed=0

# Runs a test program or unittest and adds up what it counted; one that does not count fails.
count() {
  local name=$1 output status p f
  shift
  output=$(timeout 600 "$@" 2>&1)
  status=$?
  if [[ $output =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
    p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]}
  elif [[ $output =~ Ran\ ([0-9]+)\ tests? ]]; then
    p=${BASH_REMATCH[1]} f=0
    if [[ $output =~ failures=([0-9]+) ]]; then f=$((f + BASH_REMATCH[1])); fi
    if [[ $output =~ errors=([0-9]+) ]]; then f=$((f + BASH_REMATCH[1])); fi
    p=$((p - f))
  else
    p=0 f=1
  fi
  if [ "$status" != 0 ] && [ "$f" = 0 ]; then f=1; fi
  passed=$((passed + p)) failed=$((failed + f))
  if [ "$f" = 0 ]; then echo "$name: $p passed"; else echo "$name: FAILED"; echo "$output" | tail -n 100; fi
}

compile() {
  cmake -S "$here" -B "$build/$1" -DEVENT_ENGINE_TESTS=ON -DCMAKE_C_FLAGS=-Werror "${@:2}" >"$build/$1.log" 2>&1 &&
    cmake --build "$build/$1" --parallel 2 >>"$build/$1.log" 2>&1 || {
    tail -n 30 "$build/$1.log" >&2
    echo "run-tests.sh: building failed" >&2
    exit 1
  }
}

mkdir -p "$build"
compile release
compile sanitized -DEVENT_ENGINE_SANITIZE=ON
export PYTHONDONTWRITEBYTECODE=1
checked=(valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect,possible
  --suppressions="$here/tests/valgrind.supp")

for kind in release sanitized; do
  count "vectors, $kind" "$build/$kind/tests/vectors" "$vectors"
  count "unit, $kind" "$build/$kind/tests/api"
  count "fuzz, $kind" "$build/$kind/tests/fuzz"
done
count "vectors, valgrind" "${checked[@]}" "$build/release/tests/vectors" "$vectors"
count "unit, valgrind" "${checked[@]}" "$build/release/tests/api"
BUILD=$build/release count package python3 -m unittest discover -s "$here/tests/package"

if [ "$mode" != quick ]; then
  for kind in release sanitized; do
    BUILD=$build/$kind PUPPET=$build/$kind/tests/puppet \
      count "integration, $kind" python3 -m unittest discover -s "$here/tests/integration"
  done
  cd "$here/tests/integration" || exit 1
  BUILD=$build/release PUPPET=$build/release/tests/puppet PUPPET_UNDER="${checked[*]}" count "integration, valgrind" \
    python3 -m unittest test_both_profiles.Session.test_events_and_publishes \
    test_both_profiles.Basic.test_events_and_publishes test_both_profiles.Session.test_quit_with_an_owed_event \
    test_session.Session.test_a_publish_that_timed_out_is_accepted_later \
    test_session.Session.test_close_keeps_the_event_in_hand
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
