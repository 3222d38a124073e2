#!/usr/bin/env python3
"""Measures what checkpoints cost: bytes and time against the state, recovery, throughput, memory.

    state       a table of --keys keys of which 1 % change per interval: each checkpoint's time and
                bytes, against those of the whole state
    recovery    such a job is killed, and goes on: from the kill to its first new row
    throughput  queries of bench/sql with a checkpoint each second and with none, in turns: the
                ratio of their CPU time. Where others load the machine a run takes longer and makes
                more checkpoints: then the cost of each is what to look at
    soak        the viewing job for --soak: its memory, looked at each few seconds

See bench/README.md for figures.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import string
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SQL = ROOT / "bench" / "sql"
PARTS = ["state", "recovery", "throughput", "soak"]
NEVER = "30 d"

# Keys come once each, as fast as they are taken, and then at random, so many a second.
CHANGING = """
CREATE TABLE filling (k BIGINT, v BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '0',
  'fields.k.kind' = 'sequence', 'fields.k.start' = '0', 'fields.k.end' = '${last}');
CREATE TABLE changes (k BIGINT, v BIGINT) WITH ('connector' = 'datagen',
  'rows-per-second' = '${rate}', 'fields.k.min' = '0', 'fields.k.max' = '${last}');
CREATE TABLE totals (k BIGINT, c BIGINT, low BIGINT, high BIGINT, total BIGINT,
  PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = '${sink}');
INSERT INTO totals
SELECT k, COUNT(*), MIN(v), MAX(v), SUM(v)
FROM (SELECT * FROM filling UNION ALL SELECT * FROM changes)
GROUP BY k${having};
"""
CHECKPOINT = re.compile(r"checkpoint (\d+): ([\d.]+) ms, of these ([\d.]+) ms for barriers .*; "
                        r"(\d+) bytes")


class Job:
    """A run of a script in a folder of its own below `folder`."""

    def __init__(self, program, script, folder, settings, restore=False, wait_for_row=False):
        self.folder = pathlib.Path(folder)
        (self.folder / "job.sql").write_text(script)
        command = [program, "run", "job.sql", "--folder", "job"]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        if restore:
            command += ["--restore", "latest"]
        self.first_row = None
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for _ in self.process.stdout:
            if self.first_row is None:
                self.first_row = time.monotonic()

    def running(self):
        return self.process.poll() is None

    def rss_mb(self):
        """Resident memory now; 0 once the process has gone."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found.group(1)) / 1024 if found else 0

    def cpu_seconds(self):
        """Of the process so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self):
        """Waits for the end; the CPU seconds of the process."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime

    def text(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def checkpoints(self):
        """Those of the job's log: epoch, milliseconds, milliseconds for barriers, bytes."""
        log = self.folder / "job" / "job.log"
        if not log.exists():
            return []
        found = CHECKPOINT.findall(log.read_text())
        return [(int(e), float(ms), float(barriers), int(size)) for e, ms, barriers, size in found]

    def state_bytes(self):
        """Of all that the newest manifest names."""
        manifests = self.folder.glob("job/checkpoints/*/chk-*.json")
        newest = max(manifests, key=lambda path: int(path.stem.split("-")[1]), default=None)
        if newest is None:
            return 0
        manifest = json.loads(newest.read_text())["manifest"]
        return sum(file["bytes"] for operator in manifest["operators"]
                   for instance in operator["instances"] for file in instance["files"])


def fill(name, **values):
    return string.Template((SQL / f"{name}.sql").read_text()).safe_substitute(values)


def changing(keys, sink, having=""):
    return string.Template(CHANGING).substitute(last=keys - 1, rate=max(keys // 100, 1), sink=sink,
                                                having=having)


def wait_until(job, holds, seconds):
    """Waits until holds(); exits with the job's log if it ends before or takes too long."""
    until = time.monotonic() + seconds
    while not holds():
        if not job.running() or time.monotonic() > until:
            sys.exit(f"the job {'takes too long' if job.running() else 'has ended'}:\n{job.text()}")
        time.sleep(0.05)


def settings_of(arguments, interval="1 s"):
    return {"execution.checkpointing.interval": interval,
            "parallelism.default": arguments.workers}


def measure_state(arguments, folder):
    job = Job(arguments.program, changing(arguments.keys, "blackhole"), folder,
              settings_of(arguments))
    # Filled once the checkpoints have become small against what they were.
    def settled():
        sizes = [size for *_, size in job.checkpoints()]
        return len(sizes) > 3 and sizes[-1] < max(sizes) / 4 and sizes[-2] < max(sizes) / 4
    wait_until(job, settled, 600)
    first = len(job.checkpoints())
    wait_until(job, lambda: len(job.checkpoints()) >= first + arguments.checkpoints, 600)
    memory, state = job.rss_mb(), job.state_bytes()
    job.kill()
    taken = job.checkpoints()[first:]
    print(f"state: {arguments.keys:,} keys, 1 % changed a second; {state / 1e6:,.0f} MB in files, "
          f"{memory:,.0f} MB resident")
    times = sorted(ms for _, ms, _, _ in taken)
    barriers = sorted(ms for _, _, ms, _ in taken)
    sizes = sorted(size for *_, size in taken)
    middle = len(taken) // 2
    print(f"  a checkpoint (median of {len(taken)}, most): {times[middle]:,.0f} ms, {times[-1]:,.0f} "
          f"ms; barriers {barriers[middle]:,.0f} ms, {barriers[-1]:,.0f} ms; "
          f"{sizes[middle] / 1e6:,.2f} MB, {sizes[-1] / 1e6:,.2f} MB "
          f"= {100 * sizes[middle] / max(state, 1):.2f} % of the state")


def measure_recovery(arguments, folder):
    having = f" HAVING k < {max(arguments.keys // 100, 1)}"
    script = changing(arguments.recovery_keys, "print", having)
    settings = settings_of(arguments)
    job = Job(arguments.program, script, folder, settings)
    def filled():
        sizes = [size for *_, size in job.checkpoints()]
        return len(sizes) > 3 and sizes[-1] < max(sizes) / 4
    wait_until(job, filled, 900)
    state, memory = job.state_bytes(), job.rss_mb()
    start = time.monotonic()
    job.kill()
    again = Job(arguments.program, script, folder, settings, restore=True)
    wait_until(again, lambda: again.first_row is not None, 300)
    print(f"recovery: {state / 1e6:,.0f} MB in files, {memory:,.0f} MB resident; from the kill to the "
          f"first new row {again.first_row - start:.2f} s, {again.cpu_seconds():.1f} s of CPU")
    again.kill()


def measure_throughput(arguments, folder):
    for query in arguments.only:
        table = "heartbeat" if query == "viewing" else "bid"
        source = fill(f"source_{table}_generator", events=arguments.events)
        cpu = {"1 s": [], NEVER: []}
        counts = {"1 s": 0, NEVER: 0}
        for turn in range(arguments.repeat):
            for interval in cpu:
                name = f"{query}-{turn}-{'some' if interval == '1 s' else 'none'}"
                place = pathlib.Path(folder) / name
                place.mkdir()
                job = Job(arguments.program, fill(query, source=source), place,
                          settings_of(arguments, interval))
                cpu[interval].append(job.wait())
                if job.process.returncode != 0:
                    sys.exit(f"{query}: exit code {job.process.returncode}\n{job.text()}")
                counts[interval] = max(counts[interval], len(job.checkpoints()))
        some, none, count = min(cpu["1 s"]), min(cpu[NEVER]), counts["1 s"]
        print(f"throughput: {query}, {arguments.events:,} events: {none:.2f} CPU-seconds without "
              f"checkpoints, {some:.2f} with {count}: {100 * (some / none - 1):+.1f} %, "
              f"{1000 * (some - none) / max(count, 1):.0f} ms of CPU for each")


def measure_soak(arguments, folder):
    source = fill("source_heartbeat_generator", events=10 ** 12)
    job = Job(arguments.program, fill("viewing", source=source), folder, settings_of(arguments))
    samples = []
    every = max(1.0, min(5.0, arguments.soak / 20))
    until = time.monotonic() + arguments.soak
    while time.monotonic() < until:
        time.sleep(every)
        if not job.running():
            sys.exit(f"the job has ended:\n{job.text()}")
        samples.append(job.rss_mb())
    job.kill()
    warm = samples[len(samples) // 4:]
    half = len(warm) // 2
    first, second = sum(warm[:half]) / half, sum(warm[half:]) / (len(warm) - half)
    print(f"soak: viewing, {arguments.soak:.0f} s, {len(job.checkpoints())} checkpoints: resident "
          f"{min(warm):.0f} to {max(warm):.0f} MB; mean of the first half {first:.0f} MB, of the "
          f"second {second:.0f} MB")


def seconds(text):
    """"90", "90s" or "30min"."""
    found = re.fullmatch(r"([\d.]+)\s*(s|min|m|h)?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' is no time: write 90s or 30min")
    return float(found.group(1)) * {"min": 60, "m": 60, "h": 3600}.get(found.group(2), 1)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build" / "millrace"))
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--keys", type=int, default=1_000_000, help="of 'state'")
    parser.add_argument("--checkpoints", type=int, default=20, help="that 'state' looks at")
    parser.add_argument("--recovery-keys", type=int, default=2_000_000,
                        help="of 'recovery': 20,000,000 are about 1 GB")
    parser.add_argument("--queries", default="q11,q17,viewing", help="of 'throughput'")
    parser.add_argument("--events", type=int, default=20_000_000, help="of 'throughput'")
    parser.add_argument("--repeat", type=int, default=3, help="runs in 'throughput', the best counts")
    parser.add_argument("--soak", type=seconds, default=60, help="how long, like 30min")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    arguments.program = str(pathlib.Path(arguments.program).resolve())
    parts = arguments.only.split(",")
    unknown = set(parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}: use {', '.join(PARTS)}")
    arguments.only = arguments.queries.split(",")
    return arguments, parts


def main():
    arguments, parts = parse_arguments()
    measures = {"state": measure_state, "recovery": measure_recovery,
                "throughput": measure_throughput, "soak": measure_soak}
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
            measures[part](arguments, folder)
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
