#!/usr/bin/env python3
"""Installs the program into a folder of its own and starts it from there with a bare environment: no
library may come from the build tree, and Arrow's bundled libraries must not mix with the system's.

usage: install_test.py --program build/millrace
"""
import pathlib
import re
import subprocess
import tempfile
import unittest

import program_support

# What the base system of Debian 12 has; all else is brought along.
SYSTEM = re.compile(r"/(libc|libm|libstdc\+\+|libgcc_s|libpthread|libdl|librt|ld-linux-x86-64)\.so[.\d]*$")
# Libraries that are linked into Arrow's and also stand in the system.
BUNDLED = re.compile(r"3re2|4absl|8simdjson|^(SSL|EVP|CRYPTO|OPENSSL|X509|BIO|ZSTD|LZ4|snappy|Brotli)_")


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.prefix = pathlib.Path(cls.temporary.name) / "prefix"
        build = pathlib.Path(program_support.PROGRAM).parent
        subprocess.run(["/usr/bin/cmake", "--install", str(build), "--prefix", str(cls.prefix)], check=True,
                       capture_output=True)
        # Moved: nothing may depend on where it was installed to.
        cls.moved = cls.prefix.rename(cls.prefix.with_name("moved"))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def start(self, **environment):
        done = subprocess.run([str(self.moved / "bin/millrace"), "sql", "-e", "SELECT REGEXP_EXTRACT('ab12', '(\\d+)', 1) AS n"],
                              cwd="/", env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertIn("12", done.stdout)
        return done.stderr

    def test_needs_nothing_of_the_build_tree(self):
        loaded = set(re.findall(r"calling init: (\S+)", self.start(LD_DEBUG="libs")))
        self.assertGreater(len(loaded), 5)
        own = str(self.moved)
        foreign = [path for path in loaded if not path.startswith(own) and not SYSTEM.search(path)]
        self.assertEqual(foreign, [])
        self.assertTrue(any(path.startswith(own) and "libarrow" in path for path in loaded))

    def test_bundled_symbols_do_not_mix_with_the_systems(self):
        log = self.start(LD_DEBUG="bindings", LD_BIND_NOW="1")
        bindings = re.findall(r"binding file (\S+) \[0\] to (\S+) \[0\]: normal symbol `([^']+)'", log)
        self.assertGreater(len(bindings), 1000)
        is_arrow = re.compile(r"/lib(arrow|parquet)").search
        mixed = [(user, giver, symbol) for user, giver, symbol in bindings
                 if BUNDLED.search(symbol) and bool(is_arrow(user)) != bool(is_arrow(giver))]
        self.assertEqual(mixed, [])


if __name__ == "__main__":
    program_support.main()
