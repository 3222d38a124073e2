"""What the tests of the whole program share: running it, and a folder of its own for each test."""
import argparse
import collections
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""
EVENT_COLUMNS = "ts TIMESTAMP(3), user_id STRING, n BIGINT"


def run(*args, text=None, folder=None, timeout=120, **more):
    """Runs the program; text or bytes go to its standard input."""
    if isinstance(text, str):
        text = text.encode()
    if text is None:
        more.setdefault("stdin", subprocess.DEVNULL)
    else:
        more["input"] = text
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    done = subprocess.run([PROGRAM, *args], cwd=folder, timeout=timeout, **more)
    for stream in ("stdout", "stderr"):
        value = getattr(done, stream)
        setattr(done, stream, "" if value is None else value.decode("utf-8", "replace"))
    return done


def sql(script, *args, timeout=180, env=None, cwd=None, quiet=True):
    """Runs the statements of `script`; `env` goes on top of the environment."""
    return subprocess.run([PROGRAM, "sql", *(["-q"] if quiet else []), *args], input=script, capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          env={**os.environ, **(env or {})})


def rows_of(text):
    """The cells of the last table that was printed, without its header, as lists of strings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    header = max((i for i, line in enumerate(lines) if line == lines[0]), default=0)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[header + 1:]]


def start(*args, **more):
    """Starts the program without waiting for it."""
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def wait_for_handler(process, number, timeout=30):
    """Waits until the program handles the signal; before that, a signal just ends it."""
    end = time.monotonic() + timeout
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while time.monotonic() < end:
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) >> (number - 1) & 1:
            return
        time.sleep(0.02)
    raise AssertionError(f"signal {number} is not handled after {timeout} s")


def manifests(job_folder):
    """The manifests of a job folder's checkpoints, the oldest first."""
    return sorted(job_folder.glob("checkpoints/*/chk-*.json"), key=lambda path: int(path.stem[4:]))


def newest_checkpoint(job_folder):
    """The number of its newest checkpoint; 0 if there is none."""
    return max((int(path.stem[4:]) for path in manifests(job_folder)), default=0)


def table_rows(output):
    """The cells of the rows of a printed result, without its header."""
    lines = [line for line in output.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines[1:]]


def events(path, columns=EVENT_COLUMNS, form="json", options="", name="events"):
    """A table over a file, with event time `ts` 5 seconds out of order if there is such a column."""
    watermark = ", WATERMARK FOR ts AS ts - INTERVAL '5' SECOND" if columns.startswith("ts ") else ""
    return (f"CREATE TABLE {name} ({columns}{watermark}) WITH ('connector' = 'filesystem', 'path' = '{path}', "
            f"'format' = '{form}'{options});\n")


def access_log(count):
    """Visits of a web shop as (seconds, client, url), and their lines as a load balancer logs them."""
    draw, visits, lines, clock = random.Random(5), [], [], 0.0
    for _ in range(count):
        clock += draw.expovariate(1 / 2.0)
        ip = "10.0.0.%d" % draw.randint(1, 60) if draw.random() < 0.9 else "10.1.0.%d" % draw.randint(1, 200)
        visits.append((clock, ip, "http://shop:80/p/%d" % draw.randint(1, 300)))
    for clock, ip, url in visits:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1437555628 + clock)) + ".%06dZ" % int(clock % 1 * 1e6)
        lines.append(f'{stamp} shop {ip}:54635 10.0.6.158:80 0.000022 0.026109 0.00002 200 200 0 699 "GET {url} HTTP/1.1" "Mozilla/5.0" ECDHE TLSv1.2\n')
    return visits, lines


VIEWING_JOBS = pathlib.Path(__file__).resolve().parent.parent / "jobs" / "viewing-sessions"


def viewing_events(users, begin=0, seed=7):
    """Events of devices in the hour that begins `begin` seconds after a midnight, up to 4 s out of order, some twice, some broken."""
    draw, found = random.Random(seed), []
    midnight = datetime.datetime(2026, 1, 1)
    for user in range(users):
        at, session = begin + draw.uniform(0, 200), 0
        while at < begin + 3300:
            session += draw.random() < 0.7  # else the same one goes on after a silence
            for _ in range(draw.randint(1, 12)):
                at += draw.uniform(1, 20)
                found.append({
                    "tenant_id": f"tenant-{user % 3}", "user_id": f"user-{user}", "program_id": f"program-{session % 5}", "device": "tv",
                    "session_id": f"s{begin}-{user}-{session}", "event_type": draw.choice(["play", "heartbeat", "heartbeat", "buffer", "pause"]),
                    "event_time": (midnight + datetime.timedelta(seconds=at)).isoformat(" ", "milliseconds"), "position_ms": 1, "bitrate": 1, "at": at})
            at += draw.uniform(61, 600)
    found += draw.sample(found, len(found) // 50)
    found += [{**event, **draw.choice([{"tenant_id": ""}, {"position_ms": -1}, {"event_type": "what"}, {"event_time": None}])}
              for event in draw.sample(found, len(found) // 50)]
    found.sort(key=lambda event: event["at"] + draw.uniform(0, 4))
    return [{name: value for name, value in event.items() if name != "at"} for event in found]


def viewing_sessions(events):
    """The sessions of these events in any order, computed without the program: rows of table `sessions` as texts, sorted."""
    keys = ("tenant_id", "user_id", "program_id", "device", "session_id")
    groups, rows = collections.defaultdict(list), []
    for event in events:
        if event["event_time"] and event["tenant_id"] and event["position_ms"] >= 0 and event["event_type"] != "what":
            groups[tuple(event[key] for key in keys)].append((datetime.datetime.fromisoformat(event["event_time"]), event["event_type"]))
    for (tenant, user, program, device, session), times in groups.items():
        stretches = []
        for at, kind in sorted(times):
            if not stretches or (at - stretches[-1][-1][0]).total_seconds() > 60:
                stretches.append([])
            stretches[-1].append((at, kind))
        for each in stretches:
            start, end = each[0][0], each[-1][0]
            rows.append((tenant, user, program, start.isoformat(" ", "milliseconds"), session, device, str(int((end - start).total_seconds())),
                         str(len(each)), str(sum(kind == "buffer" for _, kind in each))))
    return sorted(rows)


def json_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = pathlib.Path(temporary.name)
        self.path.chmod(0o755)

    def write(self, name, content):
        path = self.path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)
        return str(path)


class Scripts(Folder):
    """A test of scripts. `secret` must not be seen in what a failing one prints."""

    secret = None

    def rows(self, script, *args, **more):
        """What its last query prints."""
        done = sql(script, *args, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.stderr = done.stderr
        return rows_of(done.stdout)

    def fails(self, script, *texts, **more):
        """What it prints, all `texts` among its errors."""
        done = sql(script, **more)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for text in texts:
            self.assertIn(text, done.stderr)
        if self.secret:
            self.assertNotIn(self.secret, done.stdout + done.stderr)
        return done.stdout + done.stderr


def use(program):
    """Says which program to run, for suites that start servers first."""
    global PROGRAM
    PROGRAM = os.path.abspath(program)
    return PROGRAM


def main():
    global PROGRAM
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.abspath(arguments.program)
    # The tests import this file as a module of its own; __main__ is another one.
    sys.modules["program_support"].PROGRAM = PROGRAM
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])
