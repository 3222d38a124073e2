#!/usr/bin/env python3
"""The bank: a million transfers between accounts, out of order, while the program is killed again and
again. Money is neither made nor lost: whatever another process can see of the balances sums to zero, at
every moment, and so does every window of the movements.

usage: bank_test.py --program build/millrace
"""
import collections
import json
import pathlib
import random
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

import program_support

TRANSFERS = 1000000
ACCOUNTS = 1000
KILLS = 8

# Each transfer is two rows behind one scan: both are on the same side of every barrier, though they go to
# other keys, hence other tasks.
JOB = """
CREATE TABLE transfers (
  id BIGINT, payer INT, payee INT, amount BIGINT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'datagen', 'number-of-rows' = '{transfers}', 'rows-per-second' = '{rate}', 'seed' = '3',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '{transfers}',
  'fields.payer.min' = '1', 'fields.payer.max' = '{accounts}',
  'fields.payee.min' = '1', 'fields.payee.max' = '{accounts}',
  'fields.amount.min' = '1', 'fields.amount.max' = '1000000', 'fields.ts.max-past' = '3 s');
CREATE VIEW movements AS
SELECT payer AS account, -amount AS amount, ts FROM transfers
UNION ALL SELECT payee, amount, ts FROM transfers;
CREATE TABLE balances (account INT, balance BIGINT, movements BIGINT, PRIMARY KEY (account) NOT ENFORCED)
WITH ('connector' = 'sqlite', 'path' = 'bank.db');
CREATE TABLE windows (w TIMESTAMP(3), account INT, amount BIGINT, movements BIGINT)
WITH ('connector' = 'filesystem', 'path' = 'windows', 'format' = 'json');
BEGIN STATEMENT SET;
INSERT INTO balances SELECT account, SUM(amount), COUNT(*) FROM movements GROUP BY account;
INSERT INTO windows
  SELECT window_start, account, SUM(amount), COUNT(*)
  FROM TABLE(TUMBLE(TABLE movements, DESCRIPTOR(ts), INTERVAL '500' MILLISECOND))
  GROUP BY window_start, window_end, account;
END;
"""


class Auditor(threading.Thread):
    """Reads the balances over and over, as another process would: each time one transaction's view."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.stopped = threading.Event()
        self.seen = []    # movements, each time that they had changed
        self.wrong = []   # sums that are not zero

    def run(self):
        while not self.stopped.wait(0.004):
            if not (self.folder / "bank.db").exists():
                continue
            database = sqlite3.connect(self.folder / "bank.db", timeout=10)
            try:
                total, movements = database.execute("SELECT SUM(balance), SUM(movements) FROM balances").fetchone()
            except sqlite3.OperationalError:  # not made yet
                continue
            finally:
                database.close()
            if total is None:
                continue
            if total != 0 or movements % 2 != 0:
                self.wrong.append((total, movements))
            if not self.seen or movements != self.seen[-1]:
                self.seen.append(movements)

    def stop(self):
        self.stopped.set()
        self.join()


class Bank(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        (self.folder / "job.sql").write_text(
            JOB.format(transfers=TRANSFERS, accounts=ACCOUNTS, rate=TRANSFERS // 5))
        self.auditor = Auditor(self.folder)

    def start(self, workers):
        return subprocess.Popen(
            [program_support.PROGRAM, "run", "job.sql", "--folder", "job", "--restore", "latest",
             "--workers", str(workers), "--set", "execution.checkpointing.interval=100ms"],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def windows(self):
        """By window: the sum of amounts, and the number of movements."""
        sums, counts = collections.Counter(), collections.Counter()
        for file in (self.folder / "windows").glob("part-*.json"):
            for line in file.read_text().splitlines():
                row = json.loads(line)
                sums[row["w"]] += row["amount"]
                counts[row["w"]] += row["movements"]
        return sums, counts

    def check_windows(self):
        sums, counts = self.windows()
        self.assertEqual({w: s for w, s in sums.items() if s != 0}, {})
        return sum(counts.values())

    def test_every_output_sums_to_zero(self):
        draw = random.Random(5)
        self.auditor.start()
        self.addCleanup(self.auditor.stop)
        kills = 0
        while True:
            process = self.start(draw.choice([1, 2, 3]))
            try:
                said = process.communicate(timeout=0.3 + draw.random() * 0.6 if kills < KILLS else 120)[1]
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
                self.check_windows()  # an epoch's rows stand in one file: what is there is whole
        self.assertEqual(process.returncode, 0, said)
        self.assertIn("the books balance", said)
        self.auditor.stop()
        self.assertEqual(self.auditor.wrong, [])
        self.assertGreater(len(self.auditor.seen), 5, "too few epochs were seen to say anything")
        self.assertEqual(self.auditor.seen, sorted(self.auditor.seen), "an epoch was taken back")
        self.assertEqual(self.auditor.seen[-1], 2 * TRANSFERS)
        self.assertGreaterEqual(kills, 3, "the job is too short to be killed")
        late = len((self.folder / "job" / "late.json").read_text().splitlines())
        self.assertEqual(self.check_windows() + late, 2 * TRANSFERS)
        self.assertGreater(late, 0)


if __name__ == "__main__":
    program_support.main()
