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
