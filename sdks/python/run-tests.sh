#!/bin/sh
# Tests the built wheel on every Python from 3.9 to 3.13 that this machine has, on PATH or from pyenv.
# EVENT_ENGINE_PEERS names the binary of `cargo build --release -p event-engine-peers`; PEERS=0 runs only what needs none.
# The newest Python runs the long tests in full; the oldest gets the oldest pyzmq allowed. FAST=1 takes only these two.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$here/../.." && pwd)/target/venvs/sdk
mkdir -p "$out"

# Prints "X.Y" when $1 is a Python that works and that this package supports.
version_of() {
    "$1" -c 'import sys, venv, ensurepip
v = sys.version_info[:2]
if (3, 9) <= v <= (3, 13): print("%d.%d" % v)' 2>/dev/null || true
}

# Prints the first working interpreter of version $1.
find_python() {
    for candidate in "$(command -v "python$1" || true)" "$(command -v python3 || true)" \
        "$HOME/.pyenv/versions/$1".*/bin/python; do
        if [ -x "$candidate" ] && [ "$(version_of "$candidate")" = "$1" ]; then
            echo "$candidate"
            return
        fi
    done
}

oldest=
newest=
versions=
for version in 3.9 3.10 3.11 3.12 3.13; do
    if [ -n "$(find_python "$version")" ]; then
        oldest=${oldest:-$version}
        newest=$version
        versions="$versions $version"
    fi
done
if [ -z "$versions" ]; then
    echo "sdks/python: no Python 3.9 to 3.13 with venv found: install python3 and python3-venv" >&2
    exit 1
fi
if [ "${FAST:-0}" = 1 ]; then
    versions=$oldest
    [ "$newest" = "$oldest" ] || versions="$versions $newest"
fi

if [ "${PEERS:-1}" = 1 ] && [ ! -x "${EVENT_ENGINE_PEERS:-}" ]; then
    echo "sdks/python: build the peers with 'cargo build --release -p event-engine-peers' and set" >&2
    echo "EVENT_ENGINE_PEERS to the binary, or set PEERS=0 to run only the tests that need none" >&2
    exit 1
fi

# Makes $out/$1, a venv of Python $1 with the wheel in it.
prepare() {
    venv=$out/$1
    pyzmq=pyzmq
    [ "$1" = "$oldest" ] && pyzmq=pyzmq==25.0.0
    [ -x "$venv/bin/python" ] || "$(find_python "$1")" -m venv "$venv" || return 1
    if [ ! -e "$out/dist" ]; then
        "$venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$out/dist" "$here" || return 1
    fi
    "$venv/bin/python" -m pip install --quiet pytest "$pyzmq" 'protobuf>=5.26.1' &&
        "$venv/bin/python" -m pip install --quiet --no-deps --force-reinstall "$out"/dist/*.whl
}

# Runs the tests with Python $1.
run() {
    SHORT=1
    [ "$1" = "$newest" ] && SHORT=0
    export SHORT
    if [ "${PEERS:-1}" = 1 ]; then set -- "$1"; else set -- "$1" -m "not peers"; fi
    # Generating code again is not a matter of the Python version, and cannot be done twice at a time.
    [ "$SHORT" = 0 ] || set -- "$@" -k "not stale"
    venv=$out/$1
    shift
    cd "$here/tests" &&
        "$venv/bin/pytest" --rootdir "$here" -c "$here/pyproject.toml" -p no:cacheprovider "$@" .
}

# Tests the Pythons $@ one after the other; the status says whether all passed.
lane() {
    status=0
    for version in "$@"; do
        log=$out/$version.log
        if (run "$version") >>"$log" 2>&1; then
            zmq=$("$out/$version/bin/python" -c 'import zmq; print(zmq.__version__, "libzmq", zmq.zmq_version())')
            echo "sdks/python: Python $version, pyzmq $zmq: $(tail -n 1 "$log")"
        else
            status=1
            echo "sdks/python: Python $version FAILED, see $log:" >&2
            tail -n 30 "$log" >&2
        fi
    done
    return "$status"
}

rm -rf "$out/dist"
rest=
for version in $versions; do
    if ! prepare "$version" >"$out/$version.log" 2>&1; then
        echo "sdks/python: cannot prepare Python $version, see $out/$version.log:" >&2
        tail -n 30 "$out/$version.log" >&2
        exit 1
    fi
    [ "$version" = "$newest" ] || [ "$version" = "$oldest" ] || rest="$rest $version"
done
# The tests wait more than they compute: two at a time, the newest, which takes longest, beside the others.
one=$newest
two=
if [ "$oldest" != "$newest" ]; then
    if [ -n "$rest" ]; then one="$newest $oldest" two=$rest; else two=$oldest; fi
fi
failed=0
# shellcheck disable=SC2086
lane $one &
first=$!
# shellcheck disable=SC2086
lane $two || failed=1
wait "$first" || failed=1
exit "$failed"
