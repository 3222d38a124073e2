#!/usr/bin/env bash
# Installs what Millrace is built with on Debian 12: packages by apt, Arrow C++ and Parquet from the
# libraries inside the pyarrow wheel (an installed Arrow of the same version may be used instead, see
# CMakeLists.txt), librdkafka from that of confluent-kafka, which the tests use as an independent client too.
# Repeats cheaply and needs no network the second time.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly PYARROW=26.0.1
readonly WHEEL_SHA256=39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c
readonly CONFLUENT=2.16.1
readonly CONFLUENT_SHA256=24f613cc81a856b6fbb2d7d11044a9aa770044eecc1f83ff84618688b056be06
readonly PACKAGES="g++ cmake ninja-build ccache mold pkg-config python3 python3-pip
  libsimdjson-dev libmimalloc-dev libfmt-dev libcli11-dev libpcre2-dev libzstd-dev zlib1g-dev
  libsqlite3-dev libedit-dev libxxhash-dev libcurl4-openssl-dev librdkafka-dev
  libpq-dev librocksdb-dev libboost1.81-dev libgtest-dev sqlite3"

missing=""
for package in $PACKAGES; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=" $package"
done
if [ -n "$missing" ]; then
  echo "installing Debian packages:$missing"
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends $missing >/dev/null
fi

if [ ! -f ".deps/arrow-$PYARROW/complete" ] || [ ! -f ".deps/arrow-$PYARROW/lib/libarrow_s3.so.2600" ]; then
  echo "fetching Arrow C++ (pyarrow $PYARROW)"
  rm -rf .deps/new && mkdir -p .deps/new
  /usr/bin/python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 \
    --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 -d .deps/new "pyarrow==$PYARROW"
  wheel=$(ls .deps/new/*.whl)
  echo "$WHEEL_SHA256  $wheel" | sha256sum --check --quiet
  /usr/bin/python3 tools/unpack_arrow.py "$wheel" .deps/new/arrow
  touch .deps/new/arrow/complete
  rm -rf ".deps/arrow-$PYARROW" && mv .deps/new/arrow ".deps/arrow-$PYARROW"
  rm -rf .deps/new
fi

if [ ! -d ".deps/confluent-kafka-$CONFLUENT" ]; then
  echo "fetching librdkafka (confluent-kafka $CONFLUENT)"
  rm -rf .deps/new && mkdir -p .deps/new
  /usr/bin/python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 \
    --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 -d .deps/new "confluent-kafka==$CONFLUENT"
  wheel=$(ls .deps/new/*.whl)
  echo "$CONFLUENT_SHA256  $wheel" | sha256sum --check --quiet
  /usr/bin/python3 -m zipfile -e "$wheel" .deps/new
  mv .deps/new ".deps/confluent-kafka-$CONFLUENT"
fi
