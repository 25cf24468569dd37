#!/usr/bin/env bash
# Installs what the project needs and this machine lacks, for the languages in LANGS (all unless said): a C toolchain,
# pkg-config, libzmq, Python with venv, cmake and what the C tests use. On Debian and Ubuntu by apt; elsewhere it says in one line what to
# install. Rust and Go are not installed: it says plainly when one is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/languages.sh

command -v cargo >/dev/null || {
  echo "setup: Rust is missing: install it with rustup (it reads rust-toolchain.toml), then run this again" >&2
  exit 1
}
if wanted go; then
  command -v go >/dev/null || {
    echo "setup: Go is missing: install 1.23 or newer from https://go.dev/dl, or leave it out with LANGS=rust,python,c" >&2
    exit 1
  }
  version=$(go env GOVERSION)
  [ "$(printf '%s\n' go1.23 "$version" | sort -V | head -1)" = go1.23 ] || {
    echo "setup: Go is $version, 1.23 or newer is needed; or leave it out with LANGS=rust,python,c" >&2
    exit 1
  }
fi

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v pkg-config >/dev/null || missing+=(pkg-config)
library() { command -v pkg-config >/dev/null && pkg-config --exists "$1" || missing+=("$2"); }
library libzmq libzmq3-dev
command -v python3 >/dev/null || missing+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if wanted c; then
  command -v c++ >/dev/null || missing+=(g++)
  command -v cmake >/dev/null || missing+=(cmake)
  command -v make >/dev/null || missing+=(make)
  command -v valgrind >/dev/null || missing+=(valgrind libc6-dbg)
  library libprotobuf-c libprotobuf-c-dev
  command -v protoc-gen-c >/dev/null || missing+=(protobuf-c-compiler)
  library jansson libjansson-dev
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "setup: please install what these Debian packages hold: ${missing[*]}" >&2
  exit 1
fi
root=()
[ "$(id -u)" = 0 ] || root=(sudo)
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get update -qq
"${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
