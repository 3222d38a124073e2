#!/usr/bin/env python3
"""Kills the millrace program and lets it go on: nothing may be lost, nothing may come twice.

usage: checkpoint_test.py --program build/millrace
"""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

import program_support
from program_support import manifests, newest_checkpoint, run

# Sessions into files, running totals into a table that is upserted, and large clicks into one that is
# appended to.
JOB = """
CREATE TABLE clicks (ts TIMESTAMP(3), user_id STRING, n BIGINT, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH ('connector' = 'filesystem', 'path' = 'clicks', 'format' = 'json');
CREATE TABLE sessions (user_id STRING, s TIMESTAMP(3), e TIMESTAMP(3), c BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = 'sessions', 'format' = 'json');
CREATE TABLE totals (user_id STRING, c BIGINT, total BIGINT, PRIMARY KEY (user_id) NOT ENFORCED)
WITH ('connector' = 'sqlite', 'path' = 'out.db');
CREATE TABLE big (ts TIMESTAMP(3), user_id STRING, n BIGINT)
WITH ('connector' = 'sqlite', 'path' = 'out2.db');
BEGIN STATEMENT SET;
INSERT INTO sessions SELECT user_id, window_start, window_end, COUNT(*), SUM(n)
  FROM TABLE(SESSION(TABLE clicks PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '10' SECOND))
  GROUP BY user_id, window_start, window_end;
INSERT INTO totals SELECT user_id, COUNT(*), SUM(n) FROM clicks GROUP BY user_id;
INSERT INTO big SELECT ts, user_id, n FROM clicks WHERE n >= 900;
END;
"""
# Often, and slowly: so that there is something to be killed.
OFTEN = ("--set", "execution.checkpointing.interval=20ms", "--set", "millrace.queue-bytes=65536", "--set",
         "millrace.batch-rows=10")


def write_clicks(folder, rows, seed=1):
    """Clicks of 300 users in slight disorder, some far too late, some not readable."""
    draw = random.Random(seed)
    folder.mkdir()
    clock = 0.0
    lines = []
    for i in range(rows):
        clock += draw.expovariate(60)
        time_of = clock - draw.random() * 4
        if draw.random() < 0.001:
            time_of -= 600
        if draw.random() < 0.001:
            lines.append("this is not JSON %d\n" % i)
            continue
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1.6e9 + time_of)) + ".%03d" % (time_of % 1 * 1000)
        lines.append('{"ts": "%s", "user_id": "u%d", "n": %d}\n' % (stamp, draw.randrange(300), draw.randrange(1000)))
    half = len(lines) // 2
    (folder / "a.json").write_text("".join(lines[:half]))
    (folder / "b.json").write_text("".join(lines[half:]))


class Recovery(unittest.TestCase):
    ROWS = 200000 if os.environ.get("MILLRACE_SANITIZE") else 300000

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.temporary.name)
        write_clicks(cls.root / "clicks", cls.ROWS)
        folder = cls.folder("undisturbed")
        done = cls.run_job(folder, "--workers", "2")
        assert done.returncode == 0, done.stderr
        cls.wanted = cls.output(folder)
        assert cls.wanted["late"] and cls.wanted["dead"] and len(cls.wanted["sessions"]) > 1000

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def folder(cls, name):
        folder = cls.root / name
        folder.mkdir()
        (folder / "job.sql").write_text(JOB)
        os.symlink(cls.root / "clicks", folder / "clicks")
        return folder

    @staticmethod
    def command(*args):
        return [program_support.PROGRAM, "run", "job.sql", "--folder", "job", *OFTEN, *args]

    @classmethod
    def run_job(cls, folder, *args):
        return subprocess.run(cls.command(*args), cwd=folder, capture_output=True, text=True, timeout=120)

    @classmethod
    def start(cls, folder, *args):
        return subprocess.Popen(cls.command("-q", *args), cwd=folder, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    @staticmethod
    def output(folder):
        def lines(files):
            return sorted(line for file in files for line in file.read_text().splitlines())

        def rows(database, query):
            with sqlite3.connect(folder / database) as connection:
                return sorted(connection.execute(query))
        visible = [p for p in (folder / "sessions").rglob("*") if p.is_file() and not p.name.startswith((".", "_"))]
        late = [json.loads(line)["row"] for line in lines([folder / "job/late.json"])]
        dead = [json.loads(line)["position"].rsplit("/", 1)[-1] for line in lines([folder / "job/dead_letter.json"])]
        return {"sessions": lines(visible), "totals": rows("out.db", "SELECT * FROM totals"),
                "big": rows("out2.db", "SELECT * FROM big"), "late": sorted(late), "dead": sorted(dead)}

    def check(self, folder):
        found = self.output(folder)
        for what, wanted in self.wanted.items():
            self.assertEqual(len(found[what]), len(wanted), what)
            self.assertEqual(found[what], wanted, what)

    def stop_with_savepoint(self, process, folder, point):
        """The job is held while the command is on its way: on a busy machine it would end before."""
        while not (folder / "job" / "control").exists():
            self.assertIsNone(process.poll())
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        command = [program_support.PROGRAM, "stop", "--savepoint", "--to", point, "job"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as stop:
            time.sleep(1)
            process.send_signal(signal.SIGCONT)
            error = stop.communicate(timeout=120)[1]
        self.assertEqual(stop.returncode, 0, error + process.communicate(timeout=120)[1])
        self.assertEqual(process.wait(timeout=60), 0)
        process.stderr.close()

    def kill_after(self, folder, seconds, *args):
        """True if the job was killed, False if it had ended before."""
        process = self.start(folder, *args)
        try:
            process.wait(timeout=seconds)
            self.assertEqual(process.returncode, 0, process.stderr.read())
            return False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        finally:
            process.stderr.close()

    def wait_for_checkpoint(self, folder, at_least=1):
        deadline = time.time() + 60
        while time.time() < deadline:
            if newest_checkpoint(folder / "job") >= at_least:
                return
            time.sleep(0.005)
        self.fail("no checkpoint %d" % at_least)

    @staticmethod
    def holds_groups(folder):
        operators = json.loads(manifests(folder / "job")[-1].read_text())["manifest"]["operators"]
        return any(instance["files"] for each in operators if each["what"].startswith("GroupAggregate") for instance in each["instances"])

    def kill_at_checkpoint(self, folder, number, *args):
        """Kills it at checkpoint `number`, or the first one behind it that holds rows of state: a slow machine has read nothing before."""
        process = self.start(folder, *args)
        self.wait_for_checkpoint(folder, number)
        while not self.holds_groups(folder):
            number += 1
            self.wait_for_checkpoint(folder, number)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()

    def test_killed_ten_times_at_random_moments(self):
        draw = random.Random(7)
        folder = self.folder("killed")
        kills = 0
        for i in range(10):
            workers = str(draw.choice([1, 2, 3]))
            kills += self.kill_after(folder, 0.05 + draw.random() * 0.35, "--restore", "latest", "--workers", workers)
        done = self.run_job(folder, "--restore", "latest", "--workers", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(kills, 3, "the job is too short to be killed")
        self.check(folder)
        # Ended: going on once more changes nothing.
        done = self.run_job(folder, "--restore", "latest")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(folder)

    def test_restored_at_other_parallelism(self):
        for before, after in (("1", "3"), ("3", "1"), ("2", "3")):
            folder = self.folder("rescaled%s%s" % (before, after))
            self.kill_at_checkpoint(folder, 3, "--workers", before)
            done = self.run_job(folder, "--restore", "latest", "--workers", after)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("goes on from checkpoint", done.stderr)
            self.check(folder)

    def test_restored_with_other_key_groups(self):
        groups = "pipeline.max-parallelism=%s"
        folder = self.folder("groups")
        self.kill_at_checkpoint(folder, 3, "--workers", "2", "--set", groups % 60)
        refused = self.run_job(folder, "--restore", "latest")
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("was made with 'pipeline.max-parallelism' = 60", refused.stderr)
        self.assertIn("it is 128 now", refused.stderr)
        done = self.run_job(folder, "--restore", "latest", "--workers", "3", "--set", groups % 60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(folder)
        wrong = self.run_job(folder, "--set", groups % 0)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("is not between 1 and 32768", wrong.stderr)

    def test_costs_are_told_by_operator(self):
        folder = self.folder("costs")
        done = self.run_job(folder, "--workers", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        log = (folder / "job/job.log").read_text()
        self.assertRegex(log, r"checkpoint \d+: [\d.]+ ms, .*; \d+ bytes\n"
                              r"(?:  .*\n)*  totals/GroupAggregate.*: [\d.]+ ms alignment, "
                              r"[\d.]+ ms saving, [\d.]+ ms writing, [1-9]\d* bytes")
        self.assertRegex(done.stderr, r"\d+ checkpoints; the last: ")

    def test_checkpoints_get_through_behind_a_slow_sink(self):
        """A terminal that takes 300 kB a second: queues of megabytes before it would hold barriers for half a minute."""
        folder = self.folder("slow")
        (folder / "slow.sql").write_text("""
CREATE TABLE rows_in (k BIGINT, v STRING) WITH ('connector' = 'datagen', 'rows-per-second' = '0',
  'fields.k.min' = '0', 'fields.k.max' = '9999', 'fields.v.length' = '50');
CREATE TABLE shown (k BIGINT, c BIGINT, v STRING) WITH ('connector' = 'print');
INSERT INTO shown SELECT k, COUNT(*), MAX(v) FROM rows_in GROUP BY k;
""")
        process = subprocess.Popen(
            [program_support.PROGRAM, "run", "-q", "--folder", "job", "--workers", "2", "--set",
             "execution.checkpointing.interval=500ms", "slow.sql"], cwd=folder, stdout=subprocess.PIPE)
        try:
            begin, taken = time.monotonic(), 0
            while newest_checkpoint(folder / "job") < 4:
                self.assertLess(time.monotonic() - begin, 120, "checkpoints do not get through")
                taken += len(os.read(process.stdout.fileno(), 4096))
                time.sleep(max(0.0, taken / 300_000 - (time.monotonic() - begin)))
        finally:
            process.kill()
            process.communicate()
        log = (folder / "job" / "job.log").read_text()
        barriers = [float(ms) for ms in re.findall(r"of these ([\d.]+) ms for barriers", log)]
        self.assertGreaterEqual(len(barriers), 3, log)
        self.assertLess(sorted(barriers)[len(barriers) // 2], 10_000, log)

    def test_damaged_checkpoint(self):
        folder = self.folder("damaged")
        self.kill_at_checkpoint(folder, 4)
        kept = manifests(folder / "job")
        self.assertIn(len(kept), (2, 3))
        text = kept[-1].read_text()
        kept[-1].write_text(text[:len(text) // 2])
        done = self.run_job(folder, "--restore", "latest")
        self.assertEqual(done.returncode, 2)
        self.assertIn("is damaged", done.stderr)
        self.assertIn("--allow-replay", done.stderr)
        done = self.run_job(folder, "--restore", "latest", "--allow-replay")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.output(folder)["totals"], self.wanted["totals"])
        self.assertEqual(self.output(folder)["late"], self.wanted["late"])
        self.assertEqual(set(self.output(folder)["sessions"]), set(self.wanted["sessions"]))

    def test_damaged_state_file(self):
        folder = self.folder("damaged_state")
        self.kill_at_checkpoint(folder, 2)
        listed = run("state", "ls", "job", folder=folder)
        self.assertIn(listed.stdout.count("whole"), (2, 3), listed.stdout)
        kept = manifests(folder / "job")
        manifest = json.loads(kept[-1].read_text())["manifest"]
        files = [f for op in manifest["operators"] for i in op["instances"] for f in i["files"]]
        path = kept[-1].parent / files[-1]["path"]
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        done = self.run_job(folder, "--restore", str(kept[-1]))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(files[-1]["path"], done.stderr)
        # The one before it is whole.
        done = self.run_job(folder, "--restore", "latest", "--allow-replay")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"a checkpoint cannot be used: .*%s.* is damaged: its checksum is"
                         % re.escape(files[-1]["path"]))
        self.assertIn("goes on from checkpoint %d" % int(kept[-2].stem[4:]), done.stderr)
        self.assertEqual(self.output(folder)["totals"], self.wanted["totals"])

    def test_second_owner_is_refused(self):
        folder = self.folder("owned")
        process = self.start(folder)
        self.wait_for_checkpoint(folder)
        second = self.run_job(folder)
        self.assertEqual(second.returncode, 2)
        self.assertIn("in use by process %d on " % process.pid, second.stderr)
        process.kill()
        process.wait()
        process.stderr.close()

    def test_savepoint_and_stop(self):
        folder = self.folder("savepoint")
        process = self.start(folder)
        self.wait_for_checkpoint(folder)
        done = run("stop", "--savepoint", "--to", "point", "job", folder=folder, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(process.wait(timeout=30), 0)
        process.stderr.close()
        self.assertNotEqual(self.output(folder)["totals"], self.wanted["totals"], "stopped too late")
        shown = run("state", "show", "point", "--rows", "2", folder=folder)
        self.assertIn("savepoint", shown.stdout)
        self.assertIn("sessions/WindowAggregate(user_id; ", shown.stdout)
        done = self.run_job(folder, "--restore", "point", "--workers", "3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(folder)
        changed = run("state", "diff", "point", "job", folder=folder)
        self.assertIn("epoch", changed.stdout)

    def test_savepoint_while_running_then_drained(self):
        folder = self.folder("drained")
        process = self.start(folder, "--workers", "2")
        self.wait_for_checkpoint(folder)
        saved = run("savepoint", "--to", "point", "job", folder=folder, timeout=60)
        self.assertEqual(saved.returncode, 0, saved.stderr)
        stopped = run("stop", "--drain", "job", folder=folder, timeout=60)
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertEqual(process.wait(timeout=30), 0)
        process.stderr.close()
        counted = sum(row[1] for row in self.output(folder)["totals"])
        wanted = sum(row[1] for row in self.wanted["totals"])
        self.assertTrue(0 < counted < wanted, "drained too late")
        # The savepoint is an older point now: rows since then would come twice.
        refused = self.run_job(folder, "--restore", "point")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--allow-replay", refused.stderr)
        done = self.run_job(folder, "--restore", "point", "--allow-replay")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.output(folder)["totals"], self.wanted["totals"], "upserts converge")
        nobody = run("savepoint", "job", folder=folder)
        self.assertEqual(nobody.returncode, 2)
        self.assertIn("no process runs a job", nobody.stderr)

    def test_savepoint_is_whole_in_itself(self):
        """Of a running job, and gone on from elsewhere: with the tables as they were when it was made."""
        folder = self.folder("whole")
        process = self.start(folder, "--set", "execution.checkpointing.interval=1h")
        while not (folder / "job" / "control").exists():
            time.sleep(0.01)
        time.sleep(0.2)  # nothing is published but what belongs to the savepoint
        saved = run("savepoint", "--to", "point", "job", folder=folder, timeout=60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
        self.assertEqual(saved.returncode, 0, saved.stderr)
        self.assertFalse(list(folder.glob("point/state/*/sink-*")), "staged output")
        before = self.output(folder)
        moved = self.folder("moved")
        for name in ("point", "sessions", "out.db", "out.db-wal", "out.db-shm", "out2.db", "out2.db-wal",
                     "out2.db-shm"):
            if (folder / name).exists():
                (folder / name).rename(moved / name)
        done = self.run_job(moved, "--restore", "point")
        self.assertEqual(done.returncode, 0, done.stderr)
        after = self.output(moved)
        for what in ("sessions", "totals", "big"):
            self.assertEqual(after[what], self.wanted[what], what)
        for what in ("late", "dead"):  # each folder has those of its own runs
            self.assertEqual(sorted(before[what] + after[what]), self.wanted[what], what)

    def test_state_on_disk(self):
        """Killed, restored at another parallelism, and through a savepoint between disk and memory."""
        groups = ("--set", "pipeline.max-parallelism=1024")
        disk = ("--set", "state.backend.type=rocksdb", "--set",
                "state.backend.rocksdb.memory.fixed-per-tm=40 kb", "--set", "execution.checkpointing.interval=100ms",
                *groups)
        folder = self.folder("disk")
        self.kill_at_checkpoint(folder, 2, "--workers", "2", *disk)
        self.kill_at_checkpoint(folder, 4, "--restore", "latest", "--workers", "2", *disk)
        newest = manifests(folder / "job")[-1]
        self.assertIn(".sst", newest.read_text())
        shown = run("state", "show", "job", "--rows", "2", folder=folder)
        self.assertIn("files of RocksDB", shown.stdout, shown.stderr)
        self.assertIn("| user_id", shown.stdout)
        exported = run("state", "export", "job", "--to", "exported", folder=folder)
        self.assertEqual(exported.returncode, 0, exported.stderr)
        self.assertFalse([path for path in (folder / "exported").rglob("*.*") if "rocksdb" in str(path)])
        self.assertTrue(list((folder / "exported").glob("state/*/exported-*/sessions-*.parquet")))
        again = run("state", "export", "job", "--to", "exported", folder=folder)
        self.assertEqual(again.returncode, 2)
        self.assertIn("is not empty", again.stderr)
        for number, (backend, workers) in enumerate([(disk, "1"), (groups, "3"), (disk, "2")]):
            point = "point%d" % number
            shutil.rmtree(folder / "job" / "control", ignore_errors=True)  # a process makes it once it owns the job
            process = self.start(folder, "--restore", "point%d" % (number - 1) if number else "exported", "--workers",
                                 workers, *backend)
            self.stop_with_savepoint(process, folder, point)
            self.assertFalse(list((folder / point).rglob("*.sst")), "a savepoint is Parquet")
            self.assertTrue(list((folder / point).rglob("*.parquet")))
        done = self.run_job(folder, "--restore", "point2", "--workers", "3", *groups)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(folder)
        self.assertFalse(list((folder / "job").glob("rocksdb-*")), "working files are left")

    def test_changed_script(self):
        folder = self.folder("changed")
        self.kill_at_checkpoint(folder, 2)
        job = (folder / "job.sql").read_text()
        (folder / "job.sql").write_text(job.replace("INTERVAL '10' SECOND", "INTERVAL '12' SECOND"))
        plan = self.run_job(folder, "--restore", "latest", "--dry-run")
        self.assertEqual(plan.returncode, 0, plan.stderr)
        self.assertRegex(plan.stdout, r"dropped +sessions/WindowAggregate\(user_id; ")
        self.assertRegex(plan.stdout, r"rebuilt +sessions/WindowAggregate\(user_id; ")
        self.assertRegex(plan.stdout, r"kept +totals/GroupAggregate\(user_id\)")
        refused = self.run_job(folder, "--restore", "latest")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--allow-dropped-state", refused.stderr)
        done = self.run_job(folder, "--restore", "latest", "--allow-dropped-state")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.output(folder)["totals"], self.wanted["totals"])

    def test_restarts_by_itself(self):
        folder = self.folder("restarted")
        process = self.start(folder, "--set", "restart-strategy.type=fixed-delay", "--set",
                             "restart-strategy.fixed-delay.attempts=100", "--set",
                             "restart-strategy.fixed-delay.delay=10ms")
        self.wait_for_checkpoint(folder)
        (folder / "out2.db").rename(folder / "away.db")
        (folder / "out2.db").mkdir()  # cannot be opened
        for name in ("out2.db-wal", "out2.db-shm"):
            if (folder / name).exists():
                (folder / name).rename(folder / name.replace("out2", "away"))
        time.sleep(0.3)
        (folder / "out2.db").rmdir()
        for name in ("away.db", "away.db-wal", "away.db-shm"):
            if (folder / name).exists():
                (folder / name).rename(folder / name.replace("away", "out2"))
        self.assertEqual(process.wait(timeout=60), 0, process.stderr.read())
        process.stderr.close()
        self.assertEqual(self.output(folder)["sessions"], self.wanted["sessions"])

    def test_failures_to_start(self):
        """A table that cannot be opened yet is tried again; a mistake in the script is not."""
        folder = self.folder("starting")
        (folder / "out2.db").mkdir()
        refused = self.run_job(folder)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("out2.db", refused.stderr)
        again = ("--set", "restart-strategy.type=fixed-delay", "--set",
                 "restart-strategy.fixed-delay.attempts=1000", "--set",
                 "restart-strategy.fixed-delay.delay=20ms")
        process = self.start(folder, *again)
        deadline = time.monotonic() + 60
        log = folder / "job" / "job.log"
        while not (log.exists() and "restart 2 in 20 ms" in log.read_text()):
            self.assertIsNone(process.poll(), "it has ended")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        (folder / "out2.db").rmdir()
        self.assertEqual(process.wait(timeout=60), 0, process.stderr.read())
        process.stderr.close()
        self.check(folder)
        (folder / "job.sql").write_text("INSERT INTO nowhere SELECT 1;")
        wrong = self.run_job(folder, *again)
        self.assertEqual(wrong.returncode, 2, wrong.stderr)
        self.assertNotIn("restart", wrong.stderr)


if __name__ == "__main__":
    program_support.main()
