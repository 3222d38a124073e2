#!/usr/bin/env python3
"""Runs jobs against a real PostgreSQL server and compares what they write and read.

usage: postgres_test.py --program build/millrace --driver build/postgres_lookup_driver
Exits with 77 (skipped) where the server cannot be had.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import program_support  # noqa: E402
from program_support import VIEWING_JOBS, Scripts, json_lines, newest_checkpoint, rows_of, sql, viewing_events, viewing_sessions  # noqa: E402
from services import postgres  # noqa: E402

PROGRAM = ""
# Of jobs that are killed again and again: enough for some checkpoints on a fast machine.
ROWS = 60000 if os.environ.get("MILLRACE_SANITIZE") else 600000
AWAY = 30  # seconds that the database is stopped in the middle of a job
SERVER = None


def killed_at_a_checkpoint(process, folder, after, draw, before=lambda: None):
    """Kills the job of `folder` shortly after `after` more checkpoints, however fast the machine is; False if
    the job ended before. `before` is called right before the kill."""
    wanted = newest_checkpoint(folder) + after
    deadline = time.monotonic() + 60
    while process.poll() is None and newest_checkpoint(folder) < wanted:
        if time.monotonic() > deadline:
            raise AssertionError(f"no checkpoint {wanted} after 60 s")
        time.sleep(0.002)
    time.sleep(draw.random() * 0.03)
    before()
    ended = process.poll() is not None
    process.kill()
    error = process.communicate()[1]
    if ended and process.returncode != 0:
        raise AssertionError(error)
    return not ended


def await_note(path, text, process, seconds=60):
    """Waits until `text` comes in the file that the process writes its messages to, or it ends; whether it came."""
    deadline = time.monotonic() + seconds
    while text not in path.read_text():
        if process.poll() is not None:
            return text in path.read_text()
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {text}\n{path.read_text()}")
        time.sleep(0.02)
    return True


class Postgres(Scripts):
    def setUp(self):
        super().setUp()
        self.name = "t" + os.urandom(6).hex()
        self.extra = ""

    def table(self, columns, options="", name="p", url=None, target=None, connector="postgres"):
        return f"CREATE TABLE {name} ({columns}) WITH ('connector' = '{connector}', 'url' = '{url or SERVER.url()}', " \
               f"'table-name' = '{target or self.name}'{', ' + options if options else ''});\n"

    def query(self, sql):
        return SERVER.query(sql.replace("{t}", self.name))

    def books(self, script):
        """What a job says of itself, with its books."""
        done = sql(script, quiet=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def numbers(self):
        return sorted(int(n) for n, in self.query("SELECT n FROM {t}"))

    @staticmethod
    def generated(rows, rate=""):
        return f"CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '{rows}', 'fields.n.kind' = 'sequence', " \
               f"'fields.n.start' = '0', 'fields.n.end' = '{rows - 1}'{rate});\n"


CREATE = "'sink.create-table' = 'true'"


class Sink(Postgres):
    def test_append_exactly_once(self):
        script = self.generated(50000) + self.table("n BIGINT", CREATE) + \
            "SET 'execution.checkpointing.interval' = '50ms'; INSERT INTO p SELECT n FROM g;"
        self.rows(script)
        self.assertEqual(self.numbers(), list(range(50000)))
        self.rows(script)  # another run is not taken for the first
        self.assertEqual(len(self.numbers()), 100000)
        self.assertEqual(self.query("SELECT count(*) FROM millrace_epochs WHERE table_name = '\"public\".\"{t}\"'"), [["2"]])

    def test_upserts_and_deletes(self):
        """A changelog whose groups come, change and go: only those with c > 1 and c < 4 are there at the end."""
        lines = "".join(f'{{"k": {k}}}\n' for k in [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 2, 2])
        (self.path / "in.json").write_text(lines)
        script = f"CREATE TABLE f (k INT) WITH ('connector' = 'filesystem', 'path' = '{self.path}/in.json', 'format' = 'json');\n" + \
            self.table("k INT, c BIGINT, PRIMARY KEY (k) NOT ENFORCED", CREATE) + \
            "INSERT INTO p SELECT k, COUNT(*) AS c FROM f GROUP BY k HAVING COUNT(*) < 4;"
        for options in ([], ["--set", "millrace.batch-rows=1", "--set", "execution.checkpointing.interval=1ms"]):
            self.query("DROP TABLE IF EXISTS {t}")
            self.rows(script, *options)
            self.assertEqual(self.query("SELECT k, c FROM {t} ORDER BY k"), [["1", "1"], ["3", "3"]])

    def test_at_least_once(self):
        options = CREATE + ", 'sink.delivery-guarantee' = 'at-least-once', 'sink.buffer-flush.max-rows' = '1000'"
        self.rows(self.generated(20000) + self.table("n BIGINT", options) + "INSERT INTO p SELECT n FROM g;")
        self.assertEqual(self.numbers(), list(range(20000)))
        self.assertEqual(self.query("SELECT count(*) > 10 FROM (SELECT DISTINCT xmin::text FROM {t}) x"), [["t"]])


    def test_types_keep_their_precision(self):
        """One row through every type that is made, and one of NULLs."""
        columns = "b BOOLEAN, i1 TINYINT, i2 SMALLINT, i4 INT, i8 BIGINT, f4 FLOAT, f8 DOUBLE, d DECIMAL(38, 10), d0 DECIMAL(20, 0), s STRING, " \
                  "v VARCHAR(10), x BYTES, dt DATE, tm TIME(3), ts TIMESTAMP(6), tz TIMESTAMP_LTZ(3), a ARRAY<INT>, `as` ARRAY<STRING>, " \
                  "m MAP<STRING, INT>, r ROW<a INT, b STRING>"
        names = "b, i1, i2, i4, i8, f4, f8, d, d0, s, v, x, dt, tm, ts, tz, a, `as`, m, r"
        values = [
            "TRUE", "CAST(-128 AS TINYINT)", "CAST(32767 AS SMALLINT)", "-2147483647", "9223372036854775807", "CAST(1.5 AS FLOAT)",
            "CAST(0.1 AS DOUBLE)", "CAST('-1234567890123456789012345678.0000000001' AS DECIMAL(38, 10))", "CAST('10000000000000000000' AS DECIMAL(20, 0))",
            "'naïve \"q\" \\ 日本'", "'ten'", "x'00ff10'", "DATE '1969-12-31'", "TIME '23:59:59.123'", "TIMESTAMP '1999-12-31 23:59:59.123456'",
            "TO_TIMESTAMP_LTZ(1700000000123, 3)", "ARRAY[1, CAST(NULL AS INT), 3]", "ARRAY['a', 'b,\"c']", "MAP['k', 1]", "ROW(1, 'x')"]
        self.rows(self.table(columns, CREATE) + f"INSERT INTO p SELECT {', '.join(values)} FROM (VALUES (1)) AS one(z);")
        self.rows(self.table(columns) + "INSERT INTO p (i4) VALUES (7);")
        found, = self.query(f"SELECT {names.replace('`', chr(34))} FROM {{t}} WHERE i4 < 0")
        self.assertEqual(found, [
            "t", "-128", "32767", "-2147483647", "9223372036854775807", "1.5", "0.1", "-1234567890123456789012345678.0000000001", "10000000000000000000",
            "naïve \"q\" \\ 日本", "ten", "\\x00ff10", "1969-12-31", "23:59:59.123", "1999-12-31 23:59:59.123456", "2023-11-14 22:13:20.123+00",
            "{1,NULL,3}", "{a,\"b,\\\"c\"}", '{"k": 1}', '{"a": 1, "b": "x"}'])
        nulls, = self.query(f"SELECT {names.replace('`', chr(34))} FROM {{t}} WHERE i4 = 7")
        self.assertEqual(set(nulls) - {"7"}, {"NULL"})
        types = dict(self.query("SELECT a.attname, format_type(atttypid, atttypmod) FROM pg_attribute a WHERE attrelid = '{t}'::regclass AND attnum > 0"))
        self.assertEqual([types[c] for c in ("d", "v", "ts", "tz", "as", "m")],
                         ["numeric(38,10)", "character varying(10)", "timestamp(6) without time zone", "timestamp(3) with time zone", "text[]", "jsonb"])
        back = self.rows(self.table(columns.replace("m MAP<STRING, INT>, r ROW<a INT, b STRING>", "m STRING, r STRING")) +
                         f"SELECT {names} FROM p WHERE i4 < 0;")
        self.assertEqual(back[0], [
            "TRUE", "-128", "32767", "-2147483647", "9223372036854775807", "1.5", "0.1", "-1234567890123456789012345678.0000000001", "10000000000000000000",
            "naïve \"q\" \\ 日本", "ten", "x'00ff10'", "1969-12-31", "23:59:59.123", "1999-12-31 23:59:59.123456", "2023-11-14 22:13:20.123",
            "[1, NULL, 3]", "[a, b,\"c]", '{"k": 1}', '{"a": 1, "b": "x"}'])

    def test_types_that_only_the_database_has(self):
        self.query("CREATE TYPE mood_{t} AS ENUM ('sad', 'happy'); CREATE DOMAIN short_{t} AS varchar(5) CHECK (VALUE <> 'bad');"
                   "CREATE TABLE {t} (id uuid PRIMARY KEY, j json, jb jsonb, m mood_{t}, ip inet, d short_{t}, n numeric, c char(4), l bigint GENERATED ALWAYS AS IDENTITY)")
        columns = "id STRING, j STRING, jb STRING, m STRING, ip STRING, d STRING, n DECIMAL(6, 2), c STRING"
        row = "('{}', '{{\"b\": 1,  \"a\": 2}}', '{{\"b\": 1,  \"a\": 2}}', 'happy', '10.0.0.1', 'ok', 1.25, 'ab')"
        one, two = "00112233-4455-6677-8899-aabbccddeeff", "{10112233445566778899AABBCCDDEEF0}"
        self.rows(self.table(columns + ", PRIMARY KEY (id) NOT ENFORCED") +
                  f"INSERT INTO p VALUES {row.format(one)}, {row.format(two)};")
        self.assertEqual(self.query("SELECT id, j, jb, m, ip, d, n, c FROM {t} ORDER BY id")[0],
                         [one, '{"b": 1,  "a": 2}', '{"a": 2, "b": 1}', "happy", "10.0.0.1", "ok", "1.25", "ab  "])
        self.assertEqual(self.rows(self.table("id STRING, ip STRING, l BIGINT, n DECIMAL(10, 2)") + "SELECT id, ip, n FROM p WHERE l = 1;"),
                         [[one, "10.0.0.1/32", "1.25"]])
        # appended: COPY into the table itself is not possible where text is cast
        self.query("CREATE TABLE {t}b (ip inet, d short_{t})")
        self.rows(self.table("ip STRING, d STRING", target=self.name + "b") + "INSERT INTO p VALUES ('::1', 'x'), ('::2', 'bad'), ('1.2.3', 'y');")
        self.assertEqual(self.query("SELECT ip, d FROM {t}b"), [["::1", "x"]])
        reasons = [reason for reason, in self.query("SELECT reason FROM millrace_rejected WHERE table_name LIKE '%{t}b%' ORDER BY \"row\"")]
        self.assertEqual(len(reasons), 2, reasons)
        self.assertIn("invalid input syntax for type inet", reasons[0])
        self.assertIn("violates check constraint", reasons[1])

    def test_floats_that_are_no_numbers(self):
        self.rows(self.table("f4 FLOAT, f8 DOUBLE", CREATE) +
                  "INSERT INTO p SELECT CAST(x AS FLOAT), CAST(x AS DOUBLE) FROM (VALUES ('NaN'), ('Infinity'), ('-Infinity')) AS t(x);")
        self.assertEqual(self.query("SELECT f4, f8 FROM {t} ORDER BY f8"), [["-Infinity", "-Infinity"], ["Infinity", "Infinity"], ["NaN", "NaN"]])
        self.assertEqual(sorted(self.rows(self.table("f8 DOUBLE") + "SELECT f8 FROM p;")), [["-Infinity"], ["Infinity"], ["NaN"]])

    def test_rows_that_the_database_refuses(self):
        """Unique, NOT NULL, length, zero bytes, range: kept beside with their reasons, all others are written; counted."""
        self.query("CREATE TABLE {t} (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED, v varchar(5), at timestamp, j jsonb NOT NULL); INSERT INTO {t} VALUES (7, 'old', NULL, '1')")
        lines = [{"id": i, "v": "v", "j": "{}"} for i in range(1000)]
        lines[100]["v"] = "too long"
        lines[200]["v"] = "a\0b"
        lines[300]["j"] = None
        lines[400]["id"] = 399
        lines[500]["at"] = "9999-12-31 00:00:00"
        lines[600]["j"] = "{no json"
        (self.path / "in.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
        columns = "id BIGINT, v STRING, `at` TIMESTAMP(3), j STRING"
        script = f"CREATE TABLE f ({columns}) WITH ('connector' = 'filesystem', 'path' = '{self.path}/in.json', 'format' = 'json');\n"
        insert = "INSERT INTO p SELECT id, v, CASE WHEN id = 501 THEN TIMESTAMPADD(YEAR, 290000, TIMESTAMP '9000-01-01 00:00:00') ELSE `at` END, j FROM f;"
        said = self.books(script + self.table(columns) + insert)
        kept = self.query("SELECT id FROM {t} WHERE v <> 'old' ORDER BY id")
        gone = {7, 100, 200, 300, 400, 501, 600}
        self.assertEqual([int(i) for i, in kept], [i for i in range(1000) if i not in gone])
        refused = self.query("SELECT substring(\"row\" from '\"id\": *([0-9]+)')::int, reason FROM millrace_rejected WHERE table_name LIKE '%{t}%' ORDER BY 1")
        self.assertEqual([int(i) for i, _ in refused], [7, 100, 200, 300, 399, 501, 600])
        for (_, reason), text in zip(refused, ["already exists", "too long", "zero byte", "null value", "already exists", "out of PostgreSQL's range",
                                               "invalid input syntax for type json"]):
            self.assertIn(text, reason)
        self.assertIn("7 rows were refused and are kept in millrace_rejected", said)
        self.assertIn("p: written 993 + refused 7; retries 1\n", said)
        self.query("TRUNCATE {t}")
        error = self.fails(script + self.table(columns, "'sink.rejected-rows' = 'fail'") + insert, "table 'p'")
        self.assertTrue("too long" in error or "zero byte" in error, error)
        self.assertEqual(self.query("SELECT count(*) FROM {t}"), [["0"]])

    def test_many_refused_rows(self):
        """Upserts, of which each seventh breaks a rule; every type of the parameters of single rows; the limit."""
        self.query("CREATE TYPE mood_{t} AS ENUM ('sad', 'happy'); CREATE TABLE {t} (id int PRIMARY KEY, v varchar(6), c char(3), n numeric(6,2), j jsonb, m mood_{t}, "
                   "ip inet, a int[], at timestamptz, b bit varying(2), CHECK (id % 7 <> 3)); INSERT INTO {t} (id) VALUES (5), (6)")
        columns = "id INT, v STRING, c STRING, n DECIMAL(6, 2), j STRING, m STRING, ip STRING, a ARRAY<INT>, `at` TIMESTAMP_LTZ(3), b STRING"
        lines = [{"id": i, "v": "v" * (i % 9), "c": "ab", "n": i / 4, "j": "[1]", "m": "happy", "ip": "10.0.0.1", "a": [i, None], "b": "101"[:i % 4]} for i in range(1000)]
        (self.path / "in.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
        script = f"CREATE TABLE f ({columns}) WITH ('connector' = 'filesystem', 'path' = '{self.path}/in.json', 'format' = 'json');\n"
        table = self.table(columns + ", PRIMARY KEY (id) NOT ENFORCED")
        kept = [i for i in range(1000) if i % 7 != 3 and i % 9 <= 6 and i % 4 != 3]
        self.rows(script + table + "INSERT INTO p SELECT * FROM f;")
        self.assertEqual([int(i) for i, in self.query("SELECT id FROM {t} WHERE c IS NOT NULL ORDER BY id")], kept)
        self.assertEqual(self.query("SELECT * FROM {t} WHERE id = 5"),
                         [["5", "vvvvv", "ab ", "1.25", "[1]", "happy", "10.0.0.1", "{5,NULL}", "NULL", "1"]])
        self.assertEqual(self.query("SELECT count(*) FROM millrace_rejected WHERE table_name LIKE '%{t}%'"), [[str(1000 - len(kept))]])
        self.fails(script + table.replace("'url'", "'sink.rejected-rows.max' = '20', 'url'") + "INSERT INTO p SELECT * FROM f;", "more than 20 rows of one transaction are refused")

    def test_errors_before_the_first_row(self):
        insert = "INSERT INTO p VALUES (1, 'x', CAST(1 AS DECIMAL(10, 2)), TIMESTAMP '2020-01-01 00:00:00');"
        columns = "id BIGINT, name STRING, price DECIMAL(10, 2), `at` TIMESTAMP(3), PRIMARY KEY (id) NOT ENFORCED"
        self.query("CREATE TABLE {t} (id int, nam text, price numeric(8,2), at timestamptz, must int NOT NULL)")
        self.fails(self.table(columns) + insert, "table 'p': it does not fit the PostgreSQL table", "column 'id' is integer there, which does not take BIGINT: values could be lost",
                   "column 'name' is not there. did you mean 'nam'?", "numeric(8,2)", "hint: declare it TIMESTAMP_LTZ(3)",
                   "column 'must' there is NOT NULL and has no default", "there is no unique index on (\"id\")", "ADD PRIMARY KEY")
        self.fails(self.table(columns, target=self.name + "x") + insert, f"there is no PostgreSQL table '{self.name}x'", f"did you mean '{self.name}'?", "sink.create-table")
        self.fails(self.table(columns, "'tabel-name' = 'x'") + insert, "tabel-name", "did you mean 'table-name'?")
        self.fails(self.table(columns, "'sink.rejected-rows' = 'drop'") + insert, "neither keep nor fail")
        self.fails(self.table(columns, url="http://x") + insert, "no address of a PostgreSQL server")
        self.fails(self.table(columns, url="jdbc:mysql://x/y") + insert, "only PostgreSQL")
        self.fails(self.table(columns, url="jdbc:postgresql://x/y?aplicationName=z") + insert, "did you mean 'ApplicationName'?")
        self.fails(self.table(columns, "'connection.max-retry-timeout' = '1 s'", url=SERVER.url(port=1)) + insert, "cannot connect", "refused")
        self.fails(self.table(columns, url=SERVER.url(database="nowhere")) + insert, 'database "nowhere" does not exist')

    def test_names(self):
        """As Flink's jdbc connector names things; names in any case, schemas, quotes."""
        self.query('CREATE SCHEMA "S {t}"; CREATE TABLE "S {t}"."Ta ""b" (userid bigint, "Total" int)')
        url = f"jdbc:postgresql://127.0.0.1:{SERVER.port}/postgres?ApplicationName=me&reWriteBatchedInserts=true"
        script = self.table("userId BIGINT, Total INT", "'username' = 'postgres', 'driver' = 'org.postgresql.Driver'", url=url, target=f'"S {self.name}"."Ta ""b"', connector="jdbc")
        self.rows(script + "INSERT INTO p VALUES (1, 2);")
        self.assertEqual(self.query('SELECT userid, "Total" FROM "S {t}"."Ta ""b"'), [["1", "2"]])
        self.assertEqual(self.rows(script + "SELECT Total, userId FROM p;"), [["2", "1"]])
        self.fails(script.replace("jdbc:", "") + "INSERT INTO p VALUES (1, 2);", "begins with 'jdbc:postgresql:'")

    def test_secrets(self):
        self.query("CREATE TABLE {t} (n bigint); CREATE TABLE epochs_{t} (writer text, table_name text, epoch bigint, committed_at timestamptz DEFAULT now(), PRIMARY KEY (writer, table_name));")
        (self.path / "secret").write_text("alice-secret\n")
        options = f"'username' = 'alice', 'password' = '{{}}', 'sink.epoch-table' = 'epochs_{self.name}'"
        plain = SERVER.url(user="").replace("@", "")
        script = self.table("n BIGINT", options.format(f"${{file:{self.path}/secret}}"), url=plain) + "INSERT INTO p VALUES (1);"
        self.fails(script, "the user has no right to INSERT")
        self.query("GRANT INSERT ON {t} TO alice; GRANT INSERT, SELECT, UPDATE ON epochs_{t} TO alice")
        self.rows(script)
        in_url = self.table("n BIGINT", f"'sink.epoch-table' = 'epochs_{self.name}'", url=plain.replace("//", "//alice:${env:PG_SECRET}@"))
        self.rows(in_url + "INSERT INTO p VALUES (2);", env={"PG_SECRET": "alice-secret"})
        self.assertEqual(self.numbers(), [1, 2])
        self.fails(in_url + "INSERT INTO p VALUES (2);", "PG_SECRET", "is not set")
        for wrong in (self.table("n BIGINT", options.format("hunter22"), url=plain), self.table("n BIGINT", url=plain.replace("//", "//alice:hunter22@")),
                      self.table("n BIGINT", url=f"host=127.0.0.1 port={SERVER.port} user=alice password=hunter22 dbname=postgres"),
                      self.table("n BIGINT", url="jdbc:" + plain + "?user=alice&password=hunter22")):
            done = sql(wrong + "SHOW CREATE TABLE p; EXPLAIN INSERT INTO p VALUES (3); INSERT INTO p VALUES (3);")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("password authentication failed", done.stderr)
            self.assertNotIn("hunter22", done.stdout + done.stderr)

    def test_tls(self):
        url = f"{SERVER.url()}?sslmode=verify-full&sslrootcert={{}}"
        script = self.table("n BIGINT", CREATE, url=url.format(SERVER.path / "server.crt")) + "INSERT INTO p VALUES (1);"
        self.rows(script)
        self.assertEqual(self.numbers(), [1])
        self.fails(self.table("n BIGINT", url=url.format(self.path / "none.crt")) + "INSERT INTO p VALUES (1);", "root certificate")


class Survives(Postgres):
    """Jobs whose database stops, deadlocks, or loses the answers to commits."""

    def start(self, script, *args, stderr=subprocess.PIPE):
        (self.path / "job.sql").write_text(script)
        process = subprocess.Popen([PROGRAM, "run", "job.sql", "--folder", "job", "--set", "execution.checkpointing.interval=50ms", *args],
                                   cwd=self.path, stdout=subprocess.DEVNULL, stderr=stderr, text=True)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
            process.communicate()

    def finish(self, process, timeout=100):
        try:
            _, error = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            _, error = process.communicate()
            self.fail("the job does not end: " + error)
        self.assertEqual(process.returncode, 0, error)
        return error

    def await_rows(self, least=1):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if self.query("SELECT to_regclass('{t}') IS NOT NULL")[0] == ["t"] and int(self.query("SELECT count(*) FROM {t}")[0][0]) >= least:
                return
            time.sleep(0.05)
        self.fail("no rows come")

    def job(self, url=None, key="", options=""):
        """Rows until the job is told to end."""
        return self.generated(10**9, ", 'rows-per-second' = '2000'") + self.table("n BIGINT" + key, CREATE + options, url=url) + \
            "INSERT INTO p SELECT n FROM g;"

    def drain_and_check(self, process):
        """Lets the job end; what it has written has no gap and nothing twice."""
        before = int(self.query("SELECT count(*) FROM {t}")[0][0])
        self.await_rows(before + 1000)
        process.send_signal(signal.SIGINT)
        error = self.finish(process)
        found = self.numbers()
        self.assertGreater(len(found), before)
        self.assertEqual(found, list(range(len(found))))
        return error

    def test_database_stopped_and_started(self):
        for how in ("fast", "immediate"):
            self.name = "t" + os.urandom(6).hex()
            process = self.start(self.job(), "--set", "pipeline.name=" + how)
            self.await_rows()
            SERVER.stop(how)
            time.sleep(AWAY)
            SERVER.start()
            said = self.drain_and_check(process)
            self.assertIn("trying again", said)
            self.assertRegex(said, r"p: written \d+; retries [1-9]")

    def test_database_stopped_at_least_once(self):
        process = self.start(self.job(key=", PRIMARY KEY (n) NOT ENFORCED", options=", 'sink.delivery-guarantee' = 'at-least-once'"))
        self.await_rows()
        SERVER.stop("immediate")
        time.sleep(AWAY)
        SERVER.start()
        self.drain_and_check(process)

    def test_answers_to_commits_are_lost(self):
        with postgres.Proxy(SERVER) as proxy:
            process = self.start(self.job(url=SERVER.url(port=proxy.port) + "?sslmode=disable"))
            self.await_rows()
            for before, count in ((False, 1), (False, 3), (True, 1), (True, 2)):
                lost = proxy.lost
                proxy.lose_commits(count, before)
                deadline = time.monotonic() + 90
                while proxy.lost < lost + count and time.monotonic() < deadline and process.poll() is None:
                    time.sleep(0.02)
                self.assertEqual(proxy.lost, lost + count)
            said = self.drain_and_check(process)
            self.assertRegex(said, r"p: written \d+; retries \d+")
            self.assertGreaterEqual(int(re.search(r"retries (\d+)", said).group(1)), proxy.lost)

    def test_deadlock(self):
        """The other session waits for us (its own check comes too late), then we for it: we are the victim, and try again."""
        self.query("""CREATE TABLE {t} (k int PRIMARY KEY, v int); INSERT INTO {t} VALUES (1, 0), (2, 0);
            CREATE FUNCTION nap_{t}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.k = 2 AND NEW.v > 0 THEN PERFORM pg_sleep(1.5); END IF; RETURN NEW; END $$;
            CREATE TRIGGER nap BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION nap_{t}()""")
        other = SERVER.session()
        other.stdin.write(f"SET deadlock_timeout = '60s'; BEGIN; UPDATE {self.name} SET v = v - 1 WHERE k = 2;\n")
        other.stdin.flush()
        time.sleep(0.5)
        process = self.start(self.table("k INT, v INT, PRIMARY KEY (k) NOT ENFORCED") + "INSERT INTO p VALUES (1, 10), (2, 20);")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not int(self.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")[0][0]):
            time.sleep(0.02)
        other.stdin.write(f"UPDATE {self.name} SET v = v - 1 WHERE k = 1; COMMIT;\n")
        other.stdin.flush()
        other.communicate(timeout=30)
        error = self.finish(process)
        self.assertIn("deadlock detected", error)
        self.assertRegex(error, r"p: written 2; retries [1-9]")
        self.assertEqual(self.query("SELECT k, v FROM {t} ORDER BY k"), [["1", "10"], ["2", "20"]])

    def test_killed_and_restored(self):
        """Running totals that are upserted and rows that are appended, killed at random times; now and then the database crashes too,
        and comes back only when the job has been restored."""
        draw = random.Random(5)
        lines = [{"u": draw.randrange(200), "n": i} for i in range(ROWS)]
        (self.path / "in.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
        script = f"CREATE TABLE f (u INT, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '{self.path}/in.json', 'format' = 'json');\n" + \
            self.table("u INT, c BIGINT, total BIGINT, PRIMARY KEY (u) NOT ENFORCED", CREATE) + self.table("n BIGINT", CREATE, "q", target=self.name + "q") + \
            "BEGIN STATEMENT SET; INSERT INTO p SELECT u, COUNT(*), SUM(n) FROM f GROUP BY u; INSERT INTO q SELECT n FROM f; END;"
        often = ("--set", "execution.checkpointing.interval=20ms", "--set", "millrace.queue-bytes=65536", "--set", "millrace.batch-rows=10")
        kills, crashes = 0, 0
        restore = ()
        notes = self.path / "notes"
        for attempt in range(40):
            crash = attempt % 4 == 1  # and not only late, when a fast machine is done
            if crash:
                SERVER.stop("immediate")
            with open(notes, "w") as stderr:
                process = self.start(script, *often, *restore, "--workers", str(1 + attempt % 3), stderr=stderr)
            if crash:
                try:
                    self.assertTrue(await_note(notes, "trying again", process), notes.read_text())
                finally:
                    SERVER.start()
            if not killed_at_a_checkpoint(process, self.path / "job", 1, draw):
                break
            kills += 1
            crashes += crash  # the job has waited for the database, and has made a checkpoint since
            restore = ("--restore", "latest")
        else:
            self.finish(self.start(script, *often, *restore))
        self.assertGreater(kills, crashes)
        self.assertGreater(crashes, 0)
        totals = collections.defaultdict(lambda: [0, 0])
        for line in lines:
            totals[line["u"]][0] += 1
            totals[line["u"]][1] += line["n"]
        found = {int(u): [int(c), int(total)] for u, c, total in self.query("SELECT u, c, total FROM {t}")}
        self.assertEqual(found, dict(totals))
        self.assertEqual([int(n) for n, in self.query("SELECT n FROM {t}q ORDER BY n")], list(range(len(lines))))


class Job(Postgres):
    """The job that is shipped, with its tables in PostgreSQL."""
    JOB = VIEWING_JOBS
    COLUMNS = "tenant_id, user_id, program_id, {}, session_id, device, stream_duration, events, buffering"

    def run_job(self, *args, env=None):
        return subprocess.run([PROGRAM, "run", *args, str(self.JOB / "job.sql")], cwd=self.path, capture_output=True, text=True, timeout=100,
                              env={**os.environ, **(env or {})})

    def test_viewing_sessions(self):
        env = {"PG_URL": SERVER.url()}
        done = self.run_job("-i", str(self.JOB / "postgres.sql"), "--for", "8s", env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        (sessions, keys), = self.query("SELECT count(*), count(DISTINCT (tenant_id, user_id, program_id, device, session_id, start_time)) FROM sessions")
        self.assertGreater(int(sessions), 100)
        self.assertEqual(sessions, keys)
        self.assertGreater(int(self.query("SELECT count(*) FROM program_minutes WHERE viewers > 0")[0][0]), 10)
        self.assertFalse((self.path / "out/sessions.db").exists())
        self.assertTrue((self.path / "out/lake").exists())
        self.query("DROP TABLE sessions, program_minutes")

    def start_two_stages(self, *args):
        """Events from the files of a folder, the lake in files, the database here."""
        settings = {"device_events.connector": "filesystem", "device_events.path": "events", "device_events.format": "json",
                    "device_events.source.monitor-interval": "100ms", "session_lake.source.monitor-interval": "500ms",
                    "sessions.connector": "postgres", "sessions.url": SERVER.url(), "sessions.table-name": self.name,
                    "sessions.sink.create-table": "true"}
        options = [part for name, value in settings.items() for part in ("--set", f"millrace.table.{name}={value}")]
        process = subprocess.Popen([PROGRAM, "run", "-q", "--folder", "job", "--set", "execution.checkpointing.interval=200ms", *options, *args,
                                    str(VIEWING_JOBS / "two-stage.sql")], cwd=self.path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def give(self, name, events):
        (self.path / name).write_text(json_lines(events))
        (self.path / name).rename(self.path / "events" / name)  # whole at once

    def in_database(self):
        """The sessions there, without the one that closes the others."""
        if self.query("SELECT to_regclass('{t}') IS NOT NULL")[0] == ["f"]:
            return []
        start = "to_char(start_time, 'YYYY-MM-DD HH24:MI:SS.MS')"
        return sorted(tuple(row) for row in self.query(f"SELECT {self.COLUMNS.format(start)} FROM {{t}} WHERE user_id <> 'closer'"))

    def in_lake(self):
        """As in_database(); each row as often as the lake has it."""
        script = (VIEWING_JOBS / "two-stage.sql").read_text()
        table = script[script.index("CREATE TABLE session_lake"):]
        table = table[:table.index(";") + 1].replace(",\n  'source.monitor-interval' = '5 s'", "")
        query = f"SELECT {self.COLUMNS.format('start_time')} FROM session_lake WHERE user_id <> 'closer';"
        done = sql("SET 'execution.runtime-mode' = 'batch';" + table + query, cwd=self.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return sorted(map(tuple, rows_of(done.stdout)))

    def await_that(self, condition, process, what):
        deadline = time.monotonic() + 90
        while not condition():
            self.assertIsNone(process.poll(), "the job has ended")
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def kill(self, process):
        self.assertIsNone(process.poll(), "the job has ended")
        process.kill()
        process.wait(60)

    def test_two_stages_killed_and_restored(self):
        """Killed while the first stage has sessions open, and while the second writes to the database: each session once in both."""
        hours = [viewing_events(60, begin=3600 * hour) for hour in range(3)]
        wanted = [viewing_sessions(events) for events in hours]
        (self.path / "events").mkdir()

        self.give("1.json", hours[0])
        process = self.start_two_stages()
        self.await_that(self.in_database, process, "the first sessions")
        before = newest_checkpoint(self.path / "job")
        self.await_that(lambda: newest_checkpoint(self.path / "job") > before, process, "a checkpoint")
        self.kill(process)
        self.assertLess(len(self.in_lake()), len(wanted[0]))  # some were open

        process = self.start_two_stages("--restore", "latest")
        other = SERVER.session()
        other.stdin.write(f"BEGIN; LOCK TABLE {self.name} IN EXCLUSIVE MODE;\n")
        other.stdin.flush()
        self.give("2.json", hours[1])
        waits = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'millrace' AND wait_event_type = 'Lock'"
        self.await_that(lambda: self.query(waits), process, "the second stage writes")
        self.kill(process)
        self.assertLess(len(self.in_database()), len(self.in_lake()))  # what it was about to write
        other.stdin.write("COMMIT;\n")
        other.communicate(timeout=30)

        process = self.start_two_stages("--restore", "latest")
        closer = {**hours[2][-1], "user_id": "closer", "tenant_id": "tenant-1", "event_type": "play", "position_ms": 1,
                  "event_time": "2026-01-01 05:00:00.000"}
        self.give("3.json", [*hours[2], closer])
        everything = sorted(row for each in wanted for row in each)
        self.await_that(lambda: len(self.in_database()) >= len(everything), process, "all sessions")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 0, process.stderr.read())
        self.assertEqual(self.in_database(), everything)
        self.assertEqual(self.in_lake(), everything)

    def test_overrides_with_wrong_names(self):
        done = self.run_job("--set", "millrace.table.sesions.connector=blackhole")
        self.assertEqual(done.returncode, 2)
        self.assertIn("names no table. did you mean 'sessions'?", done.stderr)
        done = self.run_job("--set", "millrace.table.sessions.connector=postgres", "--set", "millrace.table.sessions.path=x")
        self.assertIn("unknown option 'path'", done.stderr)
        self.assertEqual(self.run_job("-i", "missing.sql").returncode, 2)


class Source(Postgres):
    def fill(self, rows=20000):
        self.query(f"CREATE TABLE {self.name} (id bigint PRIMARY KEY, v text, d date, at timestamptz); INSERT INTO {self.name} "
                   f"SELECT i, 'v' || i, date '2020-01-01' + i % 100, timestamptz '2020-01-01Z' + i * interval '1 s' FROM generate_series(0, {rows - 1}) i")

    def test_partitioned(self):
        self.fill()
        self.query("INSERT INTO {t} VALUES (-5, 'low', NULL, NULL), (99999, 'high', NULL, NULL)")
        for column, low, high in (("id", 0, 20000), ("id", 5000, 5001), ("d", 18262, 18362), ("at", 1577836800000, 1577856800000), ("id", 7, 7)):
            options = f"'scan.partition.column' = '{column}', 'scan.partition.num' = '4', 'scan.partition.lower-bound' = '{low}', 'scan.partition.upper-bound' = '{high}', 'scan.fetch-size' = '700'"
            script = self.table("id BIGINT, d DATE, `at` TIMESTAMP_LTZ(3)", options)
            self.assertEqual(self.rows(script + "SELECT COUNT(*) AS c, COUNT(DISTINCT id) AS ids, SUM(id) AS total FROM p;")[-1][1:],
                             ["20002", "20002", str(19999 * 10000 - 5 + 99999)])
        self.fails(self.table("id BIGINT, v STRING", options.replace("'id'", "'v'")) + "SELECT id FROM p;", "numbers, dates or timestamps")
        self.fails(self.table("id BIGINT", "'scan.partition.num' = '4'") + "SELECT id FROM p;", "belong together")

    def test_columns_pushed_and_rowtime(self):
        self.fill(100)
        script = self.table("id BIGINT, v STRING, `at` TIMESTAMP_LTZ(3), WATERMARK FOR `at` AS `at` - INTERVAL '1' SECOND")
        self.assertEqual(self.rows(script + "SELECT window_start, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE p, DESCRIPTOR(`at`), INTERVAL '1' MINUTE)) "
                                   "GROUP BY window_start, window_end;"), [["2020-01-01 00:00:00.000", "60"], ["2020-01-01 00:01:00.000", "40"]])
        self.assertEqual(self.rows(script + "SELECT COUNT(*) AS c FROM p;")[-1][1:], ["100"])

    def test_conditions_pushed(self):
        """What is not wanted is not sent, and what is wanted comes; also where the language of the database sorts in its own way."""
        self.query("CREATE TABLE {t} (id bigint PRIMARY KEY, v text COLLATE \"en-x-icu\", d date, at timestamptz); INSERT INTO {t} SELECT i, "
                   "CASE WHEN i % 2 = 0 THEN 'a' ELSE 'B' END || i % 10, date '1969-12-30' + i % 5, "
                   "timestamptz '1969-12-31 23:59:59.9975Z' + i * interval '0.5 ms' FROM generate_series(0, 99) i")
        self.query("INSERT INTO {t} VALUES (1000, NULL, NULL, NULL)")
        table = self.table("id BIGINT, v STRING, d DATE, `at` TIMESTAMP_LTZ(3)") + \
            f"CREATE TABLE o (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '{self.path}/out', 'format' = 'json');\n"
        known = [[None if value == "NULL" else value for value in row]
                 for row in self.query("SELECT id, v, d, floor(extract(epoch from at) * 1000)::bigint FROM {t}")]
        everything = [[int(i), v, d, at] for i, v, d, at in known]
        cases = (("id < 10 AND id <> 3", lambda i, v, d, at: i < 10 and i != 3, True), ("id IN (5, 77, 5000)", lambda i, v, d, at: i in (5, 77), True),
                 ("v < 'a'", lambda i, v, d, at: v and v < "a", True), ("v = 'a4' AND id > 50", lambda i, v, d, at: v == "a4" and i > 50, True),
                 ("v IS NULL", lambda i, v, d, at: v is None, True), ("d >= DATE '1970-01-02'", lambda i, v, d, at: d and d >= "1970-01-02", True),
                 ("`at` <= TO_TIMESTAMP_LTZ(-1, 3)", lambda i, v, d, at: at and int(at) <= -1, None),
                 ("`at` = TO_TIMESTAMP_LTZ(7, 3)", lambda i, v, d, at: at == "7", None), ("v <> 'gr\u00fcn'", lambda i, v, d, at: v, False))
        for where, wanted, pushed in cases:
            with self.subTest(where=where):
                ids = sorted(row[0] for row in everything if wanted(*row))
                said = self.books(table + f"INSERT INTO o SELECT id FROM p WHERE {where};")
                lines = [line for file in (self.path / "out").rglob("*") if file.is_file() for line in file.read_text().splitlines()]
                self.assertEqual(sorted(json.loads(line)["id"] for line in lines), ids)
                read = int(re.search(r"p: read (\d+)", said).group(1))
                if pushed is not None:
                    self.assertEqual(read, len(ids) if pushed else 101)
                shutil.rmtree(self.path / "out", ignore_errors=True)

    def test_values_that_do_not_fit_are_dead_letters(self):
        self.query("CREATE TABLE {t} (id int PRIMARY KEY, n numeric, at timestamp, i interval); INSERT INTO {t} VALUES (1, 1.25, 'infinity', NULL), (2, 'NaN', '2020-01-01', NULL), "
                   "(3, 1.234, NULL, NULL), (4, 123456789.12, NULL, NULL), (5, -0.01, '0044-03-15 BC', '1 day 2 hours'), (6, 1e3, '2020-01-01 00:00:00.999999', '1 month')")
        columns = "id INT, n DECIMAL(8, 2), `at` TIMESTAMP(3), i INTERVAL DAY TO SECOND"
        done = sql(self.table(columns) + "SELECT id, n, `at`, i FROM p;", "--folder", str(self.path / "job"))
        self.assertEqual(done.returncode, 0, done.stderr)
        found = rows_of(done.stdout)
        self.assertEqual([row[:2] for row in found], [["5", "-0.01"]])
        letters = [json.loads(line)["reason"] for line in (self.path / "job/dead_letter.json").read_text().splitlines()]
        self.assertEqual(len(letters), 5)
        for letter, text in zip(letters, ["column 'at': the time is infinite", "column 'n': the number is NaN", "more digits", "more digits", "has months"]):
            self.assertIn(text, letter)
        self.assertEqual(self.rows(self.table("id INT, n STRING, `at` STRING") + "SELECT n, `at` FROM p WHERE id < 3;"), [["1.25", "infinity"], ["NaN", "2020-01-01 00:00:00"]])

    def test_errors(self):
        self.fill(1)
        self.fails(self.table("id INT, w STRING, `at` TIMESTAMP(3)") + "SELECT * FROM p;", "column 'id' is bigint there: INT does not hold its values", "column 'w' is not there",
                   "hint: declare it TIMESTAMP_LTZ(3)")
        self.fails(self.table("id BIGINT, v MAP<STRING, INT>") + "SELECT * FROM p;", "read it as STRING")
        self.fails(self.table("id BIGINT", "'lookup.cache' = 'FULL'") + "SELECT * FROM p;", "neither NONE nor PARTIAL")
        self.rows(self.table("id BIGINT", "'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '10', 'lookup.partial-cache.expire-after-write' = '1 min'") + "SELECT * FROM p;")

    END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace'"

    def scan_waits(self, process):
        """Waits until the job waits for a lock; False if it ends before."""
        deadline = time.monotonic() + 60
        while not self.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'millrace' AND wait_event_type = 'Lock'"):
            if process.poll() is not None:
                return False
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return True

    def hold(self):
        """A session that keeps all others from reading the table."""
        self.query(self.END_SESSIONS)  # of the job that was killed
        other = SERVER.session()
        other.stdin.write(f"BEGIN; LOCK TABLE {self.name} IN ACCESS EXCLUSIVE MODE;\n")
        other.stdin.flush()
        deadline = time.monotonic() + 60
        while not self.query("SELECT 1 FROM pg_locks WHERE relation = '{t}'::regclass AND mode = 'AccessExclusiveLock' AND granted"):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return other

    def test_goes_on_after_kill_and_lost_connections(self):
        """A scan is killed, restored, and its sessions ended by the server: each row is copied once."""
        self.fill(ROWS)
        self.query("CREATE TABLE {t}b (id bigint, v text)")
        script = self.table("id BIGINT, v STRING", "'scan.fetch-size' = '50'") + self.table("id BIGINT, v STRING", name="q", target=self.name + "b") + \
            "INSERT INTO q SELECT id, v FROM p;"
        (self.path / "job.sql").write_text(script)
        command = [PROGRAM, "run", "-q", "job.sql", "--folder", "job", "--set", "execution.checkpointing.interval=20ms", "--set", "millrace.queue-bytes=20000"]
        kills, lost, restore, draw, notes = 0, 0, [], random.Random(6), self.path / "notes"
        for attempt in range(30):
            drop = attempt % 3 < 2
            if drop:
                other = self.hold()
            with open(notes, "w") as stderr:
                process = subprocess.Popen([*command, *restore], cwd=self.path, stdout=subprocess.DEVNULL, stderr=stderr, text=True)
            self.addCleanup(process.communicate)
            self.addCleanup(process.kill)
            if drop:
                if self.scan_waits(process):  # else it had nothing left to read
                    self.query(self.END_SESSIONS)
                    self.assertTrue(await_note(notes, "the scan goes on behind the last row", process), notes.read_text())
                    lost += 1
                other.stdin.write("COMMIT;\n")
                other.communicate(timeout=30)
            if not killed_at_a_checkpoint(process, self.path / "job", 1, draw):
                break
            kills += 1
            restore = ["--restore", "latest"]
        else:
            subprocess.run([*command, *restore], cwd=self.path, check=True, timeout=60)
        self.assertEqual([int(n) for n, in self.query("SELECT id FROM {t}b ORDER BY id")], list(range(ROWS)), f"{kills} kills")
        self.assertGreater(kills, 0)
        self.assertGreater(lost, 0)


class Lookups(Postgres):
    """What a lookup join is told, asked for by tests/postgres_lookup_driver.cc."""
    COLUMNS = "id:INT,name:STRING,size:BIGINT"

    def setUp(self):
        super().setUp()
        self.query("CREATE TABLE {t} (id bigint, name text, size int); CREATE INDEX ON {t} (id); "
                   "INSERT INTO {t} VALUES (1, 'one', 10), (2, 'two', NULL), (2, 'zwei', 20), (3, NULL, 30)")

    def driver(self, *options, key="id", columns=COLUMNS):
        process = subprocess.Popen([DRIVER, SERVER.url(), self.name, key, columns, *options], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.communicate)  # ends it, with its input
        return process

    def ask(self, process, keys):
        process.stdin.write(keys + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    def test_finds_all_rows_of_each_key(self):
        self.query("ALTER TABLE {t} ALTER COLUMN id TYPE int")
        process = self.driver()
        self.assertEqual(self.ask(process, "2 7 NULL 1 2"), "0: 2|two|NULL; 0: 2|zwei|20; 3: 1|one|10; 4: 2|two|NULL; 4: 2|zwei|20")
        self.assertEqual(self.ask(process, "NULL"), "")
        many = self.ask(process, " ".join(["3"] * 2500))  # of several queries
        self.assertEqual(many, "; ".join(f"{i}: 3|NULL|30" for i in range(2500)))

    def test_text_keys(self):
        self.query("ALTER TABLE {t} ADD COLUMN u uuid")
        process = self.driver(key="name", columns="name:STRING,size:BIGINT")
        self.assertEqual(self.ask(process, "o'ne one zwei \\"), "1: one|10; 2: zwei|20")
        self.query("UPDATE {t} SET u = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' WHERE id = 3")
        process = self.driver(key="u", columns="u:STRING,size:BIGINT")
        self.assertEqual(self.ask(process, "nonsense a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), "1: a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|30")

    def test_cache(self):
        self.query("ALTER TABLE {t} ALTER COLUMN id TYPE int")
        fresh, cached = self.driver(), self.driver("lookup.cache=PARTIAL", "lookup.partial-cache.expire-after-write=1 s")
        for process in (fresh, cached):
            self.assertEqual(self.ask(process, "1 9"), "0: 1|one|10")
        begun = time.monotonic()
        self.query("UPDATE {t} SET name = 'eins' WHERE id = 1; INSERT INTO {t} VALUES (9, 'nine', 90)")
        self.assertEqual(self.ask(fresh, "1 9"), "0: 1|eins|10; 1: 9|nine|90")
        old = self.ask(cached, "1 9")
        if time.monotonic() - begun < 0.9:
            self.assertEqual(old, "0: 1|one|10")
        time.sleep(1.1)
        self.assertEqual(self.ask(cached, "1 9"), "0: 1|eins|10; 1: 9|nine|90")

    def test_connection_lost(self):
        self.query("ALTER TABLE {t} ALTER COLUMN id TYPE int")
        process = self.driver()
        self.assertEqual(self.ask(process, "1"), "0: 1|one|10")
        self.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace'")
        self.assertEqual(self.ask(process, "1"), "0: 1|one|10")

    def test_errors(self):
        self.assertIn("column 'id' is bigint there: INT does not hold its values", self.driver().communicate()[0])
        self.assertIn("column 'none' is not there", self.driver(columns="id:BIGINT,none:STRING").communicate()[0])
        self.assertIn("'FULL' is neither NONE nor PARTIAL", self.driver("lookup.cache=FULL").communicate()[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--driver", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM, DRIVER = program_support.use(arguments.program), os.path.abspath(arguments.driver)
    try:
        SERVER = postgres.Server()
    except postgres.Unavailable as reason:
        print(f"SKIPPED: no PostgreSQL can be had here: {reason}")
        sys.exit(77)
    with SERVER:
        unittest.main(argv=[sys.argv[0], *rest])
