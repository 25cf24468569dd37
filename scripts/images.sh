#!/usr/bin/env bash
# Builds the container images with buildah, which needs no daemon, and runs them:
#   tapis/pyevents                    base of Python plugins; both of its import names are tried
#   tapis/events-engine-ex-pyplugin   the seed application's plugin
#   tapis/event-engine-ex-app         the seed application's engine; it runs with the plugin over loopback
# Where the public base images cannot be had, mmdebstrap makes one of this machine's own release. Images and work
# files are in target/images.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$PWD/target/images
mkdir -p "$work/build"

. /etc/os-release
root=(env) # never empty: the function below is named like the program it calls
[ "$(id -u)" = 0 ] || root=(sudo)

missing=()
for tool in buildah mmdebstrap; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "images: please install ${missing[*]} (Debian and Ubuntu have them as packages)" >&2
    exit 1
  fi
  echo "images: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  "${root[@]}" apt-get update -qq
  "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

store=(--root "$work/store" --runroot "$work/run" --storage-driver vfs)
buildah() { "${root[@]}" buildah "${store[@]}" "$@"; }

# What an earlier run left would only take room.
buildah rm --all >/dev/null
buildah rmi --all --force >/dev/null

# How pip reaches its packages on this machine goes into the builds as mounted files and stays out of the images.
mounts=()
pip_settings() {
  local line key value seen=" " conf=$work/build/pip.conf
  echo "[global]" >"$conf"
  while IFS= read -r line; do
    key=${line%%=*}
    key=${key##*.}
    value=${line#*=}
    value=${value#[\'\"]}
    value=${value%[\'\"]}
    [[ $seen != *" $key "* ]] || continue # the environment comes first and wins
    case $key in
      cert)
        mounts+=(--volume "$(realpath "$value"):/run/pip-ca.pem:ro")
        value=/run/pip-ca.pem
        ;;
      find-links)
        [ ! -e "$value" ] || mounts+=(--volume "$value:$value:ro")
        ;;
      index-url | extra-index-url | no-index | trusted-host | proxy | timeout | default-timeout | retries) ;;
      *) continue ;;
    esac
    seen+="$key "
    printf '%s = %s\n' "$key" "${value//\\n/ }" >>"$conf"
  done < <(python3 -m pip config list 2>/dev/null)
  mounts+=(--volume "$conf:/etc/pip.conf:ro")
}

# build NAME CONTEXT DOCKERFILE [ARG=VALUE]...
build() {
  local name=$1 context=$2 file=$3 arguments=()
  shift 3
  for argument in "$@"; do arguments+=(--build-arg "$argument"); done
  echo "images: building $name"
  buildah bud --quiet --isolation chroot --network host --format docker "${mounts[@]}" "${arguments[@]}" \
    --tag "$name" --file "$file" "$context" >"$work/build/log" 2>&1 || {
    tail -n 40 "$work/build/log" >&2
    exit 1
  }
}

# Runs the command in a new container of image $1 with the settings of `buildah run` up to `--`.
run_in() {
  local container
  container=$(buildah from --pull-never "$1")
  shift
  local status=0
  buildah run --isolation chroot --network host "${@/#@/$container}" || status=$?
  buildah rm "$container" >/dev/null
  return "$status"
}

entry_point() {
  buildah inspect --type image --format '{{range .OCIv1.Config.Entrypoint}}{{println .}}{{end}}' "$1" | grep .
}

cargo build --quiet --release -p event-engine-example-seed
install -D "${CARGO_TARGET_DIR:-target}/release/seed" "$work/build/engine/seed"

python_base=python:3.13-slim-bookworm
engine_base=$ID:$VERSION_ID # of the release that the binary is built on: the same glibc
if ! { "${root[@]}" timeout 600 buildah "${store[@]}" pull --quiet "$python_base" &&
  "${root[@]}" timeout 600 buildah "${store[@]}" pull --quiet "$engine_base"; } >/dev/null 2>&1; then
  own=$work/base-$VERSION_CODENAME.tar
  if [ ! -s "$own" ]; then
    echo "images: the public base images cannot be had; making one of $ID $VERSION_CODENAME"
    "${root[@]}" mmdebstrap --quiet --format=tar --variant=minbase \
      --include=ca-certificates,python3,python3-pip,python-is-python3 "$VERSION_CODENAME" "$own.new"
    "${root[@]}" mv "$own.new" "$own"
  fi
  printf 'FROM scratch\nADD %s /\n' "$(basename "$own")" >"$work/build/Dockerfile.base"
  build localhost/event-engine-base "$work" "$work/build/Dockerfile.base"
  python_base=localhost/event-engine-base
  engine_base=localhost/event-engine-base
fi

pip_settings
build tapis/pyevents pyevents pyevents/Dockerfile "BASE=$python_base"
mounts=()
build tapis/events-engine-ex-pyplugin examples/seed examples/seed/Dockerfile.plugin BASE=localhost/tapis/pyevents
build tapis/event-engine-ex-app "$work/build/engine" examples/seed/Dockerfile.engine "BASE=$engine_base" BINARY=seed

run_in tapis/pyevents @ -- python -c '
import events, pyevents.events
from events import get_next_msg, get_plugin_socket, publish_msg, send_quit_command
assert events is pyevents.events
print("images: in tapis/pyevents both import names work")'

mapfile -t engine_command < <(entry_point tapis/event-engine-ex-app)
mapfile -t plugin_command < <(entry_point tapis/events-engine-ex-pyplugin)
run_in tapis/event-engine-ex-app --env EVENT_ENGINE_BIND=127.0.0.1 @ -- timeout 120 "${engine_command[@]}" \
  >"$work/build/engine.out" 2>&1 &
engine=$!
run_in tapis/events-engine-ex-pyplugin --env EVENT_ENGINE_HOST=127.0.0.1 @ -- timeout 120 "${plugin_command[@]}" \
  >"$work/build/plugin.out" 2>&1 &
plugin=$!
engine_status=0
plugin_status=0
wait "$engine" || engine_status=$?
wait "$plugin" || plugin_status=$?
if [ "$engine_status $plugin_status" != "0 0" ]; then
  tail -n 20 "$work/build/engine.out" "$work/build/plugin.out" >&2
  echo "images: the engine's container ended with $engine_status, the plugin's with $plugin_status" >&2
  exit 1
fi
if ! grep -h ' got ' "$work/build/engine.out" "$work/build/plugin.out" | LC_ALL=C sort |
  diff -u examples/seed/expected.txt -; then
  echo "images: the containers did not get what examples/seed/expected.txt says" >&2
  exit 1
fi
echo "images: the seed application ran in two containers; both ended with 0, and every plugin got what it should"
