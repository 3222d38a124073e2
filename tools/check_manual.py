#!/usr/bin/env python3
"""Compares docs/sql/functions.md with what the program prints. Run as a test."""
import pathlib
import subprocess
import sys


def main():
    page = pathlib.Path(__file__).resolve().parent.parent / "docs" / "sql" / "functions.md"
    printed = subprocess.run([sys.argv[1], "docs", "functions"], capture_output=True, text=True, check=True).stdout
    if page.read_text() == printed:
        return 0
    print(f"{page.name} is not what the program prints. Renew it: millrace docs functions > docs/sql/functions.md")
    return 1


if __name__ == "__main__":
    sys.exit(main())
