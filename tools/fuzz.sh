#!/usr/bin/env bash
# Runs each fuzz target for a share of the time, in a build folder of its own. What it finds is kept in
# build-fuzz/found; run it again with: FUZZ_TARGET=json build-fuzz/fuzzer build-fuzz/found/json-crash-...
# usage: fuzz.sh 60s
set -euo pipefail
cd "$(dirname "$0")/.."

readonly TARGETS="sql json csv regex raw cast parquet avro protobuf debezium iceberg"
seconds=${1%s}
if ! [[ $seconds =~ ^[0-9]+$ ]]; then
  echo "fuzz: the time must be seconds, as 60s, not '$1'" >&2
  exit 2
fi
compiler=""
for candidate in clang++-19 clang++-18 clang++-17 clang++-16 clang++; do
  if command -v "$candidate" >/dev/null; then compiler=$(command -v "$candidate"); break; fi
done
if [ -z "$compiler" ]; then
  echo "fuzz: needs clang with its runtime: apt-get install clang-19 libclang-rt-19-dev" >&2
  exit 2
fi

/usr/bin/cmake -S . -B build-fuzz -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DMILLRACE_FUZZ=ON -DMILLRACE_SANITIZE=address >build-fuzz.log ||
  { cat build-fuzz.log; exit 1; }
rm -f build-fuzz.log
/usr/bin/cmake --build build-fuzz --target fuzzer

share=$((seconds / 10))
[ "$share" -ge 1 ] || share=1
mkdir -p build-fuzz/found
export ARROW_DEFAULT_MEMORY_POOL=system
for target in $TARGETS; do
  mkdir -p "build-fuzz/corpus/$target"
  echo "fuzzing $target for $share s"
  FUZZ_TARGET=$target build-fuzz/fuzzer -max_total_time="$share" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="build-fuzz/found/$target-" \
    "build-fuzz/corpus/$target" "tests/fuzz/corpus/$target"
done
echo "fuzz: nothing found"
