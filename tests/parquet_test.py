#!/usr/bin/env python3
"""Parquet files against an independent program: DuckDB reads what Millrace writes, and the other way.

usage: parquet_test.py --program build/millrace

Skipped (exit code 77) where DuckDB is neither installed nor can be had by pip.
"""
import argparse
import base64
import importlib
import json
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""
DUCKDB = "duckdb==2.0.0"
FETCHED = pathlib.Path(__file__).resolve().parent.parent / ".cache" / "python"
duckdb = None

COLUMNS = """id BIGINT, flag BOOLEAN, small SMALLINT, ratio DOUBLE, amount DECIMAL(12, 2), name STRING,
  raw BYTES, day DATE, at TIMESTAMP(3), fine TIMESTAMP(6), zoned TIMESTAMP_LTZ(3), tags ARRAY<INT>,
  pair ROW<a INT, b STRING>"""


def find_duckdb():
    """The module, installed below .cache/python if need be; None if it cannot be had."""
    sys.path.insert(0, str(FETCHED))
    try:
        return importlib.import_module("duckdb")
    except ImportError:
        pass
    command = ["/usr/bin/python3", "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:", "--target",
               str(FETCHED), DUCKDB]
    try:
        subprocess.run(command, timeout=120, capture_output=True, check=True)
        importlib.invalidate_caches()
        return importlib.import_module("duckdb")
    except (subprocess.SubprocessError, OSError, ImportError):
        return None


def run(script):
    done = subprocess.run([PROGRAM, "sql", "-q", "-e", script], timeout=120, capture_output=True, text=True)
    return done


class Parquet(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def table(self, name, columns, path, partitioned="", more=""):
        return f"CREATE TABLE {name} ({columns}) {partitioned} WITH ('connector' = 'filesystem', " \
               f"'path' = '{path}', 'format' = 'parquet'{more});\n"

    def good(self, script):
        done = run(script)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_duckdb_reads_every_type(self):
        self.good(self.table("t", COLUMNS, self.path / "out") + """
            INSERT INTO t SELECT id, id > 1, CAST(id AS SMALLINT), id / 2.0e0, CAST(12.34 AS DECIMAL(12, 2)),
              'n' || CAST(id AS STRING), CAST('xyz' AS BYTES), DATE '2024-02-29',
              TIMESTAMP '2024-02-29 01:02:03.004', TIMESTAMP '2024-02-29 01:02:03.004005',
              CAST(TIMESTAMP '2024-02-29 01:02:03.004' AS TIMESTAMP_LTZ(3)), ARRAY[1, CAST(id AS INT)],
              ROW(CAST(id AS INT), 'b')
            FROM (VALUES (CAST(1 AS BIGINT)), (CAST(2 AS BIGINT))) AS v (id)""")
        found = duckdb.sql(f"SELECT * REPLACE (CAST(zoned AT TIME ZONE 'UTC' AS TIMESTAMP) AS zoned) "
                           f"FROM '{self.path}/out/*.parquet' ORDER BY id").fetchall()
        kinds = dict(duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{self.path}/out/*.parquet')")
                     .fetchall())
        self.assertEqual(len(found), 2)
        row = [str(value) for value in found[1]]
        self.assertEqual(row, ["2", "True", "2", "1.0", "12.34", "n2", "b'xyz'", "2024-02-29",
                               "2024-02-29 01:02:03.004000", "2024-02-29 01:02:03.004005",
                               "2024-02-29 01:02:03.004000", "[1, 2]", "{'a': 2, 'b': 'b'}"])
        self.assertEqual(kinds["amount"], "DECIMAL(12,2)")
        self.assertEqual(kinds["zoned"], "TIMESTAMP WITH TIME ZONE")
        codecs = duckdb.sql(f"SELECT DISTINCT compression FROM parquet_metadata('{self.path}/out/*.parquet')").fetchall()
        self.assertEqual(codecs, [("ZSTD",)])

    def test_duckdb_reads_partitions(self):
        source = """CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '30000',
            'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '29999');\n"""
        lake = self.table("t", "id BIGINT, kind STRING, half INT", self.path / "lake", "PARTITIONED BY (kind, half)",
                          ", 'sink.rolling-policy.file-size' = '20 kb'")
        self.good(source + lake + """INSERT INTO t SELECT id, CASE WHEN MOD(id, 3) = 0 THEN 'a/b'
            WHEN MOD(id, 3) = 1 THEN 'c' END, CAST(MOD(id, 2) AS INT) FROM g""")
        found = duckdb.sql(f"SELECT kind, half, COUNT(*), SUM(id) FROM read_parquet('{self.path}/lake/**/*.parquet', "
                           "hive_partitioning = true) GROUP BY ALL ORDER BY ALL").fetchall()
        expected = {}
        for i in range(30000):
            key = (["a/b", "c", "__DEFAULT_PARTITION__"][i % 3], i % 2)
            count, total = expected.get(key, (0, 0))
            expected[key] = (count + 1, total + i)
        self.assertEqual({(k, h): (c, s) for k, h, c, s in found}, expected)
        hidden = [p.name for p in (self.path / "lake").rglob(".*") if p.is_file()]
        self.assertEqual(hidden, [])
        # And Millrace itself: the same rows, the NULL partition as NULL.
        out = self.path / "sums"
        self.good(lake + f"CREATE TABLE s (id BIGINT, kind STRING, half INT) WITH ('connector' = 'filesystem', "
                  f"'path' = '{out}', 'format' = 'csv', 'csv.null-literal' = 'none');\n"
                  "INSERT INTO s SELECT id, kind, half FROM t WHERE half = 1")
        back = duckdb.sql(f"SELECT column1, COUNT(*), SUM(column0) FROM read_csv('{out}/*.csv', header = false) "
                          "GROUP BY ALL ORDER BY ALL").fetchall()
        named = {"a/b": "a/b", "c": "c", "__DEFAULT_PARTITION__": "none"}
        self.assertEqual({k: (c, s) for k, c, s in back},
                         {named[k]: v for (k, h), v in expected.items() if h == 1})

    def savepoint(self):
        """Of a job that counts by key into an SQLite table, at its end. Returns the manifest."""
        (self.path / "job.sql").write_text("""
            CREATE TABLE clicks (k INT, name STRING, n BIGINT) WITH ('connector' = 'datagen',
              'rows-per-second' = '20000', 'fields.k.min' = '1', 'fields.k.max' = '50', 'fields.name.length' = '1',
              'fields.n.min' = '0', 'fields.n.max' = '99', 'seed' = '1');
            CREATE TABLE totals (k INT, name STRING, c BIGINT, total BIGINT, low BIGINT,
              PRIMARY KEY (k, name) NOT ENFORCED) WITH ('connector' = 'sqlite', 'path' = 'out.db');
            INSERT INTO totals SELECT k, name, COUNT(*), SUM(n), MIN(n) FROM clicks GROUP BY k, name""")
        job = subprocess.Popen([PROGRAM, "run", "job.sql", "--folder", "job", "-q", "--workers", "2"], cwd=self.path)
        while not list(self.path.glob("job/checkpoints/*/chk-*.json")):
            self.assertIsNone(job.poll())
            time.sleep(0.02)
        done = subprocess.run([PROGRAM, "stop", "--savepoint", "--to", "point", "job"], cwd=self.path, timeout=60,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(job.wait(timeout=60), 0)
        (manifest,) = (self.path / "point").glob("savepoint-*.json")
        return json.loads(manifest.read_text())["manifest"]

    def test_duckdb_reads_the_state_of_a_savepoint(self):
        manifest = self.savepoint()
        (operator,) = [o for o in manifest["operators"] if o["id"] == "totals/GroupAggregate(k, name)"]
        files = [self.path / "point" / f["path"] for i in operator["instances"] for f in i["files"]]
        self.assertEqual(len(files), 2)
        columns = [row[0] for row in duckdb.sql(f"DESCRIBE FROM '{files[0]}'").fetchall()]
        self.assertEqual(columns[:5], ["_key_group", "k", "name", "rows", "written"])
        state = duckdb.sql(f"""SELECT k, name, "COUNT(*).count", "SUM(n).sum" FROM read_parquet({[str(f) for f in files]})
            ORDER BY ALL""").fetchall()
        with sqlite3.connect(self.path / "out.db") as database:
            shown = sorted(database.execute("SELECT k, name, c, total FROM totals"))
        self.assertEqual(state, shown)
        self.assertEqual(sum(row[2] for row in state), manifest["sources"][0]["rows"])
        said = dict(duckdb.sql(f"SELECT key, value FROM parquet_kv_metadata('{files[0]}')").fetchall())
        self.assertEqual(said[b"doc"], b"One row per group of GROUP BY.")
        # What the columns mean stands with Arrow's schema, as pyarrow shows it.
        self.assertIn(b"Rows of the group", base64.b64decode(said[b"ARROW:schema"]))

    def test_metadata_columns(self):
        script = self.table("o", "n BIGINT", self.path / "out") + "INSERT INTO o SELECT CAST(7 AS BIGINT);\n"
        self.good(script)
        file = next((self.path / "out").glob("*.parquet"))
        source = self.table("t", "n BIGINT, name STRING METADATA FROM 'file.name', size INT METADATA FROM 'file.size' "
                            "VIRTUAL, twice AS size * 2, `file.path` STRING METADATA", file)
        shown = self.good(source + "SELECT `file.path`, twice, n, name FROM t")
        self.assertRegex(shown, rf"{file} *\| *{2 * file.stat().st_size} *\| *7 *\| *{file.name}")
        wrong = run(source.replace("'file.size'", "'file.sise'") + "SELECT size FROM t")
        self.assertIn("has no metadata column 'file.sise'. did you mean 'file.size'?", wrong.stderr)

    def test_reads_what_duckdb_writes(self):
        file = self.path / "in.parquet"
        duckdb.sql(f"""COPY (SELECT i::BIGINT AS id, i > 1 AS flag, (i % 100)::SMALLINT AS small, i / 2 AS ratio,
            (i * 1.25)::DECIMAL(12, 2) AS amount, 'n' || i AS name, 'xyz'::BLOB AS raw, DATE '1969-12-31' AS day,
            TIMESTAMP '1969-12-31 23:59:59.999999' AS at, TIMESTAMP '2024-02-29 01:02:03.004005' AS fine,
            TIMESTAMPTZ '2024-02-29 01:02:03.004005+00' AS zoned, [1, i::INT] AS tags,
            {{'b': 'b', 'x': 1, 'a': i::INT}} AS pair FROM range(1, 200001) r(i))
            TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 30000)""")
        source = self.table("t", COLUMNS, file)
        shown = self.good(source + "SELECT * FROM t WHERE id = 199999")
        for text in ("199999", "99999.5", "249998.75", "n199999", "1969-12-31 23:59:59.999 ",
                     "2024-02-29 01:02:03.004005", "[1, 199999]", "(199999, b)"):
            self.assertIn(text, shown)
        self.assertIn("20000100000", self.good(source + "SELECT SUM(id) AS s FROM t"))
        wrong = run(source.replace("amount DECIMAL(12, 2)", "amounts DECIMAL(12, 2)") + "SELECT amounts FROM t")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn(f"'{file}' has no column 'amounts'. did you mean 'amount'?", wrong.stderr)

    def skipping_table(self):
        """30 row groups of 2048 rows, a row a second; those of the third are as early as those of the first."""
        file = self.path / "groups.parquet"
        duckdb.sql(f"""COPY (SELECT i AS id, 'name ' || (i // 10000) AS name,
            TIMESTAMP '2024-01-01' + INTERVAL (i - CASE WHEN i // 2048 = 2 THEN 4096 ELSE 0 END) SECOND AS at,
            CASE WHEN i % 3 = 0 THEN i END AS gap FROM range(0, 61440) r(i))
            TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 2048)""")
        return self.table("t", "id BIGINT, name STRING, at TIMESTAMP(3), gap BIGINT, WATERMARK FOR at AS at - "
                          "INTERVAL '10' SECOND", file)

    def rows_read(self, script):
        done = subprocess.run([PROGRAM, "sql", "-e", script], timeout=120, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = re.search(r"\bt: read (\d+) = ", done.stdout + done.stderr)
        return int(found.group(1)), done.stdout

    def test_conditions_skip_row_groups(self):
        source = self.skipping_table()
        for condition, groups in (("id >= 60000", 1), ("id < 3000", 2), ("id IN (5, 7000)", 2), ("40000 < id", 11),
                                  ("name = 'name 3'", 6), ("id BETWEEN 4096 AND 8191", 2), ("gap IS NULL", 30),
                                  ("id IS NULL", 0), ("at < TIMESTAMP '2024-01-01 00:30:00'", 2), ("gap > 61000", 1),
                                  ("id > 2000 AND id < 2100", 2), ("id < 10 OR id > 61000", 30), ("id + 0 < 10", 30)):
            query = f"SELECT COUNT(*) AS n, SUM(id) AS s FROM t WHERE {condition}"
            read, _ = self.rows_read(source + f"CREATE TABLE o (n BIGINT, s BIGINT) WITH ('connector' = 'blackhole');"
                                     f"INSERT INTO o {query}")
            self.assertEqual(read, groups * 2048, condition)
            columns = "(SELECT * REPLACE (CAST(\"at\" AS TIMESTAMP) AS \"at\") FROM '" + \
                str(self.path / "groups.parquet") + "')"
            wanted = duckdb.sql(query.replace("FROM t", f"FROM {columns}").replace("at <", '"at" <')).fetchall()[0]
            shown = self.good(source + query)
            for value in wanted if wanted[0] > 0 else ["0 rows"]:
                self.assertIn(str(value), shown, condition)
        plan = self.good(source + "EXPLAIN SELECT id FROM t WHERE id >= 60000 AND LOWER(name) <> 'x'")
        self.assertIn("skips what fails: (id >= 60000)\n", plan)
        # Not where somebody else reads the other rows, too.
        both = self.good(source + "EXPLAIN SELECT id FROM t WHERE id >= 60000 UNION ALL SELECT id FROM t WHERE id < 9")
        self.assertNotIn("skips what fails", both)

    def test_skipped_rows_move_the_watermark(self):
        source = self.skipping_table()
        query = """SELECT window_start, COUNT(*) AS n, SUM(id) AS s FROM TABLE(TUMBLE(TABLE {}, DESCRIPTOR(at),
            INTERVAL '1' MINUTE)) GROUP BY window_start, window_end"""
        results = []
        for kept, skips in (("id BETWEEN 4096 AND 6200", True), ("id + 0 BETWEEN 4096 AND 6200", False)):
            view = f"CREATE VIEW some AS SELECT id, at FROM t WHERE {kept};"
            explained = self.good(source + view + "EXPLAIN " + query.format("some"))
            self.assertEqual("skips what fails" in explained, skips)
            results.append(sorted(self.good(source + view + query.format("some")).splitlines()))
        self.assertEqual(results[0], results[1])
        self.assertIn("2024-01-01 01:42", "".join(results[0]))
        self.assertNotIn("2024-01-01 00:", "".join(results[0]), "the early rows are late: the rows before them are not")

    def test_null_in_not_null_column_is_a_dead_letter(self):
        file = self.path / "nulls.parquet"
        duckdb.sql(f"COPY (SELECT i AS id, CASE WHEN i % 10 = 3 THEN NULL ELSE 'n' || i END AS name "
                   f"FROM range(0, 100) r(i)) TO '{file}' (FORMAT parquet)")
        source = self.table("t", "id BIGINT, name STRING NOT NULL", file)
        self.assertIn("90", self.good(source + "SELECT COUNT(*) AS n, MIN(name) AS least FROM t"))
        folder = self.path / "job"
        done = subprocess.run([PROGRAM, "sql", "-q", "--folder", str(folder), "-e", source +
                               "CREATE TABLE o (n BIGINT, s STRING) WITH ('connector' = 'blackhole'); "
                               "INSERT INTO o SELECT id, name FROM t"], timeout=120, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        letters = [json.loads(line) for line in (folder / "dead_letter.json").read_text().splitlines()]
        self.assertEqual([json.loads(each["row"])["id"] for each in letters], list(range(3, 100, 10)))
        self.assertEqual(letters[0]["reason"], "field `name`: NULL, but the column is NOT NULL")
        self.assertEqual(letters[0]["split"], str(file))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = str(pathlib.Path(arguments.program).resolve())
    duckdb = find_duckdb()
    if duckdb is None:
        print(f"skipped: {DUCKDB} is not there and cannot be had by pip")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *rest])
