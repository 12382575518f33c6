#!/usr/bin/env bash
# step.sh NAME COMMAND…: says what is being done, does it, and says how long it took.
set -uo pipefail

name=$1
shift
started=$(date +%s%N)
echo "▸ $name"
"$@"
status=$?
tookMs=$((($(date +%s%N) - started) / 1000000))
took=$(printf '%d.%d s' $((tookMs / 1000)) $((tookMs % 1000 / 100)))
if [ $status -eq 0 ]; then echo "✓ $name ($took)"; else echo "✗ $name failed with exit code $status ($took)" >&2; fi
exit $status
