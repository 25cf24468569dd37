#!/bin/sh
# Tests the built wheel on every Python from 3.8 to 3.13 that this machine has, on PATH or from pyenv.
# FAST=1 takes only the oldest one and the default python3. The oldest gets the oldest pyzmq allowed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$(dirname "$here")/target/venvs
mkdir -p "$out"

# Prints "X.Y" when $1 is a Python that works and that this package supports.
version_of() {
    "$1" -c 'import sys, venv, ensurepip
v = sys.version_info[:2]
if (3, 8) <= v <= (3, 13): print("%d.%d" % v)' 2>/dev/null || true
}

# Prints the first working interpreter of version $1.
find_python() {
    for candidate in "$(command -v "python$1" || true)" "$HOME/.pyenv/versions/$1".*/bin/python; do
        if [ -x "$candidate" ] && [ "$(version_of "$candidate")" = "$1" ]; then
            echo "$candidate"
            return
        fi
    done
}

default=$(version_of python3)
oldest=
versions=
for version in 3.8 3.9 3.10 3.11 3.12 3.13; do
    if [ "$version" = "$default" ] || [ -n "$(find_python "$version")" ]; then
        oldest=${oldest:-$version}
        versions="$versions $version"
    fi
done
if [ -z "$versions" ]; then
    echo "pyevents: no Python 3.8 to 3.13 with venv found: install python3 and python3-venv" >&2
    exit 1
fi
if [ "${FAST:-0}" = 1 ]; then
    versions=$oldest
    if [ -n "$default" ] && [ "$default" != "$oldest" ]; then versions="$versions $default"; fi
fi

wheel=
failed=0
for version in $versions; do
    if [ "$version" = "$default" ]; then python=python3; else python=$(find_python "$version"); fi
    venv=$out/$version
    log=$out/$version.log
    pyzmq=pyzmq
    [ "$version" = "$oldest" ] && pyzmq=pyzmq==25.0.0
    if {
        { [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"; } &&
            if [ -z "$wheel" ]; then
                rm -rf "$out/dist" &&
                    "$venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$out/dist" "$here"
            fi &&
            "$venv/bin/python" -m pip install --quiet pytest "$pyzmq" &&
            "$venv/bin/python" -m pip install --quiet --no-deps --force-reinstall "$out"/dist/*.whl &&
            cd "$here/tests" &&
            "$venv/bin/pytest" --rootdir "$here" -c "$here/pyproject.toml" -p no:cacheprovider .
    } >"$log" 2>&1; then
        wheel=built
        zmq=$("$venv/bin/python" -c 'import zmq; print(zmq.__version__, "libzmq", zmq.zmq_version())')
        echo "pyevents: Python $version, pyzmq $zmq: $(tail -n 1 "$log")"
    else
        failed=1
        echo "pyevents: Python $version FAILED, see $log:" >&2
        tail -n 30 "$log" >&2
    fi
done
exit "$failed"
