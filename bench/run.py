#!/usr/bin/env python3
"""Measures Millrace: runs the queries of bench/sql and prints a table.

Each query runs in a process of its own; CPU seconds (user and system) and peak memory are the
kernel's figures for that process. The input is generated once, by Millrace itself, below
.cache/bench.
See bench/README.md for how to read the table.
"""

import argparse
import os
import pathlib
import random
import shutil
import string
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
SQL = ROOT / "bench" / "sql"

# Events per CPU-second of Flink 2.3, parallelism 1, hot JVM, from the same kind of JSON file.
# Those of q5 and q7 are for the whole queries, which join the aggregations that are run here.
FLINK = {"q0": 300_000, "q1": 300_000, "q2": 300_000, "q5": 206_000, "q7": 73_000,
         "q10": 174_000, "q11": 195_000, "q12": 217_000, "q14": 252_000, "q15": 220_000,
         "q16": 100_000, "q17": 190_000, "q21": 185_000, "q22": 239_000, "viewing": 110_000}
QUERIES = [*FLINK, "weblog"]
# The table that a query reads.
TABLE = {"viewing": "heartbeat", "weblog": "log"}
# A generator needs more events than a file for a run that is long against the start of the process.
GENERATOR_FACTOR = 4
COLUMNS = [("query", 8), ("source", 9), ("workers", 7), ("events", 11), ("seconds", 7),
           ("events/CPU-second", 17), ("peak MB", 7), ("Flink", 7), ("ratio", 5)]


class Run(NamedTuple):
    query: str
    source: str
    workers: int
    events: int
    script: str


class Figures(NamedTuple):
    seconds: float
    cpu_seconds: float
    peak_mb: float


class Bench:
    def __init__(self, arguments: argparse.Namespace):
        self.program = str(pathlib.Path(arguments.program).resolve())
        self.events = arguments.events
        self.cache = pathlib.Path(arguments.cache).resolve()
        self.cache.mkdir(parents=True, exist_ok=True)

    def fill(self, name: str, **values) -> str:
        """The text of bench/sql/<name>.sql with its ${placeholders} replaced."""
        return string.Template((SQL / f"{name}.sql").read_text()).safe_substitute(values)

    def execute(self, script: str, workers: int) -> Figures:
        """Runs a script to its end; exits with its output if it fails."""
        with tempfile.TemporaryDirectory(dir=self.cache) as folder:
            file = pathlib.Path(folder) / "query.sql"
            # What a query writes goes with the folder.
            file.write_text(string.Template(script).safe_substitute(output=f"{folder}/output"))
            log = pathlib.Path(folder) / "log"
            command = [self.program, "run", str(file), "--set", f"parallelism.default={workers}"]
            start = time.monotonic()
            with log.open("wb") as output:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                           stderr=subprocess.STDOUT, cwd=self.cache)
                _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n"
                                   f"{log.read_text(errors='replace')[-2000:]}\n{script}")
        return Figures(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

    def input_of(self, table: str, form: str) -> pathlib.Path:
        """The folder with the generated input, made now if it is not there yet."""
        events = self.events_of(table, form)
        folder = self.cache / f"{table}-{form}-{events}"
        done = folder.with_suffix(".done")
        if done.exists():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        print(f"generating {events:,} events into {folder}", file=sys.stderr, flush=True)
        if table == "log":
            write_log(folder, events)
        else:
            name = "generate_nexmark" if table == "bid" else "generate_viewing"
            self.execute(self.fill(name, events=events, output=folder, format=form), workers=1)
        done.touch()
        return folder

    def events_of(self, table: str, source: str) -> int:
        if table == "log":
            return max(self.events // 5, 1)
        return self.events * GENERATOR_FACTOR if source == "generator" else self.events

    def plan(self, query: str, source: str, workers: int) -> Run:
        table = TABLE.get(query, "bid")
        events = self.events_of(table, source)
        if source == "generator":
            tables = self.fill(f"source_{table}_generator", events=events)
        else:
            tables = self.fill(f"source_{table}_file", input=self.input_of(table, source),
                               format=source)
        return Run(query, source, workers, events, self.fill(query, source=tables))


def write_log(folder: pathlib.Path, lines: int) -> None:
    """An AWS ELB access log: visits of some clients a day, out of order by up to 7 s."""
    draw = random.Random(1)
    folder.mkdir(parents=True)
    agent = ("Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) "
             "Chrome/43.0.2357.130 Safari/537.36")
    clients = max(lines // 12, 1)
    with (folder / "access.log").open("w") as out:
        for line in range(lines):
            millis = max(0, line * 86_400_000 // lines - draw.randrange(7000))
            client = int(clients * draw.random() ** 2)
            clock = f"{millis // 3600000:02}:{millis // 60000 % 60:02}:{millis // 1000 % 60:02}"
            out.write(
                f"2015-07-22T{clock}.{millis % 1000:03}143Z shop "
                f"100.{client >> 16 & 255}.{client >> 8 & 255}.{client & 255}:"
                f"{draw.randrange(1024, 65536)} 10.0.6.{draw.randrange(256)}:80 0.000022 0.026109 "
                f"0.00002 200 200 0 {draw.randrange(100, 9000)} "
                f"\"GET https://shop.example.com:443/shop/p/{draw.randrange(5000)} HTTP/1.1\" "
                f"\"{agent}\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2\n")


def print_row(run: Run, figures: Figures) -> None:
    rate = run.events / figures.cpu_seconds
    # Flink was measured from a JSON file; against other sources the comparison would not be fair.
    flink = FLINK.get(run.query) if run.source == "json" else None
    cells = [run.query, run.source, f"{run.workers}", f"{run.events:,}", f"{figures.seconds:.2f}",
             f"{rate:,.0f}", f"{figures.peak_mb:.0f}", f"{flink:,}" if flink else "-",
             f"{rate / flink:.1f}" if flink else "-"]
    print_cells(cells)


def print_head() -> None:
    print_cells([name for name, _ in COLUMNS])
    print("|" + "|".join("-" * (width + 2) for _, width in COLUMNS) + "|", flush=True)


def print_cells(cells: list[str]) -> None:
    """One line of the table: the first two columns to the left, numbers to the right."""
    padded = [cell.ljust(width) if i < 2 else cell.rjust(width)
              for i, (cell, (_, width)) in enumerate(zip(cells, COLUMNS))]
    print("| " + " | ".join(padded) + " |", flush=True)


def sources_of(query: str, sources: list[str]) -> list[str]:
    return ["log"] if query == "weblog" else sources


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build" / "millrace"))
    parser.add_argument("--cache", default=str(ROOT / ".cache" / "bench"))
    parser.add_argument("--events", type=int, default=5_000_000,
                        help="events in a file; the generators make four times as many, the log a "
                             "fifth")
    parser.add_argument("--only", default=",".join(QUERIES), help="queries, like q0,q11,viewing")
    parser.add_argument("--workers", default="1,2", help="numbers of workers, like 1,2")
    parser.add_argument("--sources", default="json,parquet,generator",
                        help="json, parquet, generator")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each, the best counts")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    unknown = set(arguments.only) - set(QUERIES)
    if unknown:
        parser.error(f"there is no query {', '.join(sorted(unknown))}: use {', '.join(QUERIES)}")
    arguments.workers = [int(count) for count in arguments.workers.split(",")]
    arguments.sources = arguments.sources.split(",")
    unknown = set(arguments.sources) - {"json", "parquet", "generator"}
    if unknown:
        parser.error(f"there is no source {', '.join(sorted(unknown))}")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    bench = Bench(arguments)
    failures = 0
    print_head()
    for query in arguments.only:
        for source in sources_of(query, arguments.sources):
            for workers in arguments.workers:
                try:
                    run = bench.plan(query, source, workers)
                    figures = min((bench.execute(run.script, workers)
                                   for _ in range(arguments.repeat)), key=lambda f: f.cpu_seconds)
                    print_row(run, figures)
                except RuntimeError as error:
                    failures += 1
                    print(f"{query} from {source} failed:\n{error}", file=sys.stderr, flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
