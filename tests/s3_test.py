#!/usr/bin/env python3
"""Runs jobs against a real S3 server and compares what they write and read.

usage: s3_test.py --program build/millrace
Exits with 77 (skipped) where the server cannot be had.
"""
import argparse
import gzip
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import program_support  # noqa: E402
from parquet_test import find_duckdb  # noqa: E402
from program_support import Scripts, newest_checkpoint, sql  # noqa: E402
from services import s3  # noqa: E402

PROGRAM = ""
SERVER = None
# Of jobs that are killed again and again: enough for some checkpoints on a fast machine.
ROWS = 60000 if os.environ.get("MILLRACE_SANITIZE") else 400000


class S3(Scripts):
    secret = s3.Server.secret

    def setUp(self):
        super().setUp()
        self.prefix = "t" + os.urandom(6).hex()

    def table(self, columns, more="", name="t", path="", form="json", endpoint=None, partitioned=""):
        return f"CREATE TABLE {name} ({columns}) {partitioned} WITH ('connector' = 'filesystem', 'format' = '{form}', " \
               f"'path' = 's3://{SERVER.bucket}/{self.prefix}{path}', {SERVER.options(endpoint)}{', ' + more if more else ''});\n"

    def put(self, name, content):
        SERVER.put(f"{self.prefix}/{name}", content if isinstance(content, bytes) else content.encode())

    def objects(self):
        """The committed objects' sizes by their keys below the test's."""
        return {key[len(self.prefix) + 1:]: size for key, size in SERVER.list(self.prefix + "/").items()}

    def uploads(self):
        return SERVER.uploads(self.prefix + "/")

    def lines(self):
        """What the JSON objects hold."""
        return [json.loads(line) for key in self.objects() for line in SERVER.get(f"{self.prefix}/{key}").splitlines()]

    def numbers(self):
        return sorted(row["n"] for row in self.lines())

    @staticmethod
    def generated(rows, more=""):
        return f"CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '{rows}', 'fields.n.kind' = 'sequence', " \
               f"'fields.n.start' = '0', 'fields.n.end' = '{rows - 1}'{more});\n"


class Source(S3):
    def test_text_formats_compressed_or_not(self):
        self.put("json/b.json", '{"n": 1}\n{"n": 2}\n')
        self.put("json/deep/c.json.gz", gzip.compress(b'{"n": 3}\n'))
        self.put("json/_hidden/d.json", '{"n": 99}\n')
        self.put("json/.e.json", '{"n": 99}\n')
        script = self.table("n INT, `file.path` STRING METADATA, `file.size` BIGINT METADATA", path="/json") + \
            "SELECT n, `file.path`, `file.size` FROM t;"
        at = f"s3://{SERVER.bucket}/{self.prefix}/json/"
        size = str(self.objects()["json/deep/c.json.gz"])
        self.assertEqual(self.rows(script), [["1", at + "b.json", "18"], ["2", at + "b.json", "18"], ["3", at + "deep/c.json.gz", size]])
        self.put("csv/x1.csv", 'a,"b\nc"\n')
        self.put("csv/x2.csv", "d,e\n")
        self.put("csv/y.txt", "not wanted\n")
        script = self.table("a STRING, b STRING", path="/csv/x{1,2}.c*", form="csv") + "SELECT a, CHAR_LENGTH(b) AS l FROM t;"
        self.assertEqual(self.rows(script), [["a", "3"], ["d", "1"]])

    def test_a_large_object_is_read_in_pieces(self):
        lines = b"".join(b'{"n": %d, "pad": "%s"}\n' % (n, b"x" * 100) for n in range(100000))
        self.put("big.json", lines)
        self.put("small.json", b"")
        total = self.rows(self.table("n BIGINT, pad STRING", path="/*.json") +
                          "SET 'execution.runtime-mode' = 'batch'; SELECT COUNT(*) AS c, SUM(n) AS s, MIN(CHAR_LENGTH(pad)) AS l FROM t;")
        self.assertEqual(total[-1][-3:], ["100000", str(sum(range(100000))), "100"])

    def test_of_parquet_only_the_wanted_columns_are_transferred(self):
        columns = "n BIGINT, " + ", ".join(f"wide{i} STRING" for i in range(4))
        wide = ", ".join(f"MD5(CAST(n * 4 + {i} AS STRING))" for i in range(4))
        self.rows(self.generated(100000) + self.table(columns, "'parquet.compression' = 'UNCOMPRESSED'", form="parquet") +
                  f"SET 'execution.checkpointing.interval' = '10 min'; INSERT INTO t SELECT n, {wide} FROM g;")
        size = sum(self.objects().values())
        self.assertGreater(size, 12 << 20)

        def transferred(column, expected):
            with s3.Proxy(SERVER) as proxy:
                found = self.rows("SET 'execution.runtime-mode' = 'batch'; " + self.table(columns, form="parquet", endpoint=proxy.endpoint) +
                                  f"SELECT MAX({column}) AS m, COUNT({column}) AS c FROM t;")
                self.assertEqual(found[-1][-2:], expected)
                return proxy.answered
        narrow = transferred("n", ["99999", "100000"])
        self.assertGreater(narrow, 0)
        self.assertLess(narrow, size / 5)
        self.assertGreater(transferred("wide0", [max(hashlib.md5(str(n * 4).encode()).hexdigest() for n in range(100000)), "100000"]), size / 5)

    def test_new_objects_are_found(self):
        out = self.path / "out"
        self.put("in/a.json", '{"n": 1}\n')
        script = self.table("n INT", "'source.monitor-interval' = '200 ms'", path="/in") + \
            f"CREATE TABLE o (n INT) WITH ('connector' = 'filesystem', 'path' = '{out}', 'format' = 'json');\n" \
            "SET 'execution.checkpointing.interval' = '100 ms'; INSERT INTO o SELECT n FROM t;"
        (self.path / "job.sql").write_text(script)
        job = subprocess.Popen([PROGRAM, "run", "-q", "--folder", str(self.path / "job"), str(self.path / "job.sql")], stderr=subprocess.PIPE)
        try:
            seen = lambda: sorted(line for path in out.glob("part-*") for line in path.read_text().split())
            for text, expected in (("", 1), ('{"n": 2}\n', 2), ('{"n": 3}\n', 3)):
                if text:
                    self.put(f"in/{expected}.json", text)
                deadline = time.monotonic() + 60
                while len(seen()) < expected and time.monotonic() < deadline and job.poll() is None:
                    time.sleep(0.05)
                self.assertEqual(len(seen()), expected)
        finally:
            job.kill()
            job.communicate()

    def test_wrong_places_and_keys(self):
        select = "SELECT n FROM t;"
        self.fails(self.table("n INT", path="/nothing") + select, "there is no such object", self.prefix)
        self.fails(self.table("n INT").replace(f"s3://{SERVER.bucket}/", "s3://nowhere/") + select, "nowhere", "bucket")
        self.fails(self.table("n INT").replace(SERVER.secret, "wrong") + select, "s3.secret-key")
        self.fails(self.table("n INT").replace("'s3.region'", "").replace("'s3.access-key'", "'s3.acces-key'") + select,
                   "did you mean 's3.access-key'?")

    def test_settings_from_outside(self):
        """Session options and the environment stand in for the table's; secrets may be placeholders."""
        self.put("a.json", '{"n": 1}\n')
        bare = f"CREATE TABLE t (n INT) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = 's3a://{SERVER.bucket}/{self.prefix}');\n" \
               "SELECT n FROM t;"
        session = f"SET 's3.endpoint' = '{SERVER.endpoint}'; SET 's3.access-key' = '{SERVER.access}'; SET 's3.secret-key' = '${{env:THE_KEY}}';\n"
        self.assertEqual(self.rows(session + bare, env={"THE_KEY": SERVER.secret}), [["1"]])
        self.fails(session + bare, "THE_KEY")
        environment = {"AWS_ENDPOINT_URL": SERVER.endpoint, "AWS_ACCESS_KEY_ID": SERVER.access, "AWS_SECRET_ACCESS_KEY": SERVER.secret}
        self.assertEqual(self.rows(bare, env=environment), [["1"]])
        (self.path / "credentials").write_text(f"[lake]\naws_access_key_id = {SERVER.access}\naws_secret_access_key = {SERVER.secret}\n")
        profile = {"AWS_ENDPOINT_URL": SERVER.endpoint, "AWS_PROFILE": "lake", "AWS_SHARED_CREDENTIALS_FILE": str(self.path / "credentials")}
        self.assertEqual(self.rows(bare, env=profile), [["1"]])
        shown = sql(session + bare.replace("SELECT n FROM t;", "SHOW CREATE TABLE t;"), env={"THE_KEY": SERVER.secret})
        self.assertIn("'s3.secret-key' = '****'", shown.stdout)


class VirtualHosts(S3):
    def test_the_bucket_in_the_host_name(self):
        """Written by multipart uploads and read back; names below localhost are this machine's."""
        with s3.Server(domain="localhost") as server:
            table = f"CREATE TABLE t (n BIGINT) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = 's3://{server.bucket}/v', " \
                f"{server.options(f'http://localhost:{server.port}')}, 's3.path.style.access' = 'false');\n"
            self.rows(self.generated(1000) + table + "INSERT INTO t SELECT n FROM g;")
            self.assertGreater(sum(server.list("v/").values()), 0)
            self.assertEqual(self.rows(table + "SET 'execution.runtime-mode' = 'batch'; SELECT COUNT(*) AS c FROM t;")[-1][-1], "1000")


class Sink(S3):
    def test_partitions(self):
        self.rows(self.generated(1000) + self.table("n BIGINT, d STRING", partitioned="PARTITIONED BY (d)") +
                  "INSERT INTO t SELECT n, CAST(MOD(n, 3) AS STRING) FROM g;")
        self.assertEqual(sorted({key.split("/")[0] for key in self.objects()}), ["d=0", "d=1", "d=2"])
        self.assertEqual(self.numbers(), list(range(1000)))
        self.put("d=1/broken.json.gz", b"never read")  # the folder's name tells that no row of it is wanted
        back = self.rows(self.table("n BIGINT, d STRING", partitioned="PARTITIONED BY (d)") +
                         "SET 'execution.runtime-mode' = 'batch'; SELECT d, COUNT(*) AS c FROM t WHERE d <> '1' GROUP BY d;")
        self.assertEqual(sorted(row[-2:] for row in back), [["0", "334"], ["2", "333"]])
        self.assertEqual(self.uploads(), [])

    def test_success_files_of_complete_partitions(self):
        options = "'auto-compaction' = 'true', 'sink.partition-commit.policy.kind' = 'success-file', 'sink.partition-commit.delay' = '1 h'"
        script = self.generated(1000) + self.table("n BIGINT, d STRING", options, partitioned="PARTITIONED BY (d)") + \
            "INSERT INTO t SELECT n, CAST(MOD(n, 3) AS STRING) FROM g;"
        for rounds in (1, 2):  # written again for what comes later
            self.rows(script)
            told = {key: size for key, size in self.objects().items() if key.endswith("/_SUCCESS")}
            self.assertEqual(told, {f"d={d}/_SUCCESS": 0 for d in range(3)})
            self.assertEqual(sum("/part-" in key for key in self.objects()), 3 * rounds)
        self.assertEqual(self.numbers(), sorted([*range(1000)] * 2))

    def test_parquet_in_many_parts(self):
        """An object of several parts, read by an independent reader and by ourselves."""
        self.rows(self.generated(300000) + self.table("n BIGINT, t STRING", "'parquet.compression' = 'UNCOMPRESSED'", form="parquet") +
                  "SET 'execution.checkpointing.interval' = '10 min'; INSERT INTO t SELECT n, MD5(CAST(n AS STRING)) FROM g;")
        (key, size), = self.objects().items()
        self.assertGreater(size, 11 << 20)
        back = self.rows(self.table("n BIGINT, t STRING", form="parquet") + "SELECT n FROM t WHERE n >= 299998;")
        self.assertEqual(sorted(back), [["299998"], ["299999"]])
        duckdb = find_duckdb()
        if not duckdb:
            self.skipTest("DuckDB is not to be had")
        (self.path / "x.parquet").write_bytes(SERVER.get(f"{self.prefix}/{key}"))
        count, total, good = duckdb.sql(f"SELECT COUNT(*), SUM(n), BOOL_AND(t = md5(n::VARCHAR)) FROM '{self.path}/x.parquet'").fetchall()[0]
        self.assertEqual((count, total, good), (300000, sum(range(300000)), True))

    def test_wrong_places_and_keys(self):
        insert = self.generated(10) + "INSERT INTO t SELECT n FROM g;"
        create = self.table("n BIGINT")
        self.fails(create.replace(f"s3://{SERVER.bucket}/", "s3://nowhere/") + insert, "nowhere", "bucket")
        self.fails(create.replace(SERVER.secret, "wrong") + insert, "s3.secret-key")
        self.fails(create.replace(SERVER.access, "nobody") + insert, "access key")
        self.fails(self.table("n BIGINT", "'s3.upload.min.part.size' = '1MB'") + insert, "s3.upload.min.part.size")
        self.assertEqual(self.objects(), {})

    def test_a_job_that_fails_leaves_nothing(self):
        script = self.generated(10000) + self.table("n BIGINT") + "INSERT INTO t SELECT n / (n - 9000) FROM g;"
        self.fails(script, "zero")
        self.assertEqual((self.objects(), self.uploads()), ({}, []))


class ExactlyOnce(S3):
    def job(self, rows=ROWS, rate=100000, endpoint=None, more="", options=""):
        script = self.generated(rows, f", 'rows-per-second' = '{rate}'") + self.table("n BIGINT", options, endpoint=endpoint) + \
            f"SET 'execution.checkpointing.interval' = '100 ms'; {more} INSERT INTO t SELECT n FROM g;"
        (self.path / "job.sql").write_text(script)

    def start(self, *args):
        return subprocess.Popen([PROGRAM, "run", "-q", "--folder", str(self.path / "job"), *args, str(self.path / "job.sql")],
                                stderr=subprocess.PIPE, text=True)

    def finish(self, process, seconds=180):
        try:
            error = process.communicate(timeout=seconds)[1]
        finally:
            process.kill()
        self.assertEqual(process.returncode, 0, error)

    def checkpoint(self, number, process):
        deadline = time.monotonic() + 60
        while newest_checkpoint(self.path / "job") < number and process.poll() is None:
            self.assertLess(time.monotonic(), deadline, f"no checkpoint {number} after 60 s")
            time.sleep(0.005)

    def hold(self, proxy, process):
        """Waits until the job stands at the request that the proxy holds, and kills it there."""
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 120
        while not proxy.held.wait(0.1):
            self.assertIsNone(process.poll(), "the job ended before it was held")
            self.assertLess(time.monotonic(), deadline, "the job was not held")
        process.kill()
        process.communicate()

    OFTEN, NEVER = ("--set", "execution.checkpointing.interval=100ms"), ("--set", "execution.checkpointing.interval=10min")

    def large(self, rows, form, endpoint):
        """A job that writes some 150 bytes for each row."""
        more = "'parquet.compression' = 'UNCOMPRESSED', 'parquet.block.size' = '2MB'" if form == "parquet" else ""
        pad = "CONCAT(" + ", ".join(f"MD5(CAST(n * 4 + {i} AS STRING))" for i in range(4)) + ")"
        (self.path / "job.sql").write_text(
            self.generated(rows, ", 'rows-per-second' = '50000'") + self.table("n BIGINT, pad STRING", more, form=form, endpoint=endpoint) +
            f"INSERT INTO t SELECT n, {pad} FROM g;")

    def killed_with_an_open_upload(self, form, restore):
        """kill -9 with one part of an object sent and the second under way; no checkpoint knows of the object."""
        rows = 200000
        with s3.Proxy(SERVER) as proxy:
            self.large(rows, form, proxy.endpoint)
            if restore:  # there is a checkpoint first, whose own upload the next start completes
                proxy.hold("POST ", "uploadId=")
                self.hold(proxy, self.start(*self.OFTEN))
                self.assertEqual(self.objects(), {})
                proxy.release()
            proxy.hold("PUT ", "partNumber=2")
            self.hold(proxy, self.start(*self.NEVER, *restore))
            (upload,) = self.uploads()
            self.assertNotIn(upload[len(self.prefix) + 1:], self.objects())
            self.assertEqual(len(self.objects()), len(restore[:1]))
            proxy.release()
            self.finish(self.start(*self.NEVER, *restore))
        self.assertEqual(self.uploads(), [])
        self.assertNotIn(upload[len(self.prefix) + 1:], self.objects())
        self.assertGreater(max(self.objects().values()), 10 << 20)
        if form == "json":
            self.assertEqual(self.numbers(), list(range(rows)))
        else:
            found = self.rows("SET 'execution.runtime-mode' = 'batch'; " + self.table("n BIGINT, pad STRING", form=form) +
                              "SELECT COUNT(*) AS c, COUNT(DISTINCT n) AS d, SUM(n) AS s, MIN(CHAR_LENGTH(pad)) AS l FROM t;")
            self.assertEqual(found[-1][-4:], [str(rows), str(rows), str(sum(range(rows))), "128"])

    def test_killed_with_an_open_upload_and_restored(self):
        self.killed_with_an_open_upload("json", ("--restore", "latest"))

    def test_killed_with_an_open_parquet_upload_and_restored(self):
        self.killed_with_an_open_upload("parquet", ("--restore", "latest"))

    def test_killed_with_an_open_upload_and_started_again(self):
        self.killed_with_an_open_upload("parquet", ())

    def test_killed_between_the_parts_and_their_completion(self):
        """The checkpoint has the upload and its parts: the restored job completes it, without sending them again."""
        rows = 100000
        with s3.Proxy(SERVER) as proxy:
            self.large(rows, "json", proxy.endpoint)
            proxy.hold("POST ", "uploadId=")
            self.hold(proxy, self.start(*self.NEVER))
            self.assertEqual(newest_checkpoint(self.path / "job"), 1)
            (upload,) = self.uploads()
            self.assertEqual(self.objects(), {})
            proxy.release()
            proxy.hold("PUT ", "partNumber=")
            self.finish(self.start(*self.NEVER, "--restore", "latest"))
            self.assertFalse(proxy.held.is_set(), "a part was sent again")
        self.assertEqual((list(self.objects()), self.uploads()), ([upload[len(self.prefix) + 1:]], []))
        self.assertEqual(self.numbers(), list(range(rows)))

    def test_killed_between_a_completion_and_its_answer(self):
        """The restored job finds no upload any more but the object."""
        rows = 100000
        with s3.Proxy(SERVER) as proxy:
            self.large(rows, "json", proxy.endpoint)
            proxy.hold("POST ", "uploadId=", answer=True)
            self.hold(proxy, self.start(*self.NEVER))
            (key,) = self.objects()
            self.assertEqual(self.uploads(), [])
            proxy.release()
            self.finish(self.start(*self.NEVER, "--restore", "latest"))
        self.assertEqual((list(self.objects()), self.uploads()), ([key], []))
        self.assertEqual(self.numbers(), list(range(rows)))

    def test_killed_and_restored(self):
        """Rows once, and the uploads of the dead are aborted."""
        self.job(rate=ROWS // 8)
        draw = random.Random(7)
        kills, restore = 0, []
        for _ in range(6):
            process = self.start(*restore)
            restore = ["--restore", "latest"]
            self.checkpoint(newest_checkpoint(self.path / "job") + 3, process)
            time.sleep(draw.random() * 0.1)
            kills += process.poll() is None
            process.kill()
            process.communicate()
        self.assertGreaterEqual(kills, 3, "the job is too short to be killed")
        self.finish(self.start(*restore))
        self.assertEqual(self.numbers(), list(range(ROWS)))
        self.assertEqual(self.uploads(), [])

    def test_gathered_rows_of_killed_jobs(self):
        """The rows of many checkpoints become few objects; what they are gathered in goes."""
        self.job(rate=ROWS // 8, options="'auto-compaction' = 'true', 'compaction.file-size' = '3mb'")
        kills, held, restore = 0, 0, []
        for _ in range(4):
            process = self.start(*restore)
            restore = ["--restore", "latest"]
            self.checkpoint(newest_checkpoint(self.path / "job") + 5, process)
            kills += process.poll() is None
            process.kill()
            process.communicate()
            held += any(name.endswith(".rows") for name in self.objects())
        self.assertGreaterEqual(min(kills, held), 2, "the job is too short to be killed")
        self.finish(self.start(*restore))
        self.assertEqual(self.numbers(), list(range(ROWS)))
        self.assertEqual(self.uploads(), [])
        self.assertFalse([name for name in self.objects() if name.endswith(".rows")])
        self.assertLessEqual(sum(name.startswith("part-") for name in self.objects()), 5)

    def test_server_stopped_for_a_while(self):
        self.job(200000, 50000)
        process = self.start()
        self.checkpoint(3, process)
        SERVER.pause()
        try:
            time.sleep(10)
        finally:
            SERVER.resume()
        self.finish(process)
        self.assertEqual(self.numbers(), list(range(200000)))
        self.assertEqual(self.uploads(), [])

    def test_server_killed_and_started_again(self):
        self.job(200000, 50000)
        process = self.start()
        for number in (3, 8):
            self.checkpoint(number, process)
            SERVER.kill()
            time.sleep(2)
            SERVER.start()
        self.finish(process)
        self.assertEqual(self.numbers(), list(range(200000)))
        self.assertEqual(self.uploads(), [])

    def test_answers_to_completions_are_lost(self):
        with s3.Proxy(SERVER) as proxy:
            self.job(200000, 100000, proxy.endpoint)
            process = self.start()
            self.checkpoint(2, process)
            proxy.lose_answers(5)
            self.finish(process)
            self.assertEqual(proxy.lost, 5)
        self.assertEqual(self.numbers(), list(range(200000)))
        self.assertEqual(self.uploads(), [])

    def test_a_server_that_only_says_that_it_has_completed_an_upload(self):
        """As versitygw does when it was killed within a completion: rows are never lost in silence."""
        with s3.Proxy(SERVER) as proxy:
            self.job(2000, 100000, proxy.endpoint, "SET 'restart-strategy.type' = 'none';")
            proxy.lie = True
            process = self.start()
            self.addCleanup(process.kill)
            error = process.communicate(timeout=120)[1]
            self.assertNotEqual(process.returncode, 0)
            for text in ("the server says that it has done so, and the object is not there", f"s3://{SERVER.bucket}/{self.prefix}/part-"):
                self.assertIn(text, error)
            proxy.lie = False
            self.finish(self.start("--restore", "latest"))
        self.assertEqual(self.numbers(), list(range(2000)))
        self.assertEqual(self.uploads(), [])


def main():
    global PROGRAM, SERVER
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = program_support.use(arguments.program)
    try:
        SERVER = s3.Server()
    except s3.Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    with SERVER:
        unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
