#!/usr/bin/env bash
# scripts/venv.sh [NAME REQUIREMENT...]: makes target/NAME, a Python environment, once; prints its interpreter.
# Without arguments target/venv with pyzmq. Several may ask at the same time.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- venv 'pyzmq>=25'
venv=target/$1
shift
# Written at the end, so that what was cut short is made anew.
holds=$venv/holds
made() { [ -x "$venv/bin/python" ] && [ "$(cat "$holds" 2>/dev/null)" = "$*" ]; }
if ! made "$@"; then
  mkdir -p target
  exec 9>"$venv.lock"
  flock 9
  if ! made "$@"; then
    python3 -m venv --clear "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
    echo "$*" >"$holds"
  fi
fi
echo "$venv/bin/python"
