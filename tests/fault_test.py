#!/usr/bin/env python3
"""Faults under checkpoints: a disk that takes nothing more, a store that cannot be written, a process
that stands still. Each is survived or refused clearly, and nothing is lost or doubled.

usage: fault_test.py --program build/millrace
"""
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

import program_support
from program_support import newest_checkpoint

ROWS = 200000
RATE = 80000  # a second

JOB = """
CREATE TABLE bid (
  auction BIGINT, bidder BIGINT, price BIGINT, `dateTime` TIMESTAMP(3),
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH ('connector' = 'nexmark', 'nexmark.events' = 'bid', 'events.num' = '{rows}', 'seed' = '2',
        'first-event.rate' = '500', 'rows-per-second' = '{rate}');
CREATE TABLE sessions (bidder BIGINT, s TIMESTAMP(3), c BIGINT, total BIGINT)
WITH ('connector' = 'filesystem', 'path' = 'sessions', 'format' = 'csv');
CREATE TABLE totals (auction BIGINT, c BIGINT, total BIGINT, PRIMARY KEY (auction) NOT ENFORCED)
WITH ('connector' = 'sqlite', 'path' = 'totals.db');
BEGIN STATEMENT SET;
INSERT INTO sessions SELECT bidder, window_start, COUNT(*), SUM(price)
  FROM TABLE(SESSION(TABLE bid PARTITION BY bidder, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
  GROUP BY bidder, window_start, window_end;
INSERT INTO totals SELECT auction, COUNT(*), SUM(price) FROM bid GROUP BY auction;
END;
"""
RESTARTS = ("restart-strategy.type=fixed-delay", "restart-strategy.fixed-delay.attempts=1000",
            "restart-strategy.fixed-delay.delay=20ms")


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.root = pathlib.Path(temporary.name)
        folder = cls.folder("undisturbed", rate=0)
        said, code = cls.finish(cls.start(folder))
        assert code == 0, said
        cls.wanted = cls.output(folder)
        assert len(cls.wanted["sessions"]) > 100

    @classmethod
    def folder(cls, name, rate=RATE):
        folder = cls.root / name
        folder.mkdir()
        (folder / "job.sql").write_text(JOB.format(rows=ROWS, rate=rate))
        return folder

    @staticmethod
    def start(folder, *settings, restore=False):
        command = [program_support.PROGRAM, "run", "job.sql", "--folder", "job", "--workers", "2"]
        command += ["--restore", "latest"] if restore else []
        for setting in ("execution.checkpointing.interval=50ms", *settings):
            command += ["--set", setting]
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    @staticmethod
    def finish(process):
        said = process.communicate(timeout=100)[1]
        return said, process.returncode

    @staticmethod
    def output(folder):
        visible = [p for p in (folder / "sessions").iterdir() if not p.name.startswith(".")]
        with sqlite3.connect(folder / "totals.db") as database:
            totals = sorted(database.execute("SELECT * FROM totals"))
        return {"sessions": sorted(line for p in visible for line in p.read_text().splitlines()), "totals": totals}

    def check(self, folder):
        found = self.output(folder)
        for what, wanted in self.wanted.items():
            self.assertEqual(len(found[what]), len(wanted), what)
            self.assertEqual(found[what], wanted, what)
        hidden = [p.name for p in (folder / "sessions").iterdir() if p.name.startswith(".")]
        self.assertEqual(hidden, [])

    def wait_for_checkpoint(self, folder, process, number=3):
        """False if the job ended before."""
        deadline = time.time() + 30
        while time.time() < deadline:
            if newest_checkpoint(folder / "job") >= number:
                return True
            if process.poll() is not None:
                return False
            time.sleep(0.005)
        self.fail("no checkpoint %d" % number)

    @staticmethod
    def limit_files(process, size):
        """No file may grow beyond `size` bytes: as a full disk, but for the error's name."""
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_full_disk_ends_the_job_which_then_goes_on(self):
        folder = self.folder("full")
        process = self.start(folder)
        self.wait_for_checkpoint(folder, process)
        self.limit_files(process, 0)
        said, code = self.finish(process)
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"cannot \w+ .*job/checkpoints/.*: File too large|"
                               r"cannot write '?.*sessions/.*: File too large")
        said, code = self.finish(self.start(folder, restore=True))
        self.assertEqual(code, 0, said)
        self.check(folder)

    def test_full_disk_is_outlived_by_restarts(self):
        folder = self.folder("outlived")
        process = self.start(folder, *RESTARTS)
        for size in (0, 20000, 0):
            if self.wait_for_checkpoint(folder, process, newest_checkpoint(folder / "job") + 3):
                self.limit_files(process, size)
                time.sleep(0.3)
                self.limit_files(process, resource.RLIM_INFINITY)
        said, code = self.finish(process)
        self.assertEqual(code, 0, said)
        self.assertIn("File too large; restart", said)
        self.assertIn("the books balance", said)
        self.check(folder)

    def test_restart_does_not_go_on_from_a_former_run(self):
        folder = self.folder("former")
        said, code = self.finish(self.start(folder))
        self.assertEqual(code, 0, said)
        shutil.rmtree(folder / "sessions")
        for file in folder.glob("totals.db*"):
            file.unlink()
        process = self.start(folder, *RESTARTS, "execution.checkpointing.interval=900ms")
        while not (folder / "totals.db-wal").exists():
            self.assertIsNone(process.poll())
            time.sleep(0.005)
        time.sleep(0.2)  # until all is open
        self.limit_files(process, 0)  # before its first checkpoint
        time.sleep(1.2)
        self.limit_files(process, resource.RLIM_INFINITY)
        said, code = self.finish(process)
        self.assertEqual(code, 0, said)
        self.assertIn("a former run left checkpoint", said)
        self.assertIn("no checkpoint was complete: starting from the beginning", said)
        self.check(folder)

    def break_store(self, folder):
        """A file stands where the next checkpoint wants a folder."""
        state = next((folder / "job" / "checkpoints").iterdir()) / "state"
        while True:  # the job may be writing just now
            shutil.rmtree(state, ignore_errors=True)
            try:
                state.write_text("in the way")
                return state
            except OSError:
                continue

    def test_failed_checkpoints_are_tolerated(self):
        folder = self.folder("tolerated")
        process = self.start(folder, "execution.checkpointing.tolerable-failed-checkpoints=1000")
        self.wait_for_checkpoint(folder, process)
        state = self.break_store(folder)
        time.sleep(0.4)
        state.unlink()
        said, code = self.finish(process)
        self.assertEqual(code, 0, said)
        self.assertNotIn("restart", said)
        log = (folder / "job" / "job.log").read_text()
        self.assertRegex(log, r"checkpoint \d+ failed after .* ms: .*/state.*: (Not a directory|File exists)")
        self.check(folder)

    def test_failed_checkpoint_fails_the_job_by_default(self):
        folder = self.folder("not_tolerated")
        process = self.start(folder)
        self.wait_for_checkpoint(folder, process)
        state = self.break_store(folder)
        said, code = self.finish(process)
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"checkpoint \d+ failed: .*/state.*: (Not a directory|File exists)")
        state.unlink()

    def test_standing_still(self):
        folder = self.folder("still")
        process = self.start(folder, "execution.checkpointing.timeout=1s")
        self.wait_for_checkpoint(folder, process)
        for _ in range(2):
            process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.2)
        said, code = self.finish(process)
        if code != 0:  # stopped in the middle of a checkpoint, which then took too long
            self.assertIn("not complete within 1000 ms", said)
            said, code = self.finish(self.start(folder, restore=True))
        self.assertEqual(code, 0, said)
        self.check(folder)


if __name__ == "__main__":
    program_support.main()
