#!/usr/bin/env python3
"""Measures state that outgrows memory: open sessions, groups or windows of many keys, in memory and in RocksDB.

Each key has two events, the second one after all keys had their first, so that nothing is hot: the worst
case for a cache. All sessions and windows are open until the input ends. See bench/README.md.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time

SCRIPT = """
SET 'parallelism.default' = '{workers}';
SET 'execution.checkpointing.interval' = '{interval}';
{settings}
CREATE TABLE events (
  id BIGINT,
  k AS MOD(id * 2654435761, {keys}),
  ts AS TO_TIMESTAMP_LTZ(id / 1000, 3),
  WATERMARK FOR ts AS ts
) WITH ('connector' = 'datagen', 'rows-per-second' = '0', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0',
        'fields.id.end' = '{last}');
CREATE TABLE sessions (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
{insert}
"""
QUERIES = {
    "session": """INSERT INTO sessions SELECT k, COUNT(*) FROM TABLE(
  SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '10' DAY))
GROUP BY k, window_start, window_end;""",
    "tumble": """INSERT INTO sessions SELECT k, COUNT(*) FROM TABLE(
  TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' DAY))
GROUP BY k, window_start, window_end;""",
    "hop": """INSERT INTO sessions SELECT k, COUNT(*) FROM TABLE(
  HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '5' DAY, INTERVAL '10' DAY))
GROUP BY k, window_start, window_end;""",
    "rows": """INSERT INTO sessions SELECT k, id FROM TABLE(
  SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '10' DAY));""",
    "late": """SET 'table.exec.emit.allow-lateness' = '10 d';
INSERT INTO sessions SELECT k, COUNT(*) FROM TABLE(
  TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND))
GROUP BY k, window_start, window_end;""",
    "group": "INSERT INTO sessions SELECT k, COUNT(*) FROM events GROUP BY k;",
}
DISK = """SET 'state.backend.type' = 'rocksdb';
SET 'state.backend.rocksdb.memory.fixed-per-tm' = '{memory}';"""


def run(arguments, query, settings):
    """Seconds, CPU seconds and peak megabytes of one run in a process of its own."""
    keys = arguments.keys
    script = SCRIPT.format(workers=arguments.workers, interval=arguments.interval, keys=keys,
                           last=2 * keys - 1, settings=settings, insert=QUERIES[query])
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = pathlib.Path(folder) / "large_state.sql"
        path.write_text(script)
        log = pathlib.Path(folder) / "log"
        command = [str(pathlib.Path(arguments.program).resolve()), "run", "--folder",
                   f"{folder}/job", str(path)]
        start = time.monotonic()
        with log.open("w") as out:
            process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"exit code {process.returncode}\n{log.read_text()[-2000:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default="build/millrace")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--memory", default="1 gb", help="budget of the RocksDB state")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--interval", default="10 s", help="of checkpoints")
    parser.add_argument("--only", default="memory,rocksdb", help="which of memory, rocksdb")
    parser.add_argument("--queries", default="session", help="which of session, rows, group, tumble, hop, late")
    parser.add_argument("--folder", default=None, help="where the working files go")
    arguments = parser.parse_args()
    print(f"{'query':8} {'state':8} {'keys':>11} {'seconds':>8} {'events/CPU-second':>18} {'peak MB':>8}")
    for query in arguments.queries.split(","):
        for state in arguments.only.split(","):
            settings = DISK.format(memory=arguments.memory) if state == "rocksdb" else ""
            seconds, cpu, peak = run(arguments, query, settings)
            print(f"{query:8} {state:8} {arguments.keys:11,} {seconds:8.1f} "
                  f"{2 * arguments.keys / cpu:18,.0f} {peak:8.0f}", flush=True)


if __name__ == "__main__":
    main()
