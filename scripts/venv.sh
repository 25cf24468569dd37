#!/usr/bin/env bash
# Makes target/venv, a Python environment with pyzmq, once; prints its interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=target/venv
if ! "$venv/bin/python" -c 'import zmq' 2>/dev/null; then
  python3 -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'pyzmq>=25' >&2
fi
echo "$venv/bin/python"
