#!/usr/bin/env python3
"""Unpacks the Arrow C++ headers and shared libraries of a pyarrow wheel into a folder.

usage: unpack_arrow.py WHEEL OUT

The wheel's libraries export symbols of third-party code that is linked into them (re2, absl, simdjson,
OpenSSL). A program that also links the system's own copy would bind to whichever comes first, with
silently wrong results. So every such symbol that no sibling library imports is made hidden: in an ELF64
.dynsym entry the two low bits of st_other hold the visibility, 2 is STV_HIDDEN.
"""
import pathlib
import re
import struct
import sys
import zipfile

LIBRARIES = re.compile(r"pyarrow/(libarrow|libarrow_compute|libarrow_s3|libparquet)\.so\.\d+$")
OURS = re.compile(r"^_ZN?K?(S|5arrow|7parquet|T|GV)|arrow|parquet|^_init$|^_fini$")
THIRD_PARTY = re.compile(r"3re2|4absl|8simdjson|19simdjson_fast_float")
SHT_DYNSYM, STV_HIDDEN, SYMBOL_BYTES = 11, 2, 24


def dynamic_symbols(image):
    """Yields (offset of the entry, name, is local, is defined) of each dynamic symbol."""
    (section_table,) = struct.unpack_from("<Q", image, 0x28)
    (section_count,) = struct.unpack_from("<H", image, 0x3C)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, section_table + 64 * i) for i in range(section_count)]
    table = next(s for s in sections if s[1] == SHT_DYNSYM)
    strings = sections[table[6]][4]
    for entry in range(table[4] + SYMBOL_BYTES, table[4] + table[5], SYMBOL_BYTES):
        name, info, _, section = struct.unpack_from("<IBBH", image, entry)
        start = strings + name
        text = bytes(image[start:image.index(b"\0", start)]).decode()
        yield entry, text, info >> 4 == 0, section != 0


def is_third_party(name):
    if THIRD_PARTY.search(name):
        return not re.match(r"_ZNK?5arrow", name)
    return not name.startswith("_Z") and not OURS.search(name)


def hide_third_party(libraries):
    imported = {path: {n for _, n, _, defined in dynamic_symbols(image) if not defined}
                for path, image in libraries.items()}
    for path, image in libraries.items():
        siblings = set().union(*(names for other, names in imported.items() if other != path))
        for entry, name, local, defined in list(dynamic_symbols(image)):
            if defined and not local and name not in siblings and is_third_party(name):
                image[entry + 5] = image[entry + 5] & ~3 | STV_HIDDEN


def main():
    wheel, out = zipfile.ZipFile(sys.argv[1]), pathlib.Path(sys.argv[2])
    libraries = {}
    for name in wheel.namelist():
        if LIBRARIES.match(name):
            libraries[out / "lib" / pathlib.Path(name).name] = bytearray(wheel.read(name))
        elif not name.endswith("/") and (name.startswith("pyarrow/include/") or "/licenses/" in name):
            target = out / name.removeprefix("pyarrow/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(wheel.read(name))
    hide_third_party(libraries)
    for path, image in libraries.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)


if __name__ == "__main__":
    main()
