#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every benchmark, or those that are named (bench/run.sh report limiter), against an optimised build of
# its own without failpoints. Prints the machine, the versions and the sizes first, because a number
# without them says nothing. Ratios are of programs that ran side by side here, one after the other.
#
# One that fails does not keep the others from running; the exit status is then 1.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
build="$top/build-bench"
python="$top/.cache/bench-venv/bin/python3"
[ -x "$python" ] || python=/usr/bin/python3
minutes=20 # for one benchmark; the longest takes a quarter of that

if [ -e "$build/build.ninja" ]; then reconfigure=--reconfigure; else reconfigure=; fi
# shellcheck disable=SC2086 # empty or one word
meson setup $reconfigure --buildtype=release -Dfailpoints=false -Dtests=false "$build" >/dev/null &&
    ninja -C "$build" >/dev/null || exit 1

version() { pkg-config --modversion "$1" 2>/dev/null || echo unknown; }

echo "machine   $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
    "$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo), Linux $(uname -r)"
echo "disk      $(df --output=fstype,avail -h "${TMPDIR:-/tmp}" | tail -n 1 | tr -s ' ') free below ${TMPDIR:-/tmp}"
echo "compiler  $(gcc --version | head -n 1)"
echo "libraries sqlite $(version sqlite3), curl $(version libcurl), zstd $(version libzstd)," \
    "openssl $(version openssl), jansson $(version jansson)"
echo "python    $("$python" --version 2>&1)$("$python" -c 'import duckdb
print(", duckdb " + duckdb.__version__)' 2>/dev/null)"
echo "steward   $("$build/src/steward" --version), $(stat -c %s "$build/src/steward") bytes"
echo "load      $(cut -d ' ' -f 1-3 /proc/loadavg)"

failed=
run() { # NAME COMMAND...
    name=$1
    shift
    if [ -n "$wanted" ]; then
        case " $wanted " in
        *" $name "*) ;;
        *) return ;;
        esac
    fi
    printf '\n== %s\n' "$name"
    begin=$(date +%s)
    if ! timeout --kill-after=10 "${minutes}m" "$@"; then
        echo "failed"
        failed="$failed $name"
    fi
    echo "($(($(date +%s) - begin)) s)"
}

wanted=$*
for bench in "$build"/bench/bench_*; do
    [ -x "$bench" ] && [ -f "$bench" ] || continue
    name=$(basename "$bench")
    run "${name#bench_}" "$bench"
done
for bench in "$top"/bench/bench_*.py; do
    name=$(basename "$bench" .py)
    run "${name#bench_}" "$python" "$bench" "$build"
done
[ -z "$failed" ] || {
    printf '\nfailed:%s\n' "$failed"
    exit 1
}
