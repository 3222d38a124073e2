# The two commands of a newcomer: `make demo` and `make test`. See README.md.
.PHONY: all build demo demo-real test simulate soak bench bench-checkpoints bench-functions install package asan \
  tsan fuzz clean dependencies

CMAKE ?= /usr/bin/cmake
BUILD ?= build
PREFIX ?= /usr/local
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
export CCACHE_SLOPPINESS := pch_defines,time_macros,include_file_mtime,include_file_ctime

all: build

dependencies:
	@tools/install_dependencies.sh

$(BUILD)/build.ninja: CMakeLists.txt cmake/ArrowWheel.cmake | dependencies
	@$(CMAKE) -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release $(CMAKE_ARGS) \
	  -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >$(BUILD).log || (cat $(BUILD).log; exit 1)
	@rm -f $(BUILD).log

build: dependencies $(BUILD)/build.ninja
	@$(CMAKE) --build $(BUILD) --target millrace

demo: build
	@tools/demo.sh $(ARGS)

# The two-stage job on a real Kafka broker, PostgreSQL and S3 server: until Ctrl-C, or ARGS="--for 60";
# ARGS="--lake iceberg" with an Iceberg table as the lake.
demo-real: build
	@/usr/bin/python3 tools/demo_real.py --program $(BUILD)/millrace $(ARGS)

test: dependencies $(BUILD)/build.ninja
	@$(CMAKE) --build $(BUILD)
	@cd $(BUILD) && ctest --output-on-failure

# Crashes and restores of whole jobs under more seeds: make simulate SEEDS=100000
SEEDS ?= 20000
simulate: dependencies $(BUILD)/build.ninja
	@$(CMAKE) --build $(BUILD) --target unit_tests
	@SEEDS=$(SEEDS) $(BUILD)/unit_tests --gtest_filter='RecoverySimulation.No*:SqlSimulation.No*:SqlSimulation.Files*'

# kill -9 of running jobs, KILLS times in all, and a stop of PAUSE seconds; then what they wrote is compared
# with that of an undisturbed run.
KILLS ?= 100
PAUSE ?= 30
soak: build
	@/usr/bin/python3 tests/soak.py --program $(BUILD)/millrace --kills $(KILLS) --pause $(PAUSE) $(ARGS)

bench: build
	@/usr/bin/python3 bench/run.py --program $(BUILD)/millrace $(ARGS)

# What checkpoints cost: ARGS="--only soak --soak 30min".
bench-checkpoints: build
	@/usr/bin/python3 bench/checkpoints.py --program $(BUILD)/millrace $(ARGS)

# The tests under sanitizers, each in a build folder of its own.
asan:
	@$(MAKE) test BUILD=build-asan CMAKE_ARGS=-DMILLRACE_SANITIZE=address,undefined
tsan:
	@$(MAKE) test BUILD=build-tsan CMAKE_ARGS=-DMILLRACE_SANITIZE=thread

# The parsers of outside bytes under libFuzzer, for FOR altogether; needs clang.
FOR ?= 60s
fuzz: dependencies
	@tools/fuzz.sh $(FOR)

# Single functions beside Arrow's kernels: make bench-functions ARGS=REGEXP
bench-functions: dependencies $(BUILD)/build.ninja
	@$(CMAKE) --build $(BUILD) --target functions_bench
	@$(BUILD)/functions_bench $(ARGS)

install: build
	@$(CMAKE) --install $(BUILD) --prefix $(PREFIX)

package: build
	@tools/package.sh $(BUILD)

clean:
	@rm -rf build build-asan build-tsan build-fuzz
