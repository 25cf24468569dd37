#!/usr/bin/env bash
# Installs what the project needs and this machine lacks: a C toolchain, pkg-config, libzmq, Python with venv.
# On Debian and Ubuntu by apt; elsewhere it says in one line what to install.
set -euo pipefail

command -v cargo >/dev/null || {
  echo "setup: Rust is missing: install it with rustup (it reads rust-toolchain.toml), then run this again" >&2
  exit 1
}

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v pkg-config >/dev/null && pkg-config --exists libzmq || missing+=(libzmq3-dev)
command -v python3 >/dev/null || missing+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "setup: please install a C compiler, pkg-config, the development files of libzmq 4.1 or newer, and Python 3.8 or newer with venv" >&2
  exit 1
fi
root=()
[ "$(id -u)" = 0 ] || root=(sudo)
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get update -qq
"${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
