#!/bin/sh
# Starts the scorer. Where there is a gate (src/gate.rs) it waits until that is open: the late scenario.
set -eu
gate=$TRAIL_CAMERA_OUT/gate
[ ! -e "$gate" ] || flock --shared "$gate" true
exec ../../target/trail-camera/bin/scorer
