#!/usr/bin/env python3
"""Bad input of every kind: each gives a clear error or a dead letter, never a crash, a hang or a silent
loss, and the books balance.

usage: bad_input_test.py --program build/millrace
"""
import base64
import gzip
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
import unittest

import program_support
from program_support import (EVENT_COLUMNS, Folder, events, run, start, table_rows,
                             wait_for_handler)

GOOD = '{"ts": "2020-01-01 00:00:00", "user_id": "a", "n": 1}\n'
NOBODY = 65534
MEGABYTE = 1 << 20


def limited_memory(limit):
    """For subprocesses: at most `limit` bytes of address space for data. None under a sanitizer, whose
    own map of memory is larger than any limit."""
    if os.environ.get("MILLRACE_SANITIZE"):
        return None
    return lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


class Books(Folder):
    def totals(self, source, columns=EVENT_COLUMNS, **more):
        """Runs an INSERT of all rows of `source` (table `events`) with two workers; returns the books."""
        script = source + f"CREATE TABLE sink ({columns}) WITH ('connector' = 'blackhole');\n" \
                          "INSERT INTO sink SELECT * FROM events;"
        done = run("sql", "--workers", "2", "--folder", str(self.path / "job"), "-e", script, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the books balance", done.stderr)
        read, passed, dead = map(int, re.search(r"events: read (\d+) = passed on (\d+) \+ dead-lettered (\d+)",
                                                done.stderr).groups())
        self.assertEqual(read, passed + dead)
        self.assertEqual(int(re.search(r"sink: written (\d+)", done.stderr).group(1)), passed)
        letters = self.path / "job" / "dead_letter.json"
        self.assertEqual(len(letters.read_text().splitlines()), dead)
        return passed, dead

    def check(self, content, passed, dead, name="in.json", columns=EVENT_COLUMNS, **table):
        source = events(self.write(name, content), columns=columns, **table)
        self.assertEqual(self.totals(source, columns), (passed, dead))


class Json(Books):
    def test_empty_files(self):
        for content in ("", "\n\n\n", b"\xef\xbb\xbf"):
            with self.subTest(content=content):
                self.check(content, 0, 0)

    def test_file_that_ends_mid_row(self):
        self.check(GOOD + GOOD.strip(), 2, 0)

    def test_file_that_ends_mid_row_and_broken(self):
        self.check(GOOD + GOOD[:30], 1, 1)

    def test_wrong_types_and_garbage(self):
        self.check(GOOD + '{"n": "x"}\n' + '{"n": [1]}\ngarbage\n{}}\n[1]\n' + GOOD * 2, 3, 5)

    def test_invalid_utf8(self):
        self.check(GOOD.encode() + GOOD.encode().replace(b'"a"', b'"\xff\xfe"') + GOOD.encode(), 2, 1)

    def test_nul_bytes_marks_and_line_ends(self):
        self.check(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode() + b"\0\0\n" + GOOD.encode(), 2, 1)

    def test_deep_nesting(self):
        deep = '{"ts": "2020-01-01 00:00:00", "n": ' + "[" * 10000 + "]" * 10000 + "}\n"
        self.check(GOOD + deep + '{"x": ' * 10000 + "1" + "}" * 10000 + "\n" + GOOD, 2, 2)

    def test_numbers_out_of_range(self):
        rows = "".join(GOOD.replace('"n": 1', f'"n": {n}') for n in ("99999999999999999999", "1e400", "-1e999999999", "9" * 5000))
        self.check(rows + GOOD, 1, 4)

    def test_a_line_of_100_megabytes(self):
        path = self.write("in.json", "")
        with open(path, "w") as file:
            file.write(GOOD + '{"user_id": "')
            for _ in range(100):
                file.write("x" * MEGABYTE)
            file.write('"}\n' + GOOD)
        passed, dead = self.totals(events(path), preexec_fn=limited_memory(1500 * MEGABYTE))
        self.assertEqual((passed, dead), (2, 1))  # the long line has no time

    def test_a_line_that_is_too_long(self):
        path = self.write("in.json", "")
        with open(path, "w") as file:
            file.write(GOOD)
            for _ in range(200):
                file.write("x" * MEGABYTE)
            file.write("\n" + GOOD)
        passed, dead = self.totals(events(path), preexec_fn=limited_memory(1500 * MEGABYTE))
        self.assertEqual((passed, dead), (2, 1))

    def test_far_dates(self):
        times = ("9999-12-31 23:59:59.999", "0001-01-01 00:00:00", "1583-01-01 00:00:00")
        self.check("".join(GOOD.replace("2020-01-01 00:00:00", time) for time in times), 3, 0)

    def test_dates_that_do_not_exist(self):
        times = ("2020-02-30 00:00:00", "2021-02-29 00:00:00", "2020-13-01 00:00:00", "2020-01-01 25:00:00", "-0001-01-01 00:00:00", "99999-01-01 00:00:00", "")
        self.check("".join(GOOD.replace("2020-01-01 00:00:00", time) for time in times) + GOOD, 1, len(times))

    def test_missing_and_null_event_times(self):
        self.check('{"n": 1}\n{"ts": null, "n": 2}\n' + GOOD, 1, 2)

    def test_a_thousand_columns(self):
        names = [f"c{i}" for i in range(1000)]
        row = json.dumps({name: i for i, name in enumerate(names)}) + "\n"
        path = self.write("in.json", row * 10)
        source = events(path, columns=", ".join(f"{name} INT" for name in names))
        done = run("sql", "-q", "-e", source + "SELECT " + " + ".join(names[:500]) + " AS s, c999 FROM events")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(table_rows(done.stdout), [[str(sum(range(500))), "999"]] * 10)


class OtherFormats(Books):
    columns = {"columns": "s STRING, i INT"}

    def test_csv(self):
        rows = b"\xef\xbb\xbfa,1\r\nb,x\n\xff,2\nc\nd,1,2\n\"e,3\nmore"
        self.check(rows, 1, 5, name="in.csv", form="csv", **self.columns)

    def test_csv_nul_bytes(self):
        self.check(b"a,1\n\0,\0\nb\0,2\n", 2, 1, name="in.csv", form="csv", **self.columns)

    def test_regex(self):
        pattern = r", 'regex.pattern' = '^(?<s>\w+),(?<i>.*)$'"
        self.check(b"a,1\nb,x\nno match\n\xff,2\nc,3", 2, 3, form="regex", options=pattern, **self.columns)

    def test_a_pattern_that_runs_away(self):
        pattern = ", 'regex.pattern' = '^(?<s>(a+)+)$'"
        self.check("a" * 60 + "!\naa\n", 1, 1, form="regex", options=pattern, columns="s STRING")

    def test_raw(self):
        self.check(b"x\n\xff\n\xed\xa0\x80\ny", 2, 2, form="raw", columns="s STRING")


class Files(Books):
    def fails(self, path, *words, form="json", **more):
        done = run("sql", "-e", events(path, form=form) + "SELECT * FROM events", **more)
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_missing(self):
        self.fails("/nowhere/x.json", "/nowhere/x.json", "No such file")

    def test_no_file_matches(self):
        self.fails(str(self.path) + "/*.json", "*.json", "no file matches")

    def test_no_permission(self):
        path = self.write("secret.json", GOOD)
        os.chmod(path, 0)
        more = {}
        if os.getuid() == 0:
            more["user"] = NOBODY
            try:
                run("--version", **more)
            except PermissionError:
                self.skipTest("the build folder is not open to another user")
        self.fails(path, path, "Permission denied", **more)

    def test_no_permission_for_the_job_folder(self):
        script = self.write("x.sql", "SELECT 1;")
        blocked = self.write("file", "")
        done = run("run", "--folder", blocked + "/job", script)
        self.assertEqual(done.returncode, 1)
        self.assertIn(blocked, done.stderr)

    def test_folder_without_files(self):
        (self.path / "empty").mkdir()
        self.assertEqual(self.totals(events(str(self.path / "empty"))), (0, 0))

    def test_devices(self):
        self.assertEqual(self.totals(events("/dev/null")), (0, 0))

    def test_an_endless_device_can_be_interrupted(self):
        process = start("sql", "-e", events("/dev/zero") + "SELECT * FROM events", preexec_fn=limited_memory(1500 * MEGABYTE))
        wait_for_handler(process, signal.SIGINT)
        time.sleep(1)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, error)
        self.assertLess(time.monotonic() - began, 10)

    def test_a_pipe_brings_rows_as_they_come(self):
        pipe = str(self.path / "pipe")
        os.mkfifo(pipe)
        process = start("sql", "-e", events(pipe) + "SELECT n FROM events")
        with open(pipe, "w") as writer:
            writer.write(GOOD)
            writer.flush()
            lines = [process.stdout.readline() for _ in range(4)]  # while the pipe is open
            writer.write(GOOD[:20])
            writer.flush()
            time.sleep(0.2)
            writer.write(GOOD[20:])
        rest, error = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0, error)
        self.assertIn("1", lines[3])
        self.assertIn("2 rows", rest)

    def test_a_pipe_without_writer_can_be_interrupted(self):
        pipe = str(self.path / "pipe")
        os.mkfifo(pipe)
        process = start("sql", "-e", events(pipe) + "SELECT * FROM events")
        wait_for_handler(process, signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0, error)

    def test_standard_input(self):
        done = run("sql", "-e", events("/dev/stdin") + "SELECT n FROM events", text=GOOD * 3)
        self.assertIn("3 rows", done.stdout)

    def test_damaged_gzip(self):
        packed = gzip.compress(GOOD.encode() * 10000)
        for content, reason in ((packed[:len(packed) // 2], "ends too early"), (b"hello", "decompress"),
                                (packed + b"garbage", "decompress"), (packed[:100] + b"\0" * 100 + packed[200:], "decompress")):
            path = self.write("in.json.gz", content)
            done = run("sql", "-q", "-e", events(path) + "SELECT COUNT(*) FROM events")
            self.assertEqual(done.returncode, 1, reason)
            self.assertIn(reason, done.stderr)
            self.assertIn(path, done.stderr)

    def test_whole_gzip(self):
        packed = gzip.compress(GOOD.encode() * 1000)
        self.check(packed + packed, 2000, 0, name="in.json.gz")

    def test_damaged_zstd(self):
        for content, reason in ((b"\x28\xb5\x2f\xfd\x04\x00\x41", "ends too early"), (b"junk" * 10, "decompress")):
            self.fails(self.write("in.json.zst", content), reason)


class FullDisk(Folder):
    """A file may not grow, or a small disk is full: an error that names the file, exit code 1."""

    def rows(self, count):
        return "".join(GOOD.replace('"n": 1', f'"n": {i}') for i in range(count))

    def insert(self, connector, **more):
        path = self.write("in.json", self.rows(50000))
        return run("sql", "-e", events(path) + f"CREATE TABLE sink (n BIGINT, s STRING) WITH ({connector});\n"
                   "INSERT INTO sink SELECT n, 'some more text' FROM events", **more)

    def limit(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))

    def refused(self, done, path):
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(str(path), done.stderr)
        self.assertRegex(done.stderr, "File too large|No space left|full|disk I/O error")

    def test_files(self):
        lake = self.path / "lake"
        self.refused(self.insert(f"'connector' = 'filesystem', 'path' = '{lake}', 'format' = 'json'", preexec_fn=self.limit), lake)
        self.assertEqual([p for p in lake.rglob("*") if p.is_file() and p.name[0] not in "._"], [])

    def test_sqlite(self):
        database = self.path / "out.db"
        self.refused(self.insert(f"'connector' = 'sqlite', 'path' = '{database}'", preexec_fn=self.limit), database)

    def test_dead_letters_are_not_lost_in_silence(self):
        path = self.write("in.json", "garbage\n" * 50000)
        job = self.path / "job"
        done = run("sql", "--folder", str(job), "-e", events(path) + "SELECT COUNT(*) FROM events", preexec_fn=self.limit)
        self.refused(done, job / "dead_letter.json")

    @unittest.skipUnless(os.getuid() == 0, "mounting a small disk needs root")
    def test_a_full_disk(self):
        disk = self.path / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("cannot mount here")
        self.addCleanup(subprocess.run, ["umount", str(disk)], check=True)
        self.refused(self.insert(f"'connector' = 'filesystem', 'path' = '{disk}/lake', 'format' = 'json'"), disk)


class RejectedTables(Folder):
    def query(self, job, statement):
        done = run("sql", "-q", "--folder", job, "-e", statement)
        self.assertEqual(done.returncode, 0, done.stderr)
        return table_rows(done.stdout)

    def test_dead_letters(self):
        bad = b'{"user_id": "gr\xc3\xbc\xc3\x9f", "n": "x"}'
        path = self.write("in.json", GOOD.encode() + bad + b"\n" + b"\xff\x00\n")
        job = str(self.path / "job")
        run("sql", "-q", "--folder", job, "-e", events(path) + "SELECT n FROM events")
        rows = self.query(job, "SELECT source, split, line, `position`, `time`, watermark, reason, `row` FROM `$dead_letter`")
        self.assertEqual([row[:3] for row in rows], [["events", path, "2"], ["events", path, "3"]])
        self.assertEqual(rows[0][3], path + ":2")
        self.assertEqual(rows[0][7], bad.decode())
        self.assertTrue(rows[0][6] and rows[1][6])
        letters = [json.loads(line) for line in (self.path / "job" / "dead_letter.json").read_text().splitlines()]
        self.assertEqual([base64.b64decode(letter["bytes"]) for letter in letters], [bad, b"\xff\x00"])
        self.assertEqual(self.query(job, "SELECT COUNT(*) FROM `$dead_letter` WHERE bytes = X'FF00'")[-1][-1], "1")

    def test_late_rows(self):
        times = ["00:01:00", "00:00:00", "00:02:00", "00:00:30"]
        path = self.write("in.json", "".join(GOOD.replace("00:00:00", time) for time in times))
        job = str(self.path / "job")
        source = events(path)
        window = "SELECT COUNT(*) AS c FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end"
        done = run("sql", "--folder", job, "-e", source + window)
        self.assertIn("2 rows came too late: see `$late`", done.stderr)
        rows = self.query(job, "SELECT source, `time`, watermark, reason, `row` FROM `$late`")
        self.assertEqual([row[1:3] for row in rows], [["2020-01-01 00:00:00.000", "2020-01-01 00:00:55.000"],
                                                      ["2020-01-01 00:00:30.000", "2020-01-01 00:01:55.000"]])
        for row in rows:
            self.assertIn("Window", row[0])
            self.assertIn("late", row[3])
            self.assertIn("2020-01-01", row[4])

    def test_late_rows_show_the_columns_that_are_declared(self):
        path = self.write("in.json", "".join(GOOD.replace("00:00:00", time) for time in ("00:02:00", "00:00:00")))
        job = str(self.path / "job")
        rows = "SELECT user_id FROM TABLE(SESSION(TABLE events PARTITION BY user_id, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
        done = run("sql", "--folder", job, "-e", events(path) + rows)
        self.assertIn("1 row", done.stderr)
        late = self.query(job, "SELECT `row` FROM `$late`")
        self.assertEqual(list(json.loads(late[0][0])), ["ts", "user_id"])

    def test_books_of_two_sources_and_two_workers(self):
        good = [GOOD.replace("00:00:00", f"00:{i // 60 % 60:02}:{i % 60:02}").replace('"a"', f'"u{i % 7}"') for i in range(3000)]
        good[::100] = ["broken\n"] * 30
        good[1::100] = [GOOD] * 30
        lines = "".join(good)
        script = events(self.write("a.json", lines), name="one") + events(self.write("b.json", lines * 2), name="two") + \
            "CREATE TABLE sink (u STRING, c BIGINT) WITH ('connector' = 'blackhole');\n" \
            "CREATE TABLE copy (u STRING, c BIGINT) WITH ('connector' = 'blackhole');\n" \
            "CREATE VIEW both_of_them AS SELECT * FROM one WHERE user_id <> 'u3' UNION ALL SELECT * FROM two WHERE user_id <> 'u4';\n" \
            "BEGIN STATEMENT SET; INSERT INTO copy SELECT user_id, n FROM one;\n" \
            "INSERT INTO sink SELECT user_id, COUNT(*) FROM TABLE(TUMBLE(TABLE two, DESCRIPTOR(ts), INTERVAL '1' MINUTE))\n" \
            "GROUP BY user_id, window_start, window_end;\n" \
            "INSERT INTO copy SELECT user_id, COUNT(*) FROM both_of_them GROUP BY user_id; END;"
        for workers in ("1", "2", "3"):
            with self.subTest(workers=workers):
                done = run("sql", "--workers", workers, "--folder", str(self.path / ("job" + workers)), "-e", script)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("the books balance", done.stderr)
                self.assertIn("one: read 3000 = passed on 2970 + dead-lettered 30", done.stderr)
                self.assertIn("two: read 6000 = passed on 5940 + dead-lettered 60", done.stderr)
                late = sum(map(int, re.findall(r"late (\d+)", done.stderr)))
                kept = (self.path / ("job" + workers) / "late.json").read_text().splitlines()
                self.assertGreater(late, 0)
                self.assertEqual(late, len(kept))
                for total, consumed, filtered, behind in re.findall(
                        r"in (\d+) = consumed (\d+) \+ filtered (\d+) \+ late (\d+)", done.stderr):
                    self.assertEqual(int(total), int(consumed) + int(filtered) + int(behind))


TABLE = ("CREATE TABLE t (ts TIMESTAMP(3), a INT, s STRING, WATERMARK FOR ts AS ts) "
         "WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json');\n")
WINDOW = "SELECT * FROM TABLE(%s)"

# Statement in line 2 of a script -> what the error says, besides "line 2" and the column.
SCRIPT_ERRORS = [
    ("SELEC 1", 1, "found 'SELEC'", "did you mean 'SELECT'?"),
    ("SELECT 1 FROM", 14, "expected a table name"),
    ("SELECT a b c FROM t", 12, "found 'c'"),
    ("SELECT * FROM missing", 15, "no table or view 'missing'"),
    ("SELECT aa FROM t", 8, "no column 'aa'", "ts, a, s"),
    ("SELECT x.a FROM t", 8, "'x.a'", "did you mean 'a'?"),
    ("SELECT UPPR(s) FROM t", 8, "no function 'UPPR'", "did you mean 'UPPER'?"),
    ("SELECT UPPER(1, 2)", 8, "2 arguments given, expected 1", "usage"),
    ("SELECT UPPER(a) FROM t", 8, "argument 1 is INT, expected STRING"),
    ("SELECT a + s FROM t", 10, "INT + STRING"),
    ("SELECT a FROM t WHERE s", 23, "must be BOOLEAN", "STRING"),
    ("SELECT a, COUNT(*) FROM t", 8, "'a'", "GROUP BY"),
    ("SELECT COUNT(COUNT(*)) FROM t", 14, "aggregate"),
    ("SELECT a FROM t WHERE COUNT(*) > 1", 23, "aggregate"),
    ("SELECT CAST(1 AS NOTYPE)", 18, "expected a type, found 'NOTYPE'"),
    ("SELECT CAST(1 AS DECIMAL(50, 2))", 26, "between 1 and 38", "50"),
    ("SELECT INTERVAL '5' PARSEC", 21, "MINUTE", "found 'PARSEC'"),
    ("SELECT INTERVAL 'x' SECOND", 17, "'x'"),
    ("SELECT DATE '2020-13-01'", 13, "'2020-13-01'", "hint"),
    ("SELECT 1 LIMIT -1", 16, "whole number", "'-'"),
    ("SELECT 1 UNION ALL SELECT 1, 2", 10, "1 and 2 columns"),
    ("SELECT 1 UNION ALL SELECT 'a'", 10, "no common type", "CAST"),
    ("SELECT (1, 2", 13, "expected ')'"),
    ("SELECT 1)", 9, "found ')'"),
    ("SELECT 'a", 8, "no closing '"),
    ("SELECT `a", 8, "no closing `"),
    ("SELECT 1 /* x", 10, "no closing '*/'"),
    ('SELECT "a" FROM t', 8, "backquotes"),
    ("SELECT ?", 8, "found '?'"),
    ("SELECT LIKE 'a'", 8, "reserved word"),
    (WINDOW % "TUMBLE(TABLE t, DESCRIPTOR(ts))", 21, "SIZE", "hint"),
    (WINDOW % "TUMBLE(TABLE t, DESCRIPTOR(a), INTERVAL '1' MINUTE)", 37, "not a time attribute", "WATERMARK FOR"),
    (WINDOW % "TUMBL(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)", 21, "'TUMBL'", "did you mean 'TUMBLE'?"),
    (WINDOW % "TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '0' SECOND)", 53, "above zero"),
    (WINDOW % "SESSION(TABLE t, DESCRIPTOR(ts), 5)", 54, "must be an interval", "hint"),
    ("INSERT INTO nope SELECT 1", None, "'nope'", "does not exist"),
    ("INSERT INTO t SELECT 1", None, "takes 3 columns, the query yields 1"),
    ("INSERT INTO t SELECT TIMESTAMP '2020-01-01 00:00:00', 'x', 's'", None, "column 'a'", "INT", "CAST"),
    ("INSERT INTO t (nope) SELECT 1", None, "column 'nope'"),
    ("CREATE TABLE t (a INT) WITH ('connector' = 'print')", 1, "already", "IF NOT EXISTS"),
    ("CREATE TABLE u (a INT, a INT) WITH ('connector' = 'print')", 24, "two columns named 'a'"),
    ("CREATE TABLE u (a NOTYPE) WITH ('connector' = 'print')", 19, "expected a type"),
    ("CREATE TABLE u (a INT) WITH ('connector' = 'print', 'connector' = 'print')", 53, "given twice"),
    ("CREATE TABLE u (a INT, WATERMARK FOR a AS a) WITH ('connector' = 'print')", 24, "TIMESTAMP(3)", "INT"),
    ("CREATE TABLE u (a INT, WATERMARK FOR b AS b) WITH ('connector' = 'print')", None, "'b'"),
    ("CREATE TABLE u (a INT, b AS c + 1) WITH ('connector' = 'print')", 29, "no column 'c'"),
    ("CREATE TABLE u (a INT, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'print')", None, "'b'"),
    ("CREATE TABLE u (a INT, PRIMARY KEY (a)) WITH ('connector' = 'print')", 39, "NOT ENFORCED"),
    ("CREATE TABLE u (a INT) PARTITIONED BY (b) WITH ('connector' = 'print')", None, "'b'"),
    ("CREATE VIEW v AS SELECT * FROM nope", 32, "'nope'"),
    ("DROP TABLE nope", 1, "'nope'"),
    ("DESCRIBE nope", 1, "'nope'"),
    ("SHOW NOTHING", 6, "TABLES", "found 'NOTHING'"),
    ("SET 'parallelism.defalt' = '2'", 1, "did you mean 'parallelism.default'?"),
    ("SET 'parallelism.default' = 'x'", 1, "'x'", "whole number"),
    ("SET 'parallelism.default' = '100000'", 1, "not between -1 and 1024"),
    ("SET 'execution.checkpointing.interval' = 'soon'", 1, "'soon'", "hint"),
    ("HELP 'UPPR'", 1, "did you mean 'UPPER'?"),
    ("CREATE TABLE z (a BIGINT NOT EXISTS)", 26, "found 'NOT'"),
    ("CREATE TABLE z (a BIGINT COMMENT 'x' NULL ON)", 38, "found 'NULL'"),
    ("EXPLAIN DROP TABLE t", 9, "found 'DROP'"),
    ("BEGIN STATEMENT SET; SELECT 1; END", 22, "INSERT or END"),
    ("UPDATE t SET a = 1", 1, "expected a statement", "'UPDATE'"),
    ("SELECT " + "(" * 100000, 507, "levels of nesting"),
    ("SELECT 1" + " + 1" * 100000, None, "too deep"),
    ("SELECT * FROM " + "(SELECT * FROM " * 20000 + "t", None, "levels of nesting"),
    ("CREATE TABLE u (a " + "ARRAY<" * 20000 + "INT", None, "levels of nesting"),
    ("SELECT " + "9" * 10000, 8, "38 digits"),
    ("SELECT " + "a" * 1000000, 8, "no column"),
]

# The same for mistakes that show when the table is used in line 3.
OPTION_ERRORS = [
    ("'connector' = 'prnt'", "did you mean 'print'?"),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'jsn'", "did you mean 'json'?"),
    ("'connector' = 'filesystem', 'pth' = 'x', 'format' = 'json'", "did you mean 'path'?"),
    ("'connector' = 'filesystem', 'format' = 'json'", "missing option 'path'"),
    ("'connector' = 'filesystem', 'path' = 'x'", "missing option 'format'"),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'json.ignore-parse-errors' = 'maybe'", "'maybe'"),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'json.ignore-parse-error' = 'true'", "did you mean 'json.ignore-parse-errors'?"),
    ("'connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'scan.parallelism' = '0'", "'scan.parallelism'"),
    ("'connector' = 'datagen', 'rows-per-second' = 'many'", "'rows-per-second'"),
]


class Scripts(Folder):
    def test_errors_name_place_and_remedy(self):
        for statement, column, *words in SCRIPT_ERRORS:
            with self.subTest(statement=statement[:80]):
                began = time.monotonic()
                done = run("run", self.write("x.sql", TABLE + statement))
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("x.sql: line 2" + (f", column {column}:" if column else ""), done.stderr[:1000])
                for word in words:
                    self.assertIn(word, done.stderr)
                self.assertLess(len(done.stderr), 5000)
                self.assertLess(time.monotonic() - began, 20)

    def test_options_are_checked_where_the_table_is_used(self):
        for options, *words in OPTION_ERRORS:
            with self.subTest(options=options):
                done = run("sql", "-e", f"SELECT 1;\nCREATE TABLE u (a INT) WITH ({options});\nSELECT * FROM u")
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("line 3", done.stderr)
                for word in words:
                    self.assertIn(word, done.stderr)

    def test_scripts_that_are_no_text(self):
        for script, word in ((b"SELECT 1\0;", "line 1"), (b"SELECT 1;\nSELECT '\xff';", "line 2: the script is not valid UTF-8"),
                             (b"\xff\xfeS\0E\0", "UTF-8"), (bytes(range(256)) * 100, "UTF-8")):
            done = run("sql", text=script)
            self.assertEqual(done.returncode, 2)
            self.assertIn(word, done.stderr)

    def test_scripts_without_statements(self):
        for script in ("", ";;;;", "-- only a comment", "\n", "\ufeff"):
            done = run("sql", text=script)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), script)

    def test_ten_thousand_statements(self):
        done = run("sql", text="".join(f"CREATE VIEW v{i} AS SELECT {i} AS a;\n" for i in range(10000)) + "SELECT a FROM v9999;", timeout=60)
        self.assertEqual(table_rows(done.stdout), [["9999"]], done.stderr)

    def test_views_that_double_are_refused_in_time(self):
        views = "CREATE VIEW v0 AS SELECT 1 AS a;" + "".join(
            f"CREATE VIEW v{i + 1} AS SELECT a FROM v{i} UNION ALL SELECT a FROM v{i};\n" for i in range(40))
        done = run("sql", text=views + "SELECT * FROM v40;", timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("too many", done.stderr)

    def test_values_beyond_all_bounds(self):
        for value, shown in (("1e999999999", "Infinity"), ("1e-999999999", "0.0")):
            self.assertEqual(table_rows(run("sql", "-e", "SELECT " + value).stdout), [[shown]])
        done = run("sql", "-e", "SELECT CHAR_LENGTH(REPEAT('a', 2000000000))")
        self.assertEqual(done.returncode, 1)
        self.assertIn("too long", done.stderr)


if __name__ == "__main__":
    program_support.main()
