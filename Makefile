# `make demo` and `make test` do everything from a bare Debian machine: install, build, run.
BUILD ?= build/release
JOBS ?= $(shell nproc)

.PHONY: all build demo demo-synth test test-all check tidy format clean
all: build

build:
	@scripts/install-dependencies
	@cmake --preset release -B $(BUILD) >$(or $(TMPDIR),/tmp)/accord-configure.log 2>&1 || { cat $(or $(TMPDIR),/tmp)/accord-configure.log; exit 1; }
	@cmake --build $(BUILD) -j $(JOBS) --target accord

# Debian's tuxpaint stamps: real pictures with captions (about 3 minutes of training on two cores).
demo: build
	@scripts/demo stamps $(BUILD)

# Two coloured shapes and a caption, made on the spot: shows generalisation to captions never seen.
demo-synth: build
	@scripts/demo synth $(BUILD)

test:
	@scripts/install-dependencies
	@scripts/test $(BUILD)

test-all:
	@scripts/install-dependencies
	@scripts/test --all $(BUILD)

# What must be true of the sources without building them.
check:
	@scripts/check-sources

# clang-tidy over all sources; most of an hour of one core.
tidy:
	@scripts/tidy

format:
	@git ls-files '*.cpp' '*.hpp' '*.cu' '*.cuh' | xargs clang-format -i

clean:
	rm -rf build demo-run
