#!/usr/bin/env bash
# Makes a relocatable tarball of the program and the libraries it needs beside Debian's base system.
# usage: package.sh BUILD_FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
version=$("$build/millrace" --version | cut -d' ' -f2)
name="millrace-$version-linux-x86_64"
rm -rf "$build/$name" "$build/$name.tar.zst"
/usr/bin/cmake --install "$build" --prefix "$build/$name" --strip >/dev/null
mkdir -p "$build/$name/share/millrace" && cp -r jobs README.md "$build/$name/share/millrace/"
tar -C "$build" -c "$name" | zstd -q -10 -o "$build/$name.tar.zst"
echo "$build/$name.tar.zst"
