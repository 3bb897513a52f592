#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes sure that the packages for what is asked for are there: setup.sh [build] [test] [cov] [bench]
#
# As root on Debian it installs what is missing, by name. As anybody else it names each missing
# package and what it is for, and ends with 1. When everything is there it changes nothing and takes
# a few milliseconds. `test` and `bench` also keep a Python environment in .cache/ up to date with the
# pinned versions of their requirements.txt.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
cache="$top/.cache"

packages() {
    cat <<'LIST'
build gcc                    the C compiler
build libc6-dev              headers of the C library
build meson                  the build system
build ninja-build            runs the build
build pkg-config             finds the libraries below
build python3                runs Meson and the steps of the build that make files
build libssl-dev             OpenSSL: hashes, signatures, random numbers
build libxxhash-dev          xxHash: fast keys of the planner
build libcurl4-openssl-dev   libcurl: the HTTP client
build libjansson-dev         Jansson: JSON
build libcyaml-dev           libcyaml: rule sets
build libyaml-dev            libyaml, on which libcyaml stands
build libsqlite3-dev         SQLite: the journal
build libutf8proc-dev        utf8proc: Unicode
build libidn2-dev            libidn2: international domain names
build libsodium-dev          libsodium: encrypted backups
build zlib1g-dev             zlib: compressed answers of remotes
build libzstd-dev            Zstandard: compressed backups
build libmicrohttpd-dev      libmicrohttpd: the sandbox's HTTP server
test  clang-14               the second compiler, and the fuzzers
test  libclang-rt-14-dev     its run-time library for fuzzing
test  clang-format-14        checks the layout
test  clang-tidy-14          the static analyser
test  python3-venv           an environment for the test libraries from PyPI
test  ca-certificates        to download them
test  mandoc                 checks the man page
test  chromium               opens reports as a person does
test  prometheus             promtool: checks metrics, alert rules
test  tmux                   a terminal for the progress block
cov   gcovr                  coverage as a table
bench python3-venv           an environment for the programs that are compared with
bench ca-certificates        to download them
bench time                   CPU time and peak memory
LIST
}

# Whether a package is installed; another package may provide it (pkgconf for pkg-config).
present() {
    case $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) in
    "install ok installed") return 0 ;;
    esac
    case $1 in
    pkg-config) command -v pkg-config >/dev/null 2>&1 ;;
    *) return 1 ;;
    esac
}

install_packages() {
    missing=
    for set in "$@"; do
        for name in $(packages | awk -v set="$set" '$1 == set { print $2 }'); do
            present "$name" || case " $missing " in
            *" $name "*) ;;
            *) missing="$missing $name" ;;
            esac
        done
    done
    [ -n "$missing" ] || return 0

    echo "setup: missing packages:" >&2
    for name in $missing; do
        packages | awk -v name="$name" '
            $2 == name { $1 = ""; $2 = ""; sub(/^ +/, ""); printf "  %-22s %s\n", name, $0; exit }' >&2
    done
    if [ "$(id -u)" -ne 0 ]; then
        echo "hint: as root: apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -o Acquire::Retries=3 update >&2
    # shellcheck disable=SC2086 # a list of names
    apt-get -q -y -o Acquire::Retries=3 install --no-install-recommends $missing >&2
}

# Debian's own python3: the first one on PATH may belong to another tool and lack what Debian brings.
system_python() {
    if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else command -v python3; fi
}

# python_env NAME FILE: the environment .cache/NAME holds exactly what FILE pins. The copy of FILE in
# it is written last and says that it is complete.
python_env() {
    env="$cache/$1"
    file="$top/$2"
    [ -f "$file" ] || return 0
    if [ -x "$env/bin/python3" ] && cmp -s "$file" "$env/requirements.txt"; then
        return 0
    fi
    echo "setup: Python environment .cache/$1 from $2" >&2
    rm -rf "$env"
    mkdir -p "$cache"
    "$(system_python)" -m venv "$env"
    "$env/bin/python3" -m pip install --quiet --disable-pip-version-check --retries 5 \
        --requirement "$file" >&2
    cp "$file" "$env/requirements.txt"
}

[ $# -gt 0 ] || set -- build
if command -v dpkg-query >/dev/null 2>&1; then
    install_packages "$@"
else
    echo "setup: not a Debian system; these packages or their like are needed:" >&2
    packages | sed 's/^/  /' >&2
fi
for set in "$@"; do
    case $set in
    build | cov) ;;
    test) python_env venv test/requirements.txt ;;
    bench) python_env bench-venv bench/requirements.txt ;;
    *)
        echo "usage: setup.sh [build] [test] [cov] [bench]" >&2
        exit 2
        ;;
    esac
done
