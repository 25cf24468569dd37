#!/bin/sh
# Writes the API reference to $BUILD (target/docs/python unless said) with a pinned pdoc in a venv of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=$(cd "$here/../.." && pwd)/target
build=${BUILD:-$target/docs/python}
venv=$target/venvs/docs
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet pdoc==15.0.4 'pyzmq>=25' 'protobuf>=5.26.1'
"$venv/bin/python" -m pip install --quiet --no-deps "$here"
"$venv/bin/python" -W error -m pdoc --docformat restructuredtext --no-show-source --output-directory "$build" \
    event_engine event_engine.aio event_engine.envelope
echo "$build/index.html"
