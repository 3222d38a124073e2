#!/usr/bin/env python3
"""Holds the #include lines under src/ against the table of who may include whom.

Run as a test: prints each include that breaks the rules and fails if there is one.
"""
import pathlib
import re
import sys

# folder -> folders it may include beside its own. base and data may be included by all above them.
ALLOWED = {
    "base": set(),
    "data": {"base"},
    "functions": {"data", "base"},
    "windows": {"data", "base"},
    "state": {"data", "base"},
    "formats": {"data", "base", "connectors/source.h", "connectors/secrets.h"},
    "connectors": {"data", "base", "formats"},
    "operators": {"state", "functions", "windows", "data", "base"},
    "sql": {"data", "base"},
    "plan": {"sql", "functions", "windows", "data", "base"},
    "runtime": {"operators/operator.h", "state", "connectors", "formats", "functions/expression.h", "data",
                "base"},
    "engine": {"plan", "sql", "operators", "runtime", "connectors", "formats", "functions", "windows", "state",
               "data", "base"},
    "server": {"runtime/job.h", "data", "base"},
    "cli": {"engine", "server", "runtime/job.h", "connectors/connector.h", "connectors/iceberg/maintenance.h",
            "connectors/storage/file_system.h", "data", "base"},
}
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def broken_includes(source):
    for path in sorted(source.rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        folder = path.relative_to(source).parts[0]
        test = path.name.endswith("_test.cc")
        for included in INCLUDE.findall(path.read_text()):
            target = included.split("/")[0]
            allowed = ALLOWED.get(folder, set())
            if target != folder and target not in allowed and included not in allowed and not test:
                yield f"{path.relative_to(source)} includes {included}: {folder}/ may include " \
                      f"{', '.join(sorted(allowed)) or 'nothing else'}"


def main():
    broken = list(broken_includes(pathlib.Path(__file__).resolve().parent.parent / "src"))
    print("\n".join(broken) or "all includes keep to the layers")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
