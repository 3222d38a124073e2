#!/usr/bin/env python3
"""Runs the millrace program as a user does and checks what it prints, writes and answers.

usage: program_test.py --program build/millrace
"""
import contextlib
import json
import os
import pathlib
import pty
import select
import signal
import sqlite3
import subprocess
import time
import unittest

import program_support
from program_support import (VIEWING_JOBS, Folder, access_log, events, json_lines, run, start, table_rows, viewing_events, viewing_sessions,
                             wait_for_handler)

GENERATOR = "CREATE TABLE g (a BIGINT) WITH ('connector' = 'datagen'%s);\n"
ENDLESS = GENERATOR % "" + "CREATE TABLE b (a BIGINT) WITH ('connector' = 'blackhole');\nINSERT INTO b SELECT a FROM g;"


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, *args, home):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=home, TERM="xterm", LC_ALL="C.UTF-8")
            os.execv(program_support.PROGRAM, [program_support.PROGRAM, *args])
        self.seen = ""

    def read_until(self, text, timeout=30):
        """Reads until `text` comes after what was read before."""
        end = time.monotonic() + timeout
        while text not in self.seen:
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} did not come, only {self.seen!r}")
            if select.select([self.terminal], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.terminal, 65536).decode("utf-8", "replace")
                except OSError:  # the program has gone
                    break
        if text not in self.seen:
            raise AssertionError(f"{text!r} did not come, only {self.seen!r}")
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait(self, timeout=30):
        """Waits for the end: the exit code."""
        end = time.monotonic() + timeout
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"the program did not end, after {self.seen!r}")
            if select.select([self.terminal], [], [], 1)[0]:
                with contextlib.suppress(OSError):  # the program has gone
                    self.seen += os.read(self.terminal, 65536).decode("utf-8", "replace")
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


class CommandLine(Folder):
    def test_version(self):
        self.assertRegex(run("--version").stdout, r"^millrace \d+\.\d+\.\d+\n$")

    def test_help_says_what_each_command_takes(self):
        expected = {(): ("run", "sql", "explain", "Exit codes", "Ctrl-C", "Examples"),
                    ("run",): ("--for", "--show", "--set", "--workers", "--folder", "--quiet", "$dead_letter"),
                    ("sql",): ("--execute", "standard input", "+I"), ("explain",): ("physical", "--set")}
        for command, words in expected.items():
            done = run(*command, "--help")
            self.assertEqual(done.returncode, 0)
            for word in words:
                self.assertIn(word, done.stdout)
            self.assertLessEqual(max(map(len, done.stdout.splitlines())), 120, done.stdout)

    def test_wrong_arguments_answer_two(self):
        for args in ((), ("nonsense",), ("run",), ("run", "--nonsense", "x.sql"), ("run", "nowhere.sql"), ("run", "."),
                     ("sql", "--workers", "many", "-e", "SELECT 1"), ("sql", "--workers", "-1", "-e", "SELECT 1"),
                     ("sql", "--set", "novalue", "-e", "SELECT 1"), ("sql", "--set", "no.such=1", "-e", "SELECT 1"),
                     ("run", "--for", "soon", __file__)):
            done = run(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertNotEqual(done.stderr.strip() + done.stdout.strip(), "", args)

    def test_one_statement(self):
        done = run("sql", "-e", "SELECT 1 + 1 AS two")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("two", done.stdout)
        self.assertEqual(table_rows(done.stdout), [["2"]])

    def test_script_on_standard_input(self):
        done = run("sql", text="CREATE VIEW v AS SELECT 'x' AS a;\nSELECT * FROM v;")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 row", done.stdout)

    def test_script_errors_answer_two_with_place(self):
        script = self.write("bad.sql", "SELECT 1;\nSELECT nothing FROM nowhere;")
        done = run("run", script)
        self.assertEqual(done.returncode, 2)
        self.assertIn("line 2", done.stderr)

    def test_a_job_that_fails_answers_one(self):
        done = run("sql", "-e", "SELECT CAST('x' AS INT)")
        self.assertEqual(done.returncode, 1)
        self.assertIn("'x'", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_explain(self):
        script = self.write("q.sql", events("x.json") + "SELECT user_id, COUNT(*) FROM events GROUP BY user_id;")
        done = run("explain", script)
        self.assertEqual(done.returncode, 0, done.stderr)
        for part in ("Logical Plan", "Optimized Plan", "Physical Plan", "GroupAggregate"):
            self.assertIn(part, done.stdout)

    def test_limit_ends_an_unbounded_source(self):
        done = run("sql", "-e", GENERATOR % "" + "SELECT a FROM g LIMIT 5")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("5 rows", done.stdout)

    def test_first_row_comes_at_once(self):
        process = start("sql", "-e", GENERATOR % ", 'rows-per-second' = '1'" + "SELECT a FROM g")
        began = time.monotonic()
        lines = [process.stdout.readline() for _ in range(4)]
        seconds = time.monotonic() - began
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertTrue(lines[3].startswith("|"), lines)
        self.assertLess(seconds, 5)  # 0.3 s on a machine that does nothing else

    def test_help_explains_functions_aggregates_and_forms(self):
        for name, said in (("upper", "UPPER(STRING)"), ("listagg", "LISTAGG("), ("cast", "CAST(value AS type)"),
                           ("grouping", "ROLLUP")):
            done = run("sql", "-e", f"HELP {name}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(said, done.stdout)

    def test_values_cannot_speak_to_the_terminal(self):
        done = run("sql", text=b"SELECT '\x1b[2J\n' AS a;")
        self.assertNotIn("\x1b", done.stdout)
        self.assertEqual(table_rows(done.stdout), [["\\x1b[2J\\n"]])

    def test_a_closed_pipe_is_quiet(self):
        command = f"{program_support.PROGRAM} sql -e \"{GENERATOR % ''}SELECT a FROM g\" | head -1"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.stderr, "")
        self.assertTrue(done.stdout.startswith("+--"), done.stdout)

    def test_output_that_cannot_be_written_fails(self):
        for statement in ("SELECT 1", "SHOW FUNCTIONS"):
            with open("/dev/full", "w") as full:
                done = run("sql", "-e", statement, stdout=full)
            self.assertEqual(done.returncode, 1, statement)
            self.assertIn("No space left", done.stderr)


class Signals(Folder):
    def interrupted(self, number):
        process = start("run", self.write("g.sql", ENDLESS + "\nSELECT 'the next statement';"))
        wait_for_handler(process, number)
        time.sleep(1)
        process.send_signal(number)
        output, error = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, error)
        self.assertIn("the books balance", error)
        self.assertEqual(output, "")  # the script ends where it was interrupted

    def test_interrupt_drains(self):
        self.interrupted(signal.SIGINT)

    def test_terminate_drains(self):
        self.interrupted(signal.SIGTERM)

    def test_a_second_interrupt_stops_at_once(self):
        pipe = str(self.path / "pipe")
        os.mkfifo(pipe)
        process = start("sql", "-e", events(pipe) + "SELECT * FROM events")
        with open(pipe, "w"):  # a writer that stays and says nothing
            wait_for_handler(process, signal.SIGINT)
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
        self.assertIn(process.returncode, (0, 1))

    def test_time_limit_drains(self):
        done = run("run", "--for", "1s", self.write("g.sql", ENDLESS))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the books balance", done.stderr)

    def test_plain_progress_lines(self):
        done = run("run", "--for", "6s", self.write("g.sql", ENDLESS))
        self.assertRegex(done.stderr, r"(?m)^\d+ s  .* rows  .*/s  watermark ")
        self.assertNotIn("\x1b", done.stderr)


class Shell(Folder):
    def test_statements_errors_cancel_and_history(self):
        shell = Terminal("sql", home=str(self.path))
        shell.read_until("millrace> ")
        shell.type("SELECT 1 +\r")
        shell.read_until("-> ")
        shell.type("41 AS answer;\r")
        self.assertIn("42", shell.read_until("1 row"))
        shell.type("SELEC;\r")
        shell.read_until("did you mean 'SELECT'?")
        shell.type("SELECT 'given up\r")
        shell.read_until("-> ")
        shell.type("\x03")
        shell.read_until("millrace> ")
        shell.type("CREATE TABLE gen (a BIGINT) WITH ('connector' = 'datagen');\r")
        shell.read_until("millrace> ")
        shell.type("SELECT a FROM ge\t;\r")  # completes the table's name
        shell.read_until("| a ")
        shell.type("\x03")
        shell.read_until("draining")
        shell.read_until("millrace> ")
        shell.type("SELECT 'still here';\r")
        shell.read_until("1 row")
        shell.type("QUIT;\r")
        self.assertEqual(shell.wait(), 0)
        history = (self.path / ".millrace_history").read_text()
        self.assertIn("answer", history)

    def test_end_of_input_leaves(self):
        shell = Terminal("sql", home=str(self.path))
        shell.read_until("millrace> ")
        shell.type("\x04")
        self.assertEqual(shell.wait(), 0)

    def test_a_terminal_shows_progress(self):
        job = Terminal("run", "--for", "3s", self.write("g.sql", ENDLESS), home=str(self.path))
        job.read_until("rows  ")
        job.read_until("the books balance")
        self.assertEqual(job.wait(), 0)

    def test_show_draws_within_the_screen(self):
        script = self.write("g.sql", ENDLESS)
        job = Terminal("run", "--show", "--for", "2s", script, home=str(self.path))
        seen = job.read_until("the books balance")
        self.assertIn("newest rows of b", seen)
        self.assertEqual(job.wait(), 0)


class Sinks(Folder):
    def test_sqlite_upsert(self):
        rows = "".join(json.dumps({"ts": f"2020-01-01 00:00:{i:02}", "user_id": "u%d" % (i % 3), "n": i}) + "\n" for i in range(30))
        source = events(self.write("in.json", rows))
        database = str(self.path / "new" / "out.db")
        done = run("sql", "-q", "-e", source + f"CREATE TABLE totals (user_id STRING, c BIGINT, s BIGINT, PRIMARY KEY (user_id) NOT ENFORCED) "
                   f"WITH ('connector' = 'sqlite', 'path' = '{database}'); INSERT INTO totals SELECT user_id, COUNT(*), SUM(n) FROM events GROUP BY user_id")
        self.assertEqual(done.returncode, 0, done.stderr)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            found = sorted(connection.execute("SELECT user_id, c, s FROM totals"))
        self.assertEqual(found, [("u0", 10, 135), ("u1", 10, 145), ("u2", 10, 155)])

    def test_files_partitioned_and_complete(self):
        rows = "".join(json.dumps({"ts": "2020-01-01 00:00:00", "user_id": "u%d" % (i % 3), "n": i}) + "\n" for i in range(1000))
        source = events(self.write("in.json", rows))
        lake = self.path / "lake"
        done = run("sql", "-q", "-e", source + f"CREATE TABLE lake (n BIGINT, user_id STRING) PARTITIONED BY (user_id) WITH "
                   f"('connector' = 'filesystem', 'path' = '{lake}', 'format' = 'json'); INSERT INTO lake SELECT n, user_id FROM events")
        self.assertEqual(done.returncode, 0, done.stderr)
        visible = [p for p in lake.rglob("*") if p.is_file() and not p.name.startswith((".", "_"))]
        numbers = [json.loads(line)["n"] for p in visible for line in p.read_text().splitlines()]
        self.assertEqual(sorted(numbers), list(range(1000)))
        self.assertTrue(any("user_id=u1" in str(p) for p in visible))


class Weblog(Folder):
    """The weblog job against an independent computation over the whole file in plain SQL (SQLite)."""

    def test_sessions_agree_with_plain_sql(self):
        visits, lines = access_log(20000)
        self.write("access.log", "".join(lines))
        job = pathlib.Path(__file__).resolve().parent.parent / "jobs/weblog-sessions/job.sql"
        done = run("run", "-q", str(job), folder=self.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        database = next(self.path.rglob("*.db"))
        with contextlib.closing(sqlite3.connect(database)) as connection:
            found = connection.execute("SELECT COUNT(*), SUM(hits), SUM(distinct_urls) FROM session_totals").fetchone()
        with contextlib.closing(sqlite3.connect(":memory:")) as oracle:
            oracle.execute("CREATE TABLE e (ms INTEGER, ip TEXT, url TEXT)")
            oracle.executemany("INSERT INTO e VALUES (?, ?, ?)", [(int(c * 1000), ip, url) for c, ip, url in visits])
            wanted = oracle.execute(
                "WITH marked AS (SELECT *, ms - LAG(ms) OVER (PARTITION BY ip ORDER BY ms, rowid) > 1800000 AS fresh FROM e), "
                "numbered AS (SELECT *, SUM(COALESCE(fresh, 0)) OVER (PARTITION BY ip ORDER BY ms, rowid2) AS s FROM "
                "(SELECT *, ROW_NUMBER() OVER () AS rowid2 FROM marked)), "
                "sessions AS (SELECT ip, s, COUNT(*) AS hits, COUNT(DISTINCT url) AS urls FROM numbered GROUP BY ip, s) "
                "SELECT COUNT(*), SUM(hits), SUM(urls) FROM sessions").fetchone()
        self.assertEqual(found, wanted)


class Viewing(Folder):
    """The viewing jobs over a file, against sessions computed here."""

    def setUp(self):
        super().setUp()
        made = viewing_events(60)
        self.write("events.json", json_lines(made))
        self.wanted = viewing_sessions(made)
        self.options = [part for option, value in (("connector", "filesystem"), ("path", "events.json"), ("format", "json"))
                        for part in ("--set", f"millrace.table.device_events.{option}={value}")]

    def sessions(self, name):
        with contextlib.closing(sqlite3.connect(self.path / "out" / name, timeout=30)) as connection:
            return sorted(tuple(map(str, row)) for row in connection.execute("SELECT * FROM sessions"))

    def test_job(self):
        done = run("run", "-q", *self.options, str(VIEWING_JOBS / "job.sql"), folder=self.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.sessions("sessions.db"), self.wanted)

    def test_two_stages(self):
        """The second stage follows the lake until it is told to end."""
        process = start("run", "-q", *self.options, "--set", "millrace.table.session_lake.source.monitor-interval=200ms",
                        str(VIEWING_JOBS / "two-stage.sql"), cwd=self.path)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 100
        while not ((self.path / "out/two-stage.db").exists() and len(self.found()) >= len(self.wanted)):
            self.assertIsNone(process.poll(), "it has ended")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 0, process.stderr.read())
        self.assertEqual(self.sessions("two-stage.db"), self.wanted)

    def found(self):
        try:
            return self.sessions("two-stage.db")
        except sqlite3.OperationalError:  # no table yet
            return []


if __name__ == "__main__":
    program_support.main()
