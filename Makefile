# SPDX-License-Identifier: MIT
# Thin over Meson: every target sets up what it needs and may be called first.

PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
JOBS ?= $(shell nproc)

RUN = ./test/python test/run.py --jobs $(JOBS)

.PHONY: all demo test bench asan tsan fuzz cov lint format install clean help

# The program in build/, optimised, with debug information; warnings are errors.
all: build/build.ninja
	ninja -C build -j $(JOBS)

build/build.ninja: scripts/setup.sh
	scripts/setup.sh build
	meson setup $(if $(wildcard build/build.ninja),--reconfigure) -Dwerror=true build
	@touch $@

demo: all
	scripts/demo.sh

# Everything: both compilers, all suites, with and without sanitizers. Ends with "N passed, N failed".
test:
	scripts/setup.sh build test
	$(RUN)

asan tsan:
	scripts/setup.sh build test
	$(RUN) --flavor $@

# Each fuzz target for FUZZ_SECONDS seconds, from its corpus.
fuzz:
	scripts/setup.sh build test
	$(RUN) --fuzz-seconds $(FUZZ_SECONDS)

cov:
	scripts/setup.sh build test cov
	$(RUN) --flavor cov

lint:
	scripts/setup.sh build test
	$(RUN) --flavor lint

format:
	scripts/setup.sh build test
	find src test bench -name '*.[ch]' -exec clang-format-14 -i {} +

bench:
	scripts/setup.sh build bench
	bench/run.sh

# A build of its own: no failpoints, data files at their installed place.
install:
	scripts/setup.sh build
	meson setup $(if $(wildcard build-install/build.ninja),--reconfigure) --buildtype=release \
	    -Dfailpoints=false -Din_tree=false -Dtests=false --prefix='$(PREFIX)' build-install
	ninja -C build-install -j $(JOBS)
	meson install --no-rebuild -C build-install $(if $(DESTDIR),--destdir '$(abspath $(DESTDIR))')

clean:
	rm -rf build build-asan build-tsan build-clang build-cov build-fuzz build-install build-bench demo

help:
	@echo 'make            builds build/src/steward'
	@echo 'make demo       a whole merge against the sandbox, killed and resumed on the way'
	@echo 'make test       every test; ends with "N passed, N failed"'
	@echo 'make bench      speed and memory beside other programs'
	@echo 'make asan tsan  the tests with one sanitizer'
	@echo 'make fuzz       the fuzzers, FUZZ_SECONDS=60 each'
	@echo 'make cov        line coverage of the unit and integration tests'
	@echo 'make lint       layering, layout, banned functions, static analysis'
	@echo 'make format     lays out all C files'
	@echo 'make install    PREFIX=/usr/local DESTDIR='
	@echo 'make clean      removes the builds; the packages and .cache/ stay'
