#!/usr/bin/env python3
"""Kills whole jobs again and again until they have ended: what they wrote must equal what an undisturbed
run writes, row for row, the books must balance, and nothing half done may be left behind.

usage: soak.py --program build/millrace [--kills 100] [--pause 30] [--seed 1] [--job NAME]

The jobs: viewing sessions and four stateful Nexmark queries, into files and SQLite tables, with their state
in memory and in RocksDB. A failure prints how to replay it, and keeps the job's folder.
"""
import argparse
import gzip
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

RATE = 60000       # rows per second of a generator: a job lasts, and leaves the processor to others
PROGRESS = 0.3     # seconds that a run is expected to get on before it is killed
LONGEST_RUN = 0.9  # seconds before a kill

BID = """
CREATE TABLE bid (
  auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING,
  `dateTime` TIMESTAMP(3), extra STRING,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH (%s);
"""
GENERATED = """'connector' = 'nexmark', 'nexmark.events' = 'bid', 'events.num' = '{rows}', 'seed' = '{seed}',
  'first-event.rate' = '500', 'start-time' = '2026-01-01 23:59:00', 'rows-per-second' = '{rate}'"""
READ = "'connector' = 'filesystem', 'path' = '../bids', 'format' = 'json'"

VIEWING = """
CREATE TABLE heartbeat (
  user_id STRING, program_id STRING, device STRING, event_time TIMESTAMP(3), bitrate INT,
  WATERMARK FOR event_time AS event_time - INTERVAL '3' SECOND
) WITH ('connector' = 'viewing', 'devices' = '300', 'events' = '{rows}', 'disorder' = '0.05',
        'disorder.max' = '5 s', 'duplicates' = '0.01', 'broken' = '0.001', 'partitions' = '2',
        'seed' = '{seed}', 'rows-per-second' = '{rate}');
CREATE TABLE result (
  user_id STRING, program_id STRING, device STRING, start_time TIMESTAMP(3),
  stream_duration INT, heartbeats BIGINT
) PARTITIONED BY (device) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');
INSERT INTO result
SELECT user_id, program_id, device, window_start,
       TIMESTAMPDIFF(SECOND, MIN(event_time), MAX(event_time)), COUNT(*)
FROM TABLE(SESSION(TABLE heartbeat PARTITION BY (user_id, program_id, device),
                   DESCRIPTOR(event_time), INTERVAL '60' SECOND))
GROUP BY user_id, program_id, device, window_start, window_end;
"""
Q11 = BID % READ + """
CREATE TABLE result (bidder BIGINT, bid_count BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3))
WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'csv');
INSERT INTO result
SELECT bidder, COUNT(*), window_start, window_end
FROM TABLE(SESSION(TABLE bid PARTITION BY bidder, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;
"""
# In event time, so that it can be compared; into files that roll, and into a table that is appended to.
Q12 = BID % GENERATED + """
CREATE TABLE result (bidder BIGINT, bid_count BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3))
WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json',
      'sink.rolling-policy.file-size' = '20 kb');
CREATE TABLE busy (bidder BIGINT, bid_count BIGINT, starttime TIMESTAMP(3))
WITH ('connector' = 'sqlite', 'path' = 'out.db');
CREATE VIEW counted AS
SELECT bidder, COUNT(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;
BEGIN STATEMENT SET;
INSERT INTO result SELECT * FROM counted;
INSERT INTO busy SELECT bidder, bid_count, starttime FROM counted WHERE bid_count >= 100;
END;
"""
RANKS = "COUNT(*), " + ", ".join("COUNT(*) FILTER (WHERE %s)" % price for price in (
    "price < 10000", "price >= 10000 AND price < 1000000", "price >= 1000000"))
Q15 = BID % GENERATED + """
CREATE TABLE result (
  `day` STRING, total_bids BIGINT, rank1_bids BIGINT, rank2_bids BIGINT, rank3_bids BIGINT,
  bidders BIGINT, rank1_bidders BIGINT, auctions BIGINT, rank3_auctions BIGINT,
  PRIMARY KEY (`day`) NOT ENFORCED
) WITH ('connector' = 'sqlite', 'path' = 'out.db');
INSERT INTO result
SELECT DATE_FORMAT(`dateTime`, 'yyyy-MM-dd'), """ + RANKS + """,
  COUNT(DISTINCT bidder), COUNT(DISTINCT bidder) FILTER (WHERE price < 10000),
  COUNT(DISTINCT auction), COUNT(DISTINCT auction) FILTER (WHERE price >= 1000000)
FROM bid GROUP BY DATE_FORMAT(`dateTime`, 'yyyy-MM-dd');
"""
Q17 = BID % GENERATED + """
CREATE TABLE result (
  auction BIGINT, `day` STRING, total_bids BIGINT, rank1_bids BIGINT, rank2_bids BIGINT, rank3_bids BIGINT,
  min_price BIGINT, max_price BIGINT, avg_price BIGINT, sum_price BIGINT,
  PRIMARY KEY (auction, `day`) NOT ENFORCED
) WITH ('connector' = 'sqlite', 'path' = 'out.db');
INSERT INTO result
SELECT auction, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd'), """ + RANKS + """,
  MIN(price), MAX(price), AVG(price), SUM(price)
FROM bid GROUP BY auction, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd');
"""
JOBS = {"viewing": VIEWING, "q11": Q11, "q12": Q12, "q15": Q15, "q17": Q17}


class Failure(Exception):
    pass


def data_files(folder):
    return [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))]


def leftovers(folder):
    """Hidden files of outputs, rejected rows and checkpoints that no finished job may leave."""
    found = [p for p in folder.rglob("*") if p.name.startswith(".part-") or p.name.endswith(".inprogress")]
    found += list((folder / "job").glob(".dead_letter*")) + list((folder / "job").glob(".late*"))
    return [str(p.relative_to(folder)) for p in found]


def output(folder):
    """All that a job wrote, as sorted rows."""
    files = data_files(folder / "out") if (folder / "out").is_dir() else []
    found = {"files": sorted("%s %s" % (file.parent.relative_to(folder), line)
                             for file in files for line in file.read_text().splitlines())}
    for name in ("dead_letter", "late"):
        path = folder / "job" / (name + ".json")
        found[name] = sorted(path.read_text().splitlines()) if path.exists() else []
    if (folder / "out.db").exists():
        with sqlite3.connect(folder / "out.db") as database:
            (state,) = database.execute("PRAGMA integrity_check").fetchone()
            if state != "ok":
                raise Failure("the database is damaged: " + state)
            for table in ("result", "busy"):
                if database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                    found[table] = sorted(database.execute("SELECT * FROM " + table))
    return found


def books(stderr):
    """What the job read and rejected; how often an updating table was written depends on the batches."""
    if "the books balance" not in stderr:
        raise Failure("the books do not balance:\n" + stderr)
    return sorted(line for line in stderr.splitlines() if re.match(r"  .*: (read|in) ", line))


class Soak:
    def __init__(self, options, root):
        self.options = options
        self.root = root
        self.draw = random.Random(options.seed)
        self.rounds = 0
        share = max(1, options.kills // len(JOBS) // 2)  # of a job and backend
        self.rows = int(RATE * PROGRESS * min(share, 12)) + RATE // 2

    def run(self):
        self.write_bids()
        names = [self.options.job] if self.options.job else list(JOBS)
        self.wanted = {name: self.undisturbed(name) for name in names}
        kills = 0
        for i, name in enumerate(names):
            share = self.options.kills // len(names) + (i < self.options.kills % len(names))
            kills += self.soak(name, share)
        print("%d kills over %s: all rows once" % (kills, ", ".join(names)), flush=True)
        if self.options.pause > 0:
            self.pause(names)

    def write_bids(self):
        """Two compressed files of bids."""
        (self.root / "bids").mkdir()
        sql = BID % GENERATED.format(rows=self.rows // 2, seed=self.options.seed, rate=0) + """
            CREATE TABLE written (
              auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING,
              `dateTime` TIMESTAMP(3), extra STRING
            ) WITH ('connector' = 'filesystem', 'path' = 'plain', 'format' = 'json');
            INSERT INTO written SELECT * FROM bid;"""
        subprocess.run([self.options.program, "run", "-q", "/dev/stdin"], input=sql, text=True, cwd=self.root,
                       check=True, timeout=120)
        lines = [line for file in sorted(data_files(self.root / "plain")) for line in file.open("rb")]
        for part in range(2):
            half = lines[part * len(lines) // 2:(part + 1) * len(lines) // 2]
            (self.root / "bids" / ("%d.json.gz" % part)).write_bytes(gzip.compress(b"".join(half), 1))
        shutil.rmtree(self.root / "plain")

    def folder(self, name, kind, rate):
        folder = self.root / (name + kind)
        folder.mkdir()
        values = {"rows": self.rows, "seed": self.options.seed, "rate": rate}
        text = JOBS[name].format(**values) if "{rows}" in JOBS[name] else JOBS[name]
        (folder / "job.sql").write_text(text)
        return folder

    def start(self, name, folder, *args):
        """The job of `folder`; what it says goes to a file there."""
        command = [self.options.program, "run", "job.sql", "--folder", "job", "--set",
                   "execution.checkpointing.interval=%dms" % self.draw.choice([50, 100, 200]), *args]
        if name == "q11":  # files have no rate
            command += ["--set", "millrace.queue-bytes=32768", "--set", "millrace.batch-rows=4"]
        with open(folder / "stderr", "w") as stderr:
            return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=stderr)

    @staticmethod
    def finish(process, folder):
        """Waits for the end; returns what it said."""
        code = process.wait(timeout=300)
        said = (folder / "stderr").read_text()
        if code != 0:
            raise Failure("the job failed with code %d:\n%s" % (code, said))
        return said

    def undisturbed(self, name):
        folder = self.folder(name, "", 0)
        said = self.finish(self.start(name, folder), folder)
        result = output(folder), books(said)
        shutil.rmtree(folder)
        return result

    def soak(self, name, share):
        """Kills the job `share` times, beginning anew when it has ended."""
        kills, rounds, began = 0, 0, time.time()
        for backend, wanted in (("hashmap", share // 2), ("rocksdb", share)):
            while kills < wanted:
                rounds += 1
                kills += self.round(name, backend, wanted - kills)
        print("%s: %d kills in %d rounds, %.1f s" % (name, kills, rounds, time.time() - began), flush=True)
        return kills

    def round(self, name, backend, most):
        self.rounds += 1
        folder = self.folder(name, "-%d" % self.rounds, RATE)
        kills = 0
        try:
            while True:
                workers = str(self.draw.choice([1, 2, 3]))
                process = self.start(name, folder, "--restore", "latest", "--workers", workers,
                                     "--set", "state.backend.type=" + backend)
                if kills < most and self.killed(process):
                    kills += 1
                    continue
                self.check(name, folder, self.finish(process, folder))
                break
        except Failure as failure:
            raise Failure("%s with %s, after %d kills, in %s: %s"
                          % (name, backend, kills, folder, failure)) from None
        shutil.rmtree(folder)
        return kills

    def killed(self, process):
        try:
            process.wait(timeout=0.02 + self.draw.random() * LONGEST_RUN)
            return False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True

    def check(self, name, folder, said):
        found, (wanted, sums) = output(folder), self.wanted[name]
        for what, rows in wanted.items():
            if found.get(what) == rows:
                continue
            lost = sorted(set(rows) - set(found.get(what, [])))[:3]
            extra = sorted(set(found.get(what, [])) - set(rows))[:3]
            raise Failure("%s: %d rows, wanted %d; lost for example %s, too many %s"
                          % (what, len(found.get(what, [])), len(rows), lost, extra))
        if books(said) != sums:
            raise Failure("the books say %s, wanted %s" % (books(said), sums))
        if leftovers(folder):
            raise Failure("left behind: %s" % leftovers(folder))

    def pause(self, names):
        """All jobs at once stand still for a while."""
        folders = {name: self.folder(name, "-paused", RATE) for name in names}
        jobs = {name: self.start(name, folder) for name, folder in folders.items()}
        time.sleep(0.5)
        for signals, wait in ((signal.SIGSTOP, self.options.pause), (signal.SIGCONT, 0)):
            for process in jobs.values():
                process.send_signal(signals)
            time.sleep(wait)
        for name, process in jobs.items():
            try:
                self.check(name, folders[name], self.finish(process, folders[name]))
            except Failure as failure:
                raise Failure("%s, stopped for %g s: %s" % (name, self.options.pause, failure)) from None
        print("stood still for %g s: all rows once" % self.options.pause, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pause", type=float, default=30, help="seconds between SIGSTOP and SIGCONT; 0: none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--job", choices=JOBS, help="only this one")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    root = pathlib.Path(tempfile.mkdtemp(prefix="millrace-soak-"))
    try:
        Soak(options, root).run()
    except Failure as failure:
        print("soak failed: %s\nreplay: tests/soak.py --program %s --kills %d --seed %d\nthe folders are kept: %s"
              % (failure, options.program, options.kills, options.seed, root), file=sys.stderr)
        return 1
    shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
