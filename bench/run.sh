#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every benchmark, against an optimised build of its own without failpoints. Prints the machine, the
# versions and the sizes first, because a number without them says nothing. Ratios are of programs
# that ran side by side here, one after the other.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build="$top/build-bench"
python="$top/.cache/bench-venv/bin/python3"
[ -x "$python" ] || python=/usr/bin/python3

if [ -e "$build/build.ninja" ]; then reconfigure=--reconfigure; else reconfigure=; fi
# shellcheck disable=SC2086 # empty or one word
meson setup $reconfigure --buildtype=release -Dfailpoints=false -Dtests=false "$build" >/dev/null
ninja -C "$build" >/dev/null

echo "machine   $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
    "$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo), Linux $(uname -r)"
echo "compiler  $(gcc --version | head -n 1)"
echo "steward   $("$build/src/steward" --version), $(stat -c %s "$build/src/steward") bytes"

for bench in "$top"/bench/bench_*.py; do
    printf '\n== %s\n' "$(basename "$bench" .py)"
    "$python" "$bench" "$build"
done
for bench in "$build"/bench/bench_*; do
    [ -x "$bench" ] && [ -f "$bench" ] || continue
    printf '\n== %s\n' "$(basename "$bench")"
    "$bench"
done
