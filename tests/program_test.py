#!/usr/bin/env python3
"""Runs the millrace program as a user does and checks what it prints, writes and answers.

usage: program_test.py --program build/millrace
"""
import argparse
import gzip
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""


def run(*args, text=None, folder=None, timeout=120):
    return subprocess.run([PROGRAM, *args], input=text, cwd=folder, timeout=timeout, capture_output=True, text=True)


class Folder(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def write(self, name, content):
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(self.path / name, mode) as file:
            file.write(content)
        return str(self.path / name)


EVENTS = "CREATE TABLE events (ts TIMESTAMP(3), user_id STRING, n BIGINT, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) " \
         "WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'json');\n"


class CommandLine(Folder):
    def test_version_and_help(self):
        self.assertRegex(run("--version").stdout, r"millrace \d")
        for args in (["--help"], ["run", "--help"], ["sql", "--help"], ["explain", "--help"]):
            self.assertEqual(run(*args).returncode, 0)
        self.assertEqual(run("nonsense").returncode, 2)

    def test_one_statement(self):
        done = run("sql", "-e", "SELECT 1 + 1 AS two")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("two", done.stdout)
        self.assertIn("2", done.stdout)

    def test_script_on_standard_input(self):
        done = run("sql", text="CREATE VIEW v AS SELECT 'x' AS a;\nSELECT * FROM v;")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 row", done.stdout)

    def test_script_errors_answer_two_with_place(self):
        script = self.write("bad.sql", "SELECT 1;\nSELECT nothing FROM nowhere;")
        done = run("run", script)
        self.assertEqual(done.returncode, 2)
        self.assertIn("line 2", done.stderr)
        self.assertEqual(run("run", str(self.path / "missing.sql")).returncode, 2)

    def test_explain(self):
        script = self.write("q.sql", EVENTS.format(path="x.json") + "SELECT user_id, COUNT(*) FROM events GROUP BY user_id;")
        done = run("explain", script)
        self.assertEqual(done.returncode, 0, done.stderr)
        for part in ("Logical Plan", "Optimized Plan", "Physical Plan", "GroupAggregate"):
            self.assertIn(part, done.stdout)

    def test_unknown_option_names_the_nearest(self):
        done = run("sql", "-e", "SET 'parallelism.defalt' = '2'")
        self.assertEqual(done.returncode, 2)
        self.assertIn("parallelism.default", done.stderr)
        script = "CREATE TABLE t (a INT) WITH ('connector'='filesystem','path'='x','fromat'='json'); SELECT * FROM t"
        done = run("sql", "-e", script)
        self.assertEqual(done.returncode, 2)
        self.assertIn("'format'", done.stderr)

    def test_limit_ends_an_unbounded_source(self):
        script = "CREATE TABLE g (a BIGINT) WITH ('connector' = 'datagen'); SELECT a FROM g LIMIT 5"
        done = run("sql", "-e", script)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("5 rows", done.stdout)

    def test_interrupt_drains(self):
        script = self.write("g.sql", "CREATE TABLE g (a BIGINT) WITH ('connector' = 'datagen');\n"
                            "CREATE TABLE b (a BIGINT) WITH ('connector' = 'blackhole');\nINSERT INTO b SELECT a FROM g;")
        process = subprocess.Popen([PROGRAM, "run", script], stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0, error)
        self.assertIn("done in", error)


class BadInput(Folder):
    def count(self, content, name="in.json"):
        path = self.write(name, content)
        done = run("sql", "-q", "-e", EVENTS.format(path=path) + "SELECT COUNT(*) AS n, SUM(n) AS s FROM events")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line for line in done.stdout.splitlines() if line.startswith("|")][1:]
        return [cell.strip() for cell in rows[-1].strip("|").split("|")][-2:] if rows else ["0", "NULL"]

    def test_empty_file(self):
        self.assertEqual(self.count(""), ["0", "NULL"])

    def test_file_that_ends_mid_row(self):
        good = '{"ts": "2020-01-01 00:00:00", "user_id": "a", "n": 1}'
        self.assertEqual(self.count(good + "\n" + good), ["2", "2"])
        self.assertEqual(self.count(good + "\n" + good[:30]), ["1", "1"])

    def test_wrong_type_and_garbage(self):
        good = '{"ts": "2020-01-01 00:00:00", "user_id": "a", "n": 1}\n'
        bad = '{"ts": "2020-01-01 00:00:00", "user_id": "a", "n": "x"}\n' + "garbage\n" + "{}}\n"
        self.assertEqual(self.count(good + bad + good), ["2", "2"])

    def test_invalid_utf8(self):
        good = b'{"ts": "2020-01-01 00:00:00", "user_id": "a", "n": 1}\n'
        self.assertEqual(self.count(good + good.replace(b'"a"', b'"\xff\xfe"') + good), ["2", "2"])

    def test_huge_line(self):
        good = '{"ts": "2020-01-01 00:00:00", "user_id": "a", "n": 1}\n'
        self.assertEqual(self.count(good + '{"user_id": "' + "x" * 100_000_000 + '"}\n' + good), ["2", "2"])

    def test_gzip(self):
        good = b'{"ts": "2020-01-01 00:00:00", "user_id": "a", "n": 1}\n'
        self.assertEqual(self.count(gzip.compress(good * 1000), "in.json.gz"), ["1000", "1000"])

    def test_year_9999(self):
        far = '{"ts": "9999-12-31 23:59:59.999", "user_id": "a", "n": 1}\n'
        self.assertEqual(self.count(far), ["1", "1"])

    def test_missing_file_and_permission(self):
        done = run("sql", "-q", "-e", EVENTS.format(path="/nowhere/x.json") + "SELECT * FROM events")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/nowhere/x.json", done.stderr)

    def test_dead_letters_are_kept_and_readable(self):
        path = self.write("in.json", "garbage\n")
        folder = str(self.path / "job")
        run("sql", "-q", "--folder", folder, "-e", EVENTS.format(path=path) + "SELECT * FROM events")
        letters = [json.loads(line) for line in open(folder + "/dead_letter.json")]
        self.assertEqual(len(letters), 1)
        self.assertEqual(letters[0]["row"], "garbage")
        done = run("sql", "-q", "--folder", folder, "-e", "SELECT `position`, reason FROM `$dead_letter`")
        self.assertIn("in.json:1", done.stdout)

    def test_late_rows_are_kept_and_readable(self):
        path = self.write("in.json", "".join(
            json.dumps({"ts": f"2020-01-01 00:00:{s:02}", "user_id": "u", "n": s}) + "\n" for s in (1, 30, 2)))
        folder = str(self.path / "job")
        done = run("sql", "-q", "--folder", folder, "-e", EVENTS.format(path=path) +
                   "SELECT window_start, SUM(n) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) "
                   "GROUP BY window_start, window_end")
        self.assertEqual(done.returncode, 0, done.stderr)
        late = run("sql", "-q", "--folder", folder, "-e", "SELECT `row`, `watermark`, `source` FROM `$late`")
        self.assertIn('"n":2', late.stdout.replace(" ", "").replace('"2"', "2"))
        self.assertIn("2020-01-01 00:00:25", late.stdout.replace("T", " "))
        self.assertIn("TUMBLE", late.stdout)

    def test_duplicate_column(self):
        done = run("sql", "-e", "CREATE TABLE t (a INT, a INT) WITH ('connector' = 'print')")
        self.assertEqual(done.returncode, 2)
        self.assertIn("two columns named 'a'", done.stderr)


class Sinks(Folder):
    def test_sqlite_upsert(self):
        rows = "".join(json.dumps({"ts": f"2020-01-01 00:00:{i:02}", "user_id": "u%d" % (i % 3), "n": i}) + "\n" for i in range(30))
        source = EVENTS.format(path=self.write("in.json", rows))
        database = str(self.path / "out.db")
        done = run("sql", "-q", "-e", source + f"CREATE TABLE totals (user_id STRING, c BIGINT, s BIGINT, PRIMARY KEY (user_id) NOT ENFORCED) "
                   f"WITH ('connector' = 'sqlite', 'path' = '{database}'); INSERT INTO totals SELECT user_id, COUNT(*), SUM(n) FROM events GROUP BY user_id")
        self.assertEqual(done.returncode, 0, done.stderr)
        with sqlite3.connect(database) as connection:
            found = sorted(connection.execute("SELECT user_id, c, s FROM totals"))
        self.assertEqual(found, [("u0", 10, 135), ("u1", 10, 145), ("u2", 10, 155)])

    def test_files_partitioned_and_complete(self):
        rows = "".join(json.dumps({"ts": "2020-01-01 00:00:00", "user_id": "u%d" % (i % 3), "n": i}) + "\n" for i in range(1000))
        source = EVENTS.format(path=self.write("in.json", rows))
        lake = self.path / "lake"
        done = run("sql", "-q", "-e", source + f"CREATE TABLE lake (n BIGINT, user_id STRING) PARTITIONED BY (user_id) WITH "
                   f"('connector' = 'filesystem', 'path' = '{lake}', 'format' = 'json'); INSERT INTO lake SELECT n, user_id FROM events")
        self.assertEqual(done.returncode, 0, done.stderr)
        visible = [p for p in lake.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))]
        numbers = [json.loads(line)["n"] for p in visible for line in open(p)]
        self.assertEqual(sorted(numbers), list(range(1000)))
        self.assertTrue(any("user_id=u1" in str(p) for p in visible))


class Weblog(Folder):
    """The weblog job against an independent computation over the whole file in plain SQL (SQLite)."""

    def test_sessions_agree_with_plain_sql(self):
        random.seed(5)
        events, lines = [], []
        clock = 0.0
        for i in range(20000):
            clock += random.expovariate(1 / 2.0)
            ip = "10.0.0.%d" % random.randint(1, 60) if random.random() < 0.9 else "10.1.0.%d" % random.randint(1, 200)
            url = "http://shop:80/p/%d" % random.randint(1, 300)
            events.append((clock, ip, url))
        for clock, ip, url in events:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1437555628 + clock)) + ".%06dZ" % int(clock % 1 * 1e6)
            lines.append(f'{stamp} shop {ip}:54635 10.0.6.158:80 0.000022 0.026109 0.00002 200 200 0 699 "GET {url} HTTP/1.1" "Mozilla/5.0" ECDHE TLSv1.2\n')
        self.write("access.log", "".join(lines))
        job = pathlib.Path(__file__).resolve().parent.parent / "jobs/weblog-sessions/job.sql"
        done = run("run", "-q", str(job), folder=self.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        database = next(self.path.rglob("*.db"))
        with sqlite3.connect(database) as connection:
            found = connection.execute("SELECT COUNT(*), SUM(hits), SUM(distinct_urls) FROM session_totals").fetchone()
        with sqlite3.connect(":memory:") as oracle:
            oracle.execute("CREATE TABLE e (ms INTEGER, ip TEXT, url TEXT)")
            oracle.executemany("INSERT INTO e VALUES (?, ?, ?)", [(int(c * 1000), ip, url) for c, ip, url in events])
            wanted = oracle.execute(
                "WITH marked AS (SELECT *, ms - LAG(ms) OVER (PARTITION BY ip ORDER BY ms, rowid) > 1800000 AS fresh FROM e), "
                "numbered AS (SELECT *, SUM(COALESCE(fresh, 0)) OVER (PARTITION BY ip ORDER BY ms, rowid2) AS s FROM "
                "(SELECT *, ROW_NUMBER() OVER () AS rowid2 FROM marked)), "
                "sessions AS (SELECT ip, s, COUNT(*) AS hits, COUNT(DISTINCT url) AS urls FROM numbered GROUP BY ip, s) "
                "SELECT COUNT(*), SUM(hits), SUM(urls) FROM sessions").fetchone()
        self.assertEqual(found, wanted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = os.path.abspath(arguments.program)
    unittest.main(argv=[sys.argv[0], *rest])
