#!/usr/bin/env bash
# Tests the C envelope library: with sanitizers, as C++ sees the header, and as installed (pkg-config and CMake).
# Needs cmake, pkg-config, libprotobuf-c-dev, libjansson-dev. The last line says how many tests passed.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
step() { "$@" >"$log" 2>&1 || { cat "$log" >&2; echo "failed: $*" >&2; exit 1; }; }

step cmake -S . -B "$work/sanitized" -DEE_ENVELOPE_SANITIZE=ON
step cmake --build "$work/sanitized" --parallel 2
result=$(timeout 120 "$work/sanitized/test_envelope") || { echo "$result"; exit 1; }

step g++ -std=c++17 -Wall -Wextra -Werror -Wpedantic -fsyntax-only -x c++ include/event_engine_envelope.h

step cmake -S . -B "$work/release" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$work/installed" \
  -DCMAKE_INSTALL_LIBDIR=lib
step cmake --build "$work/release" --parallel 2
step ctest --test-dir "$work/release"
step cmake --install "$work/release"

# Nothing but the interface is visible.
visible=$(nm -D --defined-only "$work/installed/lib/libevent_engine_envelope.so" | awk '{ print $3 }' | sort | tr '\n' ' ')
expected="ee_envelope_free ee_envelope_open ee_envelope_seal ee_envelope_set_time_now ee_envelope_status_text "
[ "$visible" = "$expected" ] || { echo "failed: the library shows $visible" >&2; exit 1; }

export PKG_CONFIG_PATH=$work/installed/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
read -ra flags <<<"$(pkg-config --cflags --libs event-engine-envelope)"
step cc examples/seal.c "${flags[@]}" -Wl,-rpath,"$work/installed/lib" -o "$work/by-pkg-config"
step timeout 20 "$work/by-pkg-config"

mkdir "$work/user"
cat >"$work/user/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(user C)
find_package(event_engine_envelope 0.3 REQUIRED)
add_executable(shared seal.c)
target_link_libraries(shared event_engine_envelope::event_engine_envelope)
add_executable(static seal.c)
target_link_libraries(static event_engine_envelope::event_engine_envelope_static)
CMAKE
cp examples/seal.c "$work/user"
step cmake -S "$work/user" -B "$work/user/build" -DCMAKE_PREFIX_PATH="$work/installed"
step cmake --build "$work/user/build"
step timeout 20 "$work/user/build/shared"
step timeout 20 "$work/user/build/static"
echo "$result"
