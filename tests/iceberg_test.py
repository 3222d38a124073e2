#!/usr/bin/env python3
"""Iceberg tables against independent programs: pyiceberg reads what Millrace writes and the other way, DuckDB reads the
files that pyiceberg plans, Iceberg's Java library reads upserts, and its REST catalog takes commits, also ones whose
answers get lost.

usage: iceberg_test.py --program build/millrace
Skipped (exit code 77) where pyiceberg cannot be had; the REST catalog's tests, where that cannot be.
"""
import argparse
import datetime
import decimal
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import program_support  # noqa: E402
from program_support import Scripts, newest_checkpoint  # noqa: E402
from services import iceberg, s3  # noqa: E402

PROGRAM = ""
ROWS = 20000 if os.environ.get("MILLRACE_SANITIZE") else 100000
UTC = datetime.timezone.utc

TYPES = """flag BOOLEAN, tiny TINYINT, small SMALLINT, n INT, big BIGINT, f FLOAT, d DOUBLE, amount DECIMAL(9, 2),
  wide DECIMAL(30, 5), name STRING, raw BYTES, fixed BINARY(4), day DATE, at TIME(3), ts TIMESTAMP(3), fine TIMESTAMP(6),
  zoned TIMESTAMP_LTZ(3), tags ARRAY<INT>, counts MAP<STRING, BIGINT>, pair ROW<a INT, b ARRAY<STRING>>"""


def as_set(table):
    return sorted(map(tuple, (row.values() for row in table.to_pylist())), key=repr)


class Iceberg(Scripts):
    def table(self, columns, name="t", options="", tail="", kind="hadoop"):
        where = {"hadoop": f"'warehouse' = '{self.path}/wh'",
                 "jdbc": f"'catalog-type' = 'jdbc', 'uri' = 'jdbc:sqlite:{self.path}/cat.db', 'catalog-name' = 'c', "
                         f"'warehouse' = '{self.path}/wh'"}[kind]
        return f"CREATE TABLE {name} ({columns}) {tail} WITH ('connector' = 'iceberg', 'catalog-database' = 'db', " \
               f"{where}{', ' + options if options else ''});\n"

    def total(self, script):
        """The row of a query without GROUP BY, as it is in the end."""
        return self.rows(script)[-1][1:]

    def static(self, name="t"):
        """The table in the folder, as pyiceberg sees it."""
        from pyiceberg.table import StaticTable
        folder = self.path / "wh" / "db" / name / "metadata"
        newest = max(int(path.name[1:].split(".")[0]) for path in folder.glob("v*.metadata.json"))  # the hint may lag behind
        return StaticTable.from_metadata(str(folder / f"v{newest}.metadata.json"))

    def sql_catalog(self):
        from pyiceberg.catalog.sql import SqlCatalog
        catalog = SqlCatalog("c", uri=f"sqlite:///{self.path}/cat.db", warehouse=f"file://{self.path}/wh")
        catalog.create_namespace_if_not_exists("db")
        return catalog

    def files_of(self, table, **scan):
        return [task.file.file_path.replace("file://", "") for task in table.scan(**scan).plan_files()]


class Written(Iceberg):
    """Tables that Millrace writes."""

    def test_all_types(self):
        self.rows(self.table(TYPES) + """INSERT INTO t VALUES
          (TRUE, CAST(-128 AS TINYINT), CAST(5 AS SMALLINT), -7, 9000000000, CAST(0.5 AS FLOAT), -2.25E0, 1234567.89,
           -1234567890123456789012345.12345, 'h\u00e9 "x"', x'00ff', x'01020304', DATE '1969-12-31', TIME '12:34:56.789',
           TIMESTAMP '2024-02-29 23:59:59.999', TIMESTAMP '1960-01-01 00:00:00.000001', TO_TIMESTAMP_LTZ(1700000000123, 3),
           ARRAY[1, NULL, 3], MAP['a', CAST(1 AS BIGINT)], ROW(1, ARRAY['p', 'q'])),
          (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);""")
        table = self.static()
        rows = table.scan().to_arrow().to_pylist()
        self.assertEqual(len(rows), 2)
        full = next(row for row in rows if row["flag"] is not None)
        empty = next(row for row in rows if row["flag"] is None)
        self.assertEqual(set(empty.values()), {None})
        self.assertEqual(full, {
            "flag": True, "tiny": -128, "small": 5, "n": -7, "big": 9000000000, "f": 0.5, "d": -2.25,
            "amount": decimal.Decimal("1234567.89"), "wide": decimal.Decimal("-1234567890123456789012345.12345"),
            "name": "h\u00e9 \"x\"", "raw": b"\x00\xff", "fixed": b"\x01\x02\x03\x04", "day": datetime.date(1969, 12, 31),
            "at": datetime.time(12, 34, 56, 789000), "ts": datetime.datetime(2024, 2, 29, 23, 59, 59, 999000),
            "fine": datetime.datetime(1960, 1, 1, 0, 0, 0, 1),
            "zoned": datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC), "tags": [1, None, 3],
            "counts": [("a", 1)], "pair": {"a": 1, "b": ["p", "q"]}})
        # DuckDB reads the file itself: it must not need the metadata to make sense of it.
        import duckdb
        found = duckdb.sql(f"SELECT n, amount, wide, name, ts, pair.a FROM read_parquet({self.files_of(table)}) WHERE flag").fetchall()
        self.assertEqual(found, [(-7, decimal.Decimal("1234567.89"), decimal.Decimal("-1234567890123456789012345.12345"),
                                  "h\u00e9 \"x\"", datetime.datetime(2024, 2, 29, 23, 59, 59, 999000), 1)])
        # And Millrace reads it back.
        again = self.rows(self.table(TYPES) + "SELECT n, big, amount, wide, name, fixed, day, at, ts, fine, zoned, tags, counts, pair "
                          "FROM t WHERE flag;")
        self.assertEqual(len(again), 1)
        self.assertIn("1960-01-01 00:00:00.000001", again[0])

    def test_statistics_prune_files_of_others(self):
        """pyiceberg leaves files out by the bounds and partition values that Millrace has written."""
        columns = "id BIGINT, day DATE, name STRING, amount DECIMAL(9, 2), ts TIMESTAMP(3)"
        for i in range(4):
            self.rows(self.table(columns) + f"INSERT INTO t VALUES ({i * 10}, DATE '2024-01-0{i + 1}', '{'x' * 30}{i}', {i}.50, "
                      f"TIMESTAMP '2024-01-0{i + 1} 10:00:00'), ({i * 10 + 5}, DATE '2024-01-0{i + 1}', NULL, NULL, NULL);")
        table = self.static()
        self.assertEqual(len(self.files_of(table)), 4)
        for condition, files in (("id > 24", 2), ("id = 7", 0 + 0), ("day = '2024-01-02'", 1), ("amount < 1.00", 1),
                                 (f"name = '{'x' * 30}2'", 4), ("ts >= '2024-01-03T00:00:00'", 2), ("name is null", 4)):
            with self.subTest(condition):
                found = self.files_of(table, row_filter=condition)
                if condition == "id = 7":
                    self.assertEqual(found, [])
                else:
                    self.assertEqual(len(found), files)

    def test_partitions_by_all_transforms(self):
        columns = "id BIGINT, name STRING, day DATE, ts TIMESTAMP(3), zoned TIMESTAMP_LTZ(3), amount DECIMAL(9, 2)"
        options = "'partitioning' = 'bucket(4, id), truncate(2, name), month(day), hour(ts), year(zoned), amount'"
        script = self.table(columns, options=options)
        values = ", ".join(f"({i}, 'n{i % 3}{i}', DATE '2024-0{i % 3 + 1}-15', TIMESTAMP '2024-01-01 0{i % 5}:30:00', "
                           f"TO_TIMESTAMP_LTZ({i % 2} * 40000000000000, 3), {i % 2}.25)" for i in range(20))
        self.rows(script + f"INSERT INTO t VALUES {values}, (NULL, NULL, NULL, NULL, NULL, NULL);")
        table = self.static()
        self.assertEqual([str(field.transform) for field in table.spec().fields],
                         ["bucket[4]", "truncate[2]", "month", "hour", "year", "identity"])
        rows = table.scan().to_arrow().to_pylist()
        self.assertEqual(sorted((row["id"] for row in rows if row["id"] is not None)), list(range(20)))
        for i in range(20):  # each row is where pyiceberg's own transform looks for it
            found = table.scan(row_filter=f"id = {i}").to_arrow().to_pylist()
            self.assertEqual([row["id"] for row in found], [i])
        few = self.files_of(table, row_filter="ts >= '2024-01-01T04:00:00'")
        self.assertLess(len(few), len(self.files_of(table)) / 2)
        self.assertEqual(table.scan(row_filter="amount = 1.25").to_arrow().num_rows, 10)
        self.assertEqual(table.scan(row_filter="name is null").to_arrow().num_rows, 1)
        # By Millrace itself: the same rows, with and without conditions that prune.
        self.assertEqual(self.total(script + "SELECT COUNT(*), SUM(id) FROM t;"), ["21", "190"])
        self.assertEqual(self.rows(script + "SELECT id FROM t WHERE id = 7;"), [["7"]])
        self.assertEqual(self.total(script + "SELECT COUNT(*) FROM t WHERE ts >= TIMESTAMP '2024-01-01 04:00:00';"), ["4"])
        self.assertEqual(self.total(script + "SELECT COUNT(*) FROM t WHERE day = DATE '2024-02-15';"), ["7"])

    def test_columns_are_added(self):
        """Old rows are NULL in new columns, wherever those stand; a script that does not know them writes NULL."""
        self.rows(self.table("id BIGINT, name STRING") + "INSERT INTO t VALUES (1, 'a'), (2, 'b');")
        wider = "id BIGINT, amount DECIMAL(9, 2), name STRING, tags ARRAY<INT>"
        error = self.fails(self.table(wider) + "INSERT INTO t VALUES (3, 1.50, 'c', ARRAY[1]);")
        self.assertIn("amount", error)
        self.rows(self.table(wider, options="'schema.add-columns' = 'true'") + "INSERT INTO t VALUES (3, 1.50, 'c', ARRAY[1]), (4, NULL, 'd', NULL);")
        self.rows(self.table("id BIGINT, name STRING", options="'schema.add-columns' = 'true'") + "INSERT INTO t VALUES (5, 'e');")
        rows = sorted(self.static().scan().to_arrow().to_pylist(), key=lambda row: row["id"])
        wanted = [(1, "a", None, None), (2, "b", None, None), (3, "c", decimal.Decimal("1.50"), [1]), (4, "d", None, None), (5, "e", None, None)]
        self.assertEqual([(row["id"], row["name"], row["amount"], row["tags"]) for row in rows], wanted)
        fields = {field.name: field.field_id for field in self.static().schema().fields}
        self.assertEqual((fields["id"], fields["name"]), (1, 2))
        self.assertTrue(all(field.optional for field in self.static().schema().fields[2:]))
        self.assertEqual(len(self.static().schemas()), 2)
        self.assertEqual(sorted(self.rows(self.table(wider) + "SELECT id, amount FROM t;")),
                         [["1", "NULL"], ["2", "NULL"], ["3", "1.50"], ["4", "NULL"], ["5", "NULL"]])

    def test_partitioned_by_clause(self):
        script = self.table("id BIGINT, country STRING", tail="PARTITIONED BY (country)")
        self.rows(script + "INSERT INTO t VALUES (1, 'de'), (2, 'fr'), (3, 'de');")
        self.assertEqual(len(self.files_of(self.static(), row_filter="country = 'fr'")), 1)
        self.assertTrue(list((self.path / "wh/db/t/data").glob("country=de/*.parquet")))

    def test_sqlite_catalog_is_shared_with_pyiceberg(self):
        script = self.table("id BIGINT, name STRING", kind="jdbc")
        self.rows(script + "INSERT INTO t VALUES (1, 'a');")
        import pyarrow
        table = self.sql_catalog().load_table("db.t")
        self.assertEqual(as_set(table.scan().to_arrow()), [(1, "a")])
        table.append(pyarrow.table({"id": pyarrow.array([2], pyarrow.int64()), "name": ["b"]}))
        self.rows(script + "INSERT INTO t VALUES (3, 'c');")
        self.assertEqual(sorted(self.rows(script + "SELECT * FROM t;")), [["1", "a"], ["2", "b"], ["3", "c"]])
        table = self.sql_catalog().load_table("db.t")
        self.assertEqual(as_set(table.scan().to_arrow()), [(1, "a"), (2, "b"), (3, "c")])
        self.assertEqual([s.summary.operation.value for s in table.snapshots()], ["append"] * 3)


class Read(Iceberg):
    """Tables that pyiceberg writes."""

    def make(self, columns, spec=None):
        """A table in the SQLite catalog; `columns` as an Arrow schema."""
        catalog = self.sql_catalog()
        return catalog.create_table("db.t", schema=columns, **({"partition_spec": spec} if spec else {}))

    def test_all_types(self):
        import pyarrow as pa
        schema = pa.schema([("flag", pa.bool_()), ("n", pa.int32()), ("big", pa.int64()), ("f", pa.float32()), ("d", pa.float64()),
                            ("amount", pa.decimal128(9, 2)), ("name", pa.string()), ("raw", pa.binary()),
                            ("fixed", pa.binary(4)), ("day", pa.date32()), ("at", pa.time64("us")), ("ts", pa.timestamp("us")),
                            ("zoned", pa.timestamp("us", tz="UTC")), ("tags", pa.list_(pa.int32())),
                            ("counts", pa.map_(pa.string(), pa.int64())), ("pair", pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))]))])
        table = self.make(schema)
        row = {"flag": True, "n": -7, "big": 1 << 40, "f": 0.5, "d": 2.25, "amount": decimal.Decimal("12.50"), "name": "x", "raw": b"\x00",
               "fixed": b"abcd", "day": datetime.date(2024, 1, 2), "at": datetime.time(1, 2, 3), "ts": datetime.datetime(2024, 1, 2, 3, 4, 5, 6),
               "zoned": datetime.datetime(2024, 1, 2, tzinfo=UTC), "tags": [1, 2], "counts": [("k", 5)], "pair": {"a": 1, "b": ["z"]}}
        table.append(pa.Table.from_pylist([row, {}], schema=schema))
        columns = """flag BOOLEAN, n INT, big BIGINT, f FLOAT, d DOUBLE, amount DECIMAL(9, 2), name STRING, raw BYTES, fixed BINARY(4),
          day DATE, at TIME(3), ts TIMESTAMP(6), zoned TIMESTAMP_LTZ(6), tags ARRAY<INT>, counts MAP<STRING, BIGINT>, pair ROW<a INT, b ARRAY<STRING>>"""
        found = self.rows(self.table(columns, kind="jdbc") + "SELECT n, big, f, d, amount, name, day, at, ts, tags[2], counts['k'], pair.b[1] FROM t WHERE flag;")
        self.assertEqual(found, [["-7", str(1 << 40), "0.5", "2.25", "12.50", "x", "2024-01-02", "01:02:03", "2024-01-02 03:04:05.000006",
                                  "2", "5", "z"]])
        self.assertEqual(self.total(self.table(columns, kind="jdbc") + "SELECT COUNT(*), COUNT(flag) FROM t;"), ["2", "1"])

    def test_partitions_prune_and_read(self):
        import pyarrow as pa
        from pyiceberg.partitioning import PartitionField, PartitionSpec
        from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, TruncateTransform
        schema = pa.schema([("id", pa.int64()), ("ts", pa.timestamp("us")), ("country", pa.string()), ("name", pa.string())])
        catalog = self.sql_catalog()
        from pyiceberg.schema import Schema
        from pyiceberg.types import LongType, NestedField, StringType, TimestampType
        ice = Schema(NestedField(1, "id", LongType()), NestedField(2, "ts", TimestampType()), NestedField(3, "country", StringType()),
                     NestedField(4, "name", StringType()))
        spec = PartitionSpec(PartitionField(1, 1000, BucketTransform(8), "b"), PartitionField(2, 1001, DayTransform(), "d"),
                             PartitionField(3, 1002, IdentityTransform(), "c"), PartitionField(4, 1003, TruncateTransform(1), "t"))
        table = catalog.create_table("db.t", schema=ice, partition_spec=spec)
        table.append(pa.Table.from_pylist([{"id": i, "ts": datetime.datetime(2024, 1, i % 9 + 1, 5), "country": "cd"[i % 2], "name": f"n{i}"}
                                           for i in range(40)] + [{}], schema=schema))
        script = self.table("id BIGINT, ts TIMESTAMP(3), country STRING, name STRING", kind="jdbc")
        self.assertEqual(self.total(script + "SELECT COUNT(*), SUM(id) FROM t;"), ["41", "780"])
        self.assertEqual(self.rows(script + "SELECT name FROM t WHERE id = 17;"), [["n17"]])
        self.assertEqual(self.total(script + "SELECT COUNT(*) FROM t WHERE ts < TIMESTAMP '2024-01-03 00:00:00' AND country = 'c';"), ["5"])
        self.assertEqual(self.total(script + "SELECT COUNT(*) FROM t WHERE country IS NULL;"), ["1"])

    def test_evolution(self):
        """Columns added, renamed, dropped, reordered and widened: old files are read by field ids."""
        import pyarrow as pa
        from pyiceberg.types import DoubleType, LongType, StringType
        table = self.make(pa.schema([("id", pa.int32()), ("old", pa.string()), ("gone", pa.int32()), ("f", pa.float32())]))
        table.append(pa.table({"id": pa.array([1], pa.int32()), "old": ["a"], "gone": pa.array([9], pa.int32()), "f": pa.array([0.5], pa.float32())}))
        with table.update_schema() as update:
            update.rename_column("old", "name")
            update.delete_column("gone")
            update.update_column("id", LongType())
            update.update_column("f", DoubleType())
            update.add_column("extra", StringType())
            update.move_first("extra")
        with table.update_schema() as update:
            update.add_column("gone", StringType())  # the name again, another column
        table.append(pa.table({"extra": ["e"], "id": pa.array([1 << 40], pa.int64()), "name": ["b"], "f": [0.25], "gone": ["g"]}))
        script = self.table("id BIGINT, name STRING, f DOUBLE, extra STRING, gone STRING", kind="jdbc")
        self.assertEqual(sorted(self.rows(script + "SELECT * FROM t;")),
                         [["1", "a", "0.5", "NULL", "NULL"], [str(1 << 40), "b", "0.25", "e", "g"]])
        error = self.fails(self.table("old STRING", kind="jdbc") + "SELECT * FROM t;")
        self.assertIn("has no column 'old'", error)
        # Writing goes on with the new columns, and with some of them only.
        self.rows(self.table("id BIGINT, gone STRING", kind="jdbc") + "INSERT INTO t VALUES (3, 'h');")
        self.assertEqual(self.rows(script + "SELECT * FROM t WHERE id = 3;"), [["3", "NULL", "NULL", "NULL", "h"]])
        rows = self.sql_catalog().load_table("db.t").scan().to_arrow().to_pylist()
        self.assertEqual([row["gone"] for row in rows if row["id"] == 3], ["h"])

    def test_deletes_and_overwrites(self):
        import pyarrow as pa
        table = self.make(pa.schema([("id", pa.int64())]))
        table.append(pa.table({"id": pa.array(range(10), pa.int64())}))
        table.delete("id < 4")
        script = self.table("id BIGINT", kind="jdbc")
        self.assertEqual(self.total(script + "SELECT COUNT(*), MIN(id) FROM t;"), ["6", "4"])
        first = table.history()[0].snapshot_id
        past = self.table("id BIGINT", kind="jdbc", options=f"'snapshot-id' = '{first}'")
        self.assertEqual(self.total(past + "SELECT COUNT(*) FROM t;"), ["10"])
        table.manage_snapshots().create_tag(first, "v1").commit()
        tagged = self.table("id BIGINT", kind="jdbc", options="'tag' = 'v1'")
        self.assertEqual(self.total(tagged + "SELECT COUNT(*) FROM t;"), ["10"])
        self.assertIn("no branch or tag 'v2'", self.fails(self.table("id BIGINT", kind="jdbc", options="'tag' = 'v2'") + "SELECT * FROM t;"))


    def test_branches_and_times(self):
        import pyarrow as pa
        rows = lambda *ids: pa.table({"id": pa.array(ids, pa.int64())})
        table = self.make(rows(0).schema)
        table.append(rows(1))
        table.manage_snapshots().create_branch(table.current_snapshot().snapshot_id, "audit").commit()
        while time.time() * 1000 < table.current_snapshot().timestamp_ms + 2:
            time.sleep(0.001)
        table.append(rows(2))
        table.append(rows(30), branch="audit")
        read = lambda option, value: sorted(self.rows(self.table("id BIGINT", kind="jdbc", options=f"'{option}' = '{value}'") + "SELECT id FROM t;"))
        self.assertEqual(read("branch", "audit"), [["1"], ["30"]])
        self.assertEqual(read("branch", "main"), [["1"], ["2"]])
        first, second = [entry.timestamp_ms for entry in table.history()[:2]]
        self.assertEqual(read("as-of-timestamp", first), [["1"]])
        self.assertEqual(read("as-of-timestamp", second - 1), [["1"]])
        self.assertEqual(read("as-of-timestamp", second), [["1"], ["2"]])
        self.fails(self.table("id BIGINT", kind="jdbc", options=f"'as-of-timestamp' = '{first - 1}'") + "SELECT id FROM t;",
                   "as-of-timestamp", str(first - 1))
        self.assertIn("only the branch main can be written",
                      self.fails(self.table("id BIGINT", kind="jdbc", options="'branch' = 'audit'") + "INSERT INTO t VALUES (1);"))


class Upsert(Iceberg):
    COLUMNS = "id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED"

    def current_rows(self, name="t"):
        """The rows as Iceberg's own library reads them: pyiceberg reads no equality deletes."""
        try:
            return sorted(iceberg.java_rows(self.static(name).metadata_location))
        except iceberg.Unavailable as reason:
            self.skipTest(f"no Java library of Iceberg: {reason}")

    def test_upserts_and_deletes(self):
        script = self.table(self.COLUMNS)
        self.rows(script + "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (1, 'c'), (4, 'd');")
        self.assertEqual(self.current_rows(), [(1, "c"), (2, "b"), (4, "d")])
        # A running count updates its own rows again and again.
        self.rows(script + "INSERT INTO t SELECT id, CAST(COUNT(*) AS STRING) FROM (VALUES (1), (2), (1), (5), (1)) AS v (id) GROUP BY id;")
        expected = [(1, "3"), (2, "1"), (4, "d"), (5, "1")]
        self.assertEqual(self.current_rows(), expected)
        self.assertEqual(sorted(self.rows(script + "SELECT * FROM t;")), [[str(key), value] for key, value in expected])
        self.assertEqual(self.rows(script + "SELECT name FROM t WHERE id = 2;"), [["1"]])
        self.assertEqual(self.total(script + "SELECT COUNT(*) FROM t;"), ["4"])

    def test_a_changelog_with_deletes(self):
        """Deletes of rows of older snapshots and of rows that the epoch itself has written."""
        changes = self.path / "changes.json"
        source = f"CREATE TABLE c (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'filesystem', " \
            f"'path' = '{changes}', 'format' = 'debezium-json');\n"
        script = source + self.table(self.COLUMNS) + "INSERT INTO t SELECT * FROM c;"
        row = lambda id_, name: {"id": id_, "name": name}

        def apply(*records):
            changes.write_text("".join(json.dumps({"before": None, "after": None, **record}) + "\n" for record in records))
            self.rows(script)
            return self.current_rows()
        self.assertEqual(apply(*({"op": "c", "after": row(i, "a")} for i in range(5))), [(i, "a") for i in range(5)])
        left = apply({"op": "d", "before": row(0, "a")},
                     {"op": "u", "before": row(1, "a"), "after": row(1, "b")}, {"op": "d", "before": row(1, "b")},
                     {"op": "u", "before": row(2, "a"), "after": row(2, "b")}, {"op": "u", "before": row(2, "b"), "after": row(2, "c")},
                     {"op": "d", "before": row(3, "a")}, {"op": "c", "after": row(3, "again")},
                     {"op": "c", "after": row(6, "x")}, {"op": "d", "before": row(6, "x")}, {"op": "c", "after": row(7, "y")})
        self.assertEqual(left, [(2, "c"), (3, "again"), (4, "a"), (7, "y")])
        self.assertEqual(sorted(self.rows(self.table(self.COLUMNS) + "SELECT * FROM t;")), [[str(key), name] for key, name in left])

    def test_partitioned_by_the_key(self):
        script = self.table(self.COLUMNS, options="'partitioning' = 'bucket(3, id)'")
        for round_ in range(3):
            values = ", ".join(f"({i}, 'r{round_}')" for i in range(round_, 20))
            self.rows(script + f"INSERT INTO t VALUES {values};")
        expected = sorted((i, f"r{min(i, 2)}") for i in range(20))
        self.assertEqual(self.current_rows(), expected)
        self.assertEqual(sorted((int(key), value) for key, value in self.rows(script + "SELECT * FROM t;")), expected)


class Maintenance(Iceberg):
    def command(self, *args):
        done = subprocess.run([PROGRAM, "iceberg", *args, "--with", f"warehouse={self.path}/wh"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_compact_small_files(self):
        script = self.table("id BIGINT, day STRING", options="'partitioning' = 'day'")
        for i in range(6):
            self.rows(script + f"INSERT INTO t VALUES ({i}, 'mon'), ({i + 10}, 'tue');")
        self.assertEqual(len(self.files_of(self.static())), 12)
        self.assertIn("12 data files", self.command("compact", "db.t"))
        table = self.static()
        self.assertEqual(len(self.files_of(table)), 2)
        self.assertEqual(sorted(table.scan().to_arrow()["id"].to_pylist()), [*range(6), *range(10, 16)])
        self.assertEqual(table.current_snapshot().summary.operation.value, "replace")
        self.assertEqual(self.total(script + "SELECT COUNT(*), SUM(id) FROM t;"), ["12", "90"])
        self.assertIn(": 0 data files", self.command("compact", "db.t"))

    def test_compact_applies_deletes(self):
        """Then pyiceberg can read the table, which it cannot while there are equality deletes."""
        script = self.table(Upsert.COLUMNS)
        for i in range(3):
            self.rows(script + f"INSERT INTO t VALUES (1, 'a{i}'), (2, 'b{i}'), ({i + 3}, 'c'), (1, 'd{i}');")
        out = self.command("compact", "db.t")
        self.assertIn("3 data files", out)
        self.assertEqual(as_set(self.static().scan().to_arrow()), [(1, "d2"), (2, "b2"), (3, "c"), (4, "c"), (5, "c")])
        self.rows(script + "INSERT INTO t VALUES (2, 'z');")
        self.assertEqual(sorted(self.rows(script + "SELECT * FROM t;")), [["1", "d2"], ["2", "z"], ["3", "c"], ["4", "c"], ["5", "c"]])

    def test_procedures_in_sql(self):
        script = self.table("id BIGINT")
        for i in range(8):
            self.rows(script + f"INSERT INTO t VALUES ({i});")
        rewritten = self.rows(script + "CALL system.rewrite_data_files(table => 'db.t', options => MAP['min-input-files', '3']);")
        self.assertEqual((rewritten[0][:2], rewritten[0][3]), (["8", "1"], "0"))
        self.assertGreater(int(rewritten[0][2]), 1000)
        self.assertEqual(len(self.files_of(self.static())), 1)
        self.assertEqual(self.rows(script + "CALL lake.system.expire_snapshots('t', INTERVAL '1' DAY);"), [["0", "0"]])
        (expired,) = self.rows(script + "CALL system.expire_snapshots(table => 't', older_than => '0 s', retain_last => 2);")
        self.assertGreater(int(expired[0]), 3)
        self.assertGreater(int(expired[1]), 3)
        self.assertEqual(sorted(self.static().scan().to_arrow()["id"].to_pylist()), list(range(8)))
        orphan = self.path / "wh/db/t/data/left.parquet"
        orphan.write_bytes(b"x")
        os.utime(orphan, (1, 1))
        old = "older_than => TIMESTAMP '2020-01-01 00:00:00'"
        self.assertEqual(self.rows(script + f"CALL system.remove_orphan_files(table => 't', {old}, dry_run => TRUE);"), [["1"]])
        self.assertTrue(orphan.exists())
        self.assertEqual(self.rows(script + f"CALL system.remove_orphan_files({old}, table => 't');"), [["1"]])
        self.assertFalse(orphan.exists())
        self.assertEqual(self.total(script + "SELECT COUNT(*), SUM(id) FROM t;"), ["8", "28"])

    def test_errors_of_procedures(self):
        script = self.table("id BIGINT")
        self.fails(script + "CALL system.rewrite_files('t');", "there is no procedure 'rewrite_files'", "hint: there are rewrite_data_files")
        self.fails(script + "CALL system.expire_snapshots(table => 't', older => '1 d');", "has no argument 'older'", "older_than, retain_last")
        self.fails(script + "CALL system.expire_snapshots('t', table => 't');", "argument 'table' is given twice")
        self.fails(script + "CALL system.expire_snapshots('t', '1 d', 1, 2);", "takes fewer arguments")
        self.fails(script + "CALL system.expire_snapshots();", "wants an argument: table => 'name'")
        self.fails(script + "CALL system.expire_snapshots('nothing');", "line 2, column 30", "there is no table or view 'nothing'")
        self.fails(script + "CALL system.expire_snapshots('t', 'yesterday');", "hint: TIMESTAMP")
        self.fails(script + "CALL system.expire_snapshots('t', retain_last => 0);", "hint: 1 or more")
        self.fails(script + "CALL system.rewrite_data_files('t', 'sort');", "'binpack', the only one")
        self.fails(script + "CALL system.rewrite_data_files('t', options => MAP['x', '1']);", "'x' is none of target-file-size-bytes")
        self.fails(script + "CALL system.remove_orphan_files('t', '1 h');", "less than a day")
        self.fails(script + "CALL system.rewrite_data_files('t');", "'db.t' is not in the")
        self.fails("CREATE TABLE p (n INT) WITH ('connector' = 'print');\nCALL system.rewrite_data_files('p');",
                   "line 2, column 32", "works on tables of 'iceberg'")
        self.assertIn("CALL system.expire_snapshots(table, older_than, retain_last)", program_support.sql("HELP 'expire_snapshots';").stdout)

    def test_expire_and_orphans(self):
        script = self.table("id BIGINT")
        for i in range(8):
            self.rows(script + f"INSERT INTO t VALUES ({i});")
        self.command("compact", "db.t")
        before = set((self.path / "wh/db/t").rglob("*.*"))
        self.assertIn("snapshots expired", self.command("expire", "db.t", "--older-than", "0s"))
        table = self.static()
        self.assertLess(len(table.snapshots()), 9)
        self.assertEqual(sorted(table.scan().to_arrow()["id"].to_pylist()), list(range(8)))
        self.assertLess(len(set((self.path / "wh/db/t").rglob("*.*"))), len(before))
        orphan = self.path / "wh/db/t/data/left.parquet"
        orphan.write_bytes(b"x")
        self.assertIn("0 orphan files", self.command("orphans", "db.t"))
        for file in (self.path / "wh/db/t").rglob("*.*"):
            os.utime(file, (1, 1))
        self.assertIn(": 1 orphan files found", self.command("orphans", "db.t", "--dry-run"))
        self.assertTrue(orphan.exists())
        self.assertIn(": 1 orphan files removed", self.command("orphans", "db.t"))
        self.assertFalse(orphan.exists())
        self.assertEqual(self.total(script + "SELECT COUNT(*) FROM t;"), ["8"])


class Job(Iceberg):
    """Jobs that are killed, restored, doubled."""

    OFTEN = ("--set", "execution.checkpointing.interval=20ms", "--set", "millrace.queue-bytes=65536", "--set", "millrace.batch-rows=10")

    def input(self, rows):
        (self.path / "in.json").write_text("".join(json.dumps({"k": i % 50, "n": i}) + "\n" for i in range(rows)))
        return f"CREATE TABLE f (k INT, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '{self.path}/in.json', 'format' = 'json');\n"

    def start(self, script, *args, job="job"):
        path = self.path / f"{job}.sql"
        path.write_text(script)
        return subprocess.Popen([PROGRAM, "run", "-q", str(path), "--folder", str(self.path / job), *args],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self, process, timeout=180):
        error = process.communicate(timeout=timeout)[1]
        self.assertEqual(process.returncode, 0, error)
        return error

    def wait_for_checkpoints(self, process, count, job="job"):
        wanted = newest_checkpoint(self.path / job) + count
        deadline = time.monotonic() + 60
        while process.poll() is None and newest_checkpoint(self.path / job) < wanted:
            self.assertLess(time.monotonic(), deadline, "no checkpoint")
            time.sleep(0.002)

    def numbers(self, table):
        return sorted(table.scan(selected_fields=("n",)).to_arrow()["n"].to_pylist())

    def test_killed_and_restored(self):
        """kill -9 at random times: each row stands in the table once, the totals are right."""
        source = f"CREATE TABLE f (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '{ROWS // 10}', " \
            f"'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '{ROWS - 1}');\n"
        script = source + self.table("n BIGINT", name="appended") + \
            self.table("k INT, c BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED", name="totals") + \
            "BEGIN STATEMENT SET; INSERT INTO appended SELECT n FROM f; " \
            "INSERT INTO totals SELECT k, COUNT(*), SUM(n) FROM (SELECT CAST(MOD(n, 50) AS INT) AS k, n FROM f) GROUP BY k; END;"
        draw, kills, restore = random.Random(7), 0, ()
        for attempt in range(8):
            process = self.start(script, *self.OFTEN, *restore, "--workers", str(1 + attempt % 3))
            self.wait_for_checkpoints(process, 2)
            time.sleep(draw.random() * 0.1)
            if process.poll() is not None:
                self.finish(process)
                break
            process.kill()
            process.communicate()
            kills += 1
            restore = ("--restore", "latest")
        else:
            self.finish(self.start(script, "--set", "execution.checkpointing.interval=1s", *restore))
        self.assertGreaterEqual(kills, 4, "the job is too short to be killed")
        self.assertEqual(self.numbers(self.static("appended")), list(range(ROWS)))
        found = self.rows(self.table("k INT, c BIGINT, total BIGINT", name="totals") + "SELECT * FROM totals;")
        wanted = {k: (len(range(k, ROWS, 50)), sum(range(k, ROWS, 50))) for k in range(50)}
        self.assertEqual({int(k): (int(c), int(total)) for k, c, total in found}, wanted)
        epochs = [(s.summary["millrace.writer-id"], s.summary["millrace.epoch"]) for s in self.static("appended").snapshots()]
        self.assertEqual(len(epochs), len(set(epochs)), "an epoch was committed twice")

    def test_one_snapshot_for_each_epoch(self):
        source = "CREATE TABLE f (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000', " \
            "'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '1999');\n"
        process = self.start(source + self.table("n BIGINT") + "INSERT INTO t SELECT n FROM f;", *self.OFTEN)
        self.finish(process)
        snapshots = self.static().snapshots()
        self.assertGreater(len(snapshots), 1)
        epochs = [int(s.summary["millrace.epoch"]) for s in snapshots]
        self.assertEqual(epochs, sorted(set(epochs)))
        self.assertEqual(len({s.summary["millrace.job-id"] for s in snapshots}), 1)
        self.assertEqual(self.numbers(self.static()), list(range(2000)))

    def test_two_writers_at_once(self):
        for kind in ("hadoop", "jdbc"):
            with self.subTest(kind):
                name = f"t_{kind}"
                script = self.input(ROWS // 4) + self.table("n BIGINT", name=name, kind=kind, options="'commit.retry.num-retries' = '50'") + \
                    f"INSERT INTO {name} SELECT n FROM f;"
                processes = [self.start(script, *self.OFTEN, job=f"{kind}{i}") for i in range(2)]
                for process in processes:
                    self.finish(process)
                table = self.static(name) if kind == "hadoop" else self.sql_catalog().load_table(f"db.{name}")
                self.assertEqual(self.numbers(table), sorted(list(range(ROWS // 4)) * 2))

    def test_a_conflict_in_a_sqlite_catalog(self):
        """Another commit comes between the metadata that a writer has written and its swap in the database, which is locked meanwhile."""
        import pyarrow as pa
        self.rows(self.table("n BIGINT", kind="jdbc") + "INSERT INTO t VALUES (-1);")
        base = self.sql_catalog().load_table("db.t")
        # What pyiceberg commits is prepared in a copy of the catalog.
        shutil.copy(self.path / "cat.db", self.path / "copy.db")
        from pyiceberg.catalog.sql import SqlCatalog
        theirs = SqlCatalog("c", uri=f"sqlite:///{self.path}/copy.db", warehouse=f"file://{self.path}/wh").load_table("db.t")
        theirs.append(pa.table({"n": pa.array([-2], pa.int64())}))
        listed = lambda: {path.name for path in (self.path / "wh/db/t/metadata").glob("*.metadata.json")}
        known = listed()
        database = sqlite3.connect(self.path / "cat.db", isolation_level=None, timeout=60)
        self.addCleanup(database.close)
        database.execute("BEGIN IMMEDIATE")
        process = self.start(self.input(100) + self.table("n BIGINT", kind="jdbc") + "INSERT INTO t SELECT n FROM f;")
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 60
        while not listed() - known:
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        (loser,) = listed() - known
        changed = database.execute("UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = metadata_location "
                                   "WHERE metadata_location = ?", (theirs.metadata_location, base.metadata_location)).rowcount
        self.assertEqual(changed, 1)
        database.execute("COMMIT")
        self.finish(process)
        table = self.sql_catalog().load_table("db.t")
        self.assertEqual(self.numbers(table), [-2, -1, *range(100)])
        self.assertEqual(len(table.snapshots()), 3)
        self.assertEqual(table.snapshots()[2].parent_snapshot_id, theirs.current_snapshot().snapshot_id)
        self.assertNotIn(loser, listed())

    def test_older_savepoint_wants_allow_replay(self):
        """Rows since then are announced to come twice, and come so; nothing is lost."""
        count = 8000
        script = "CREATE TABLE f (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '4000', 'fields.n.kind' = 'sequence', " \
            f"'fields.n.start' = '0', 'fields.n.end' = '{count - 1}');\n" + self.table("n BIGINT") + "INSERT INTO t SELECT n FROM f;"
        process = self.start(script, *self.OFTEN)
        self.wait_for_checkpoints(process, 2)
        done = subprocess.run([PROGRAM, "stop", "--savepoint", "--to", str(self.path / "point"), str(self.path / "job")],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.finish(process)
        kept = self.numbers(self.static())
        self.finish(self.start(script, "--restore", "latest"))
        self.assertEqual(self.numbers(self.static()), list(range(count)))
        refused = self.start(script, "--restore", str(self.path / "point"))
        error = refused.communicate(timeout=60)[1]
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("--allow-replay", error)
        self.finish(self.start(script, "--restore", str(self.path / "point"), "--allow-replay"))
        self.assertEqual(self.numbers(self.static()), sorted([*range(count), *range(len(kept), count)]))

    def test_streaming_follows_new_snapshots(self):
        source = self.table("n BIGINT", name="s")
        self.rows(source + "INSERT INTO s VALUES (0), (1);")
        script = self.table("n BIGINT", name="s", options="'streaming' = 'true', 'monitor-interval' = '20 ms'") + \
            self.table("n BIGINT") + "INSERT INTO t SELECT n FROM s;"
        process = self.start(script, "--set", "execution.checkpointing.interval=50ms")

        def wait_for(count):
            deadline = time.monotonic() + 60
            while True:
                self.assertIsNone(process.poll())
                if (self.path / "wh/db/t/metadata/version-hint.text").exists() and len(self.numbers(self.static())) >= count:
                    return
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
        wait_for(2)
        self.rows(source + "INSERT INTO s VALUES (2);")
        wait_for(3)
        process.kill()
        process.communicate()
        self.rows(source + "INSERT INTO s VALUES (3);")
        self.rows(source + "INSERT INTO s VALUES (4);")
        process = self.start(script, "--set", "execution.checkpointing.interval=50ms", "--restore", "latest")
        wait_for(5)
        process.kill()
        process.communicate()
        self.assertEqual(self.numbers(self.static()), list(range(5)))


    def test_streaming_starts_behind_a_snapshot_and_passes_over_deletes(self):
        import pyarrow as pa
        rows = lambda *ids: pa.table({"n": pa.array(ids, pa.int64())})
        source = self.sql_catalog().create_table("db.s", schema=rows(0).schema)
        for each in range(3):
            source.append(rows(each, each + 10))
        first = source.history()[0].snapshot_id

        def script(more):
            return self.table("n BIGINT", name="s", kind="jdbc", options=f"'streaming' = 'true', 'monitor-interval' = '20 ms', {more}") + \
                self.table("n BIGINT") + "SET 'restart-strategy.type' = 'none'; INSERT INTO t SELECT n FROM s;"

        def wait_for(numbers):
            deadline = time.monotonic() + 60
            while not (self.path / "wh/db/t/metadata/version-hint.text").exists() or len(self.numbers(self.static())) < len(numbers):
                self.assertIsNone(process.poll())
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            self.assertEqual(self.numbers(self.static()), numbers)
        often = ("--set", "execution.checkpointing.interval=50ms")
        process = self.start(script(f"'start-snapshot-id' = '{first}', 'streaming-skip-overwrite-snapshots' = 'true'"), *often)
        self.addCleanup(process.kill)
        wait_for([1, 2, 11, 12])
        source.delete("n = 1")
        source.append(rows(3))
        wait_for([1, 2, 3, 11, 12])
        process.kill()
        process.communicate()
        refused = self.start(script(f"'start-snapshot-id' = '{first}'"), *often, job="refused")
        self.addCleanup(refused.kill)
        error = refused.communicate(timeout=60)[1]
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("hint: 'streaming-skip-overwrite-snapshots' = 'true'", error)
        unknown = self.start(script("'start-snapshot-id' = '12345'"), *often, job="unknown")
        self.addCleanup(unknown.kill)
        self.assertIn("there is no snapshot 12345", unknown.communicate(timeout=60)[1])

    def command(self, *args):
        done = subprocess.run([PROGRAM, "iceberg", *args], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_expire_keeps_refs_and_three_snapshots_of_each_job(self):
        import pyarrow as pa
        script = lambda n: self.table("n BIGINT", kind="jdbc") + f"INSERT INTO t VALUES ({n});"
        for job in range(2):
            for i in range(6):
                self.finish(self.start(script(job * 10 + i), job=f"j{job}"))
        table = self.sql_catalog().load_table("db.t")
        for n in range(100, 104):
            table.append(pa.table({"n": pa.array([n], pa.int64())}))
        snapshots = table.snapshots()
        jobs = [s.summary.additional_properties.get("millrace.job-id") for s in snapshots]
        self.assertEqual(len(set(jobs[:12])), 2)
        self.assertEqual(set(jobs[12:]), {None})
        ids = [s.snapshot_id for s in snapshots]
        table.manage_snapshots().create_tag(ids[0], "kept").commit()
        table.manage_snapshots().create_branch(ids[7], "side").commit()
        where = ("--with", "catalog-type=jdbc", "--with", "catalog-name=c", "--with", f"uri=jdbc:sqlite:{self.path}/cat.db")
        out = self.command("expire", "db.t", *where, "--older-than", "0s", "--retain-last", "2")
        kept = {ids[0], ids[7], *ids[3:6], *ids[9:12], *ids[14:]}
        self.assertIn(f"{16 - len(kept)} snapshots expired", out)
        table = self.sql_catalog().load_table("db.t")
        self.assertEqual({s.snapshot_id for s in table.snapshots()}, kept)
        self.assertEqual(set(table.refs()), {"main", "kept", "side"})
        everything = [*range(6), *range(10, 16), *range(100, 104)]
        self.assertEqual(self.numbers(table), everything)
        for snapshot in kept:  # nothing that they need is gone
            scan = table.scan(snapshot_id=snapshot, selected_fields=("n",)).to_arrow()["n"].to_pylist()
            self.assertEqual(sorted(scan), everything[:ids.index(snapshot) + 1])

    def test_orphans_of_a_killed_job(self):
        """A job is killed with a data file begun that no checkpoint knows, and never comes back."""
        script = self.table("n BIGINT", options="'write.target-file-size' = '1MB', 'parquet.block.size' = '256KB'")
        self.rows(script + "INSERT INTO t VALUES (1), (2);")
        folder = self.path / "wh/db/t"
        listed = lambda: {file for file in folder.rglob("*") if file.is_file()}
        known = listed()
        source = "CREATE TABLE f (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '200000');\n"
        process = self.start(source + script + "INSERT INTO t SELECT n FROM f;", "--set", "execution.checkpointing.interval=10min")
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 120
        while not any(file.stat().st_size > 0 for file in listed() - known):
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        process.kill()
        process.communicate()
        left = listed() - known
        where = ("db.t", "--with", f"warehouse={self.path}/wh")
        self.assertIn(": 0 orphan files", self.command("orphans", *where))
        for file in listed():
            os.utime(file, (1, 1))
        self.assertIn(f": {len(left)} orphan files found", self.command("orphans", *where, "--dry-run"))
        self.assertEqual(listed(), known | left)
        self.assertIn(f": {len(left)} orphan files removed", self.command("orphans", *where))
        self.assertEqual(listed(), known)
        self.assertEqual(self.numbers(self.static()), [1, 2])


class Rest(Job):
    """Iceberg's REST catalog, with a proxy that loses answers."""

    def setUp(self):
        super().setUp()
        try:
            self.catalog = iceberg.RestCatalog(self.path / "rest")
        except iceberg.Unavailable as reason:
            self.skipTest(f"no REST catalog: {reason}")
        self.addCleanup(self.catalog.__exit__)

    def rest_table(self, columns, name="t", options=""):
        return f"CREATE TABLE {name} ({columns}) WITH ('connector' = 'iceberg', 'catalog-type' = 'rest', 'catalog-database' = 'db', " \
               f"'uri' = '{self.catalog.uri}'{', ' + options if options else ''});\n"

    def load(self, name="t"):
        from pyiceberg.catalog.rest import RestCatalog
        return RestCatalog("rest", uri=self.catalog.direct_uri).load_table(f"db.{name}")

    def test_created_written_and_read(self):
        script = self.rest_table("id BIGINT, day DATE", options="'partitioning' = 'day(day)'")
        self.rows(script + "INSERT INTO t VALUES (1, DATE '2024-01-01'), (2, NULL);")
        self.rows(script + "INSERT INTO t VALUES (3, DATE '2024-01-02');")
        self.assertEqual(sorted(self.load().scan().to_arrow()["id"].to_pylist()), [1, 2, 3])
        self.assertEqual(sorted(self.rows(script + "SELECT id FROM t;")), [["1"], ["2"], ["3"]])
        self.assertEqual(len(self.load().snapshots()), 2)

    def lost_answers(self, how):
        self.catalog.how = how
        self.catalog.lose = 3
        process = self.start(self.input(ROWS) + self.rest_table("n BIGINT") + "INSERT INTO t SELECT n FROM f;",
                             "--set", "execution.checkpointing.interval=200ms")
        self.finish(process)
        self.assertGreater(self.catalog.lost, 0)
        self.assertEqual(self.numbers(self.load()), list(range(ROWS)))
        epochs = [s.summary["millrace.epoch"] for s in self.load().snapshots()]
        self.assertEqual(len(epochs), len(set(epochs)), "an epoch was committed twice")

    def test_commit_answers_500_after_it_was_applied(self):
        self.lost_answers("error")

    def test_commit_that_is_applied_is_never_answered(self):
        self.lost_answers("drop")

    def test_killed_while_answers_are_lost(self):
        self.catalog.how, self.catalog.lose = "drop", 1000
        script = self.input(ROWS) + self.rest_table("n BIGINT", options="'commit.retry.num-retries' = '0'") + "INSERT INTO t SELECT n FROM f;"
        restore = ()
        for _ in range(3):
            lost, deadline = self.catalog.lost, time.monotonic() + 120
            process = self.start(script, *self.OFTEN, *restore)
            while self.catalog.lost == lost:
                self.assertIsNone(process.poll(), "the job ended before an answer was lost")
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            process.kill()
            process.communicate()
            restore = ("--restore", "latest")
        self.catalog.lose = 0
        self.finish(self.start(script, "--set", "execution.checkpointing.interval=1s", *restore))
        self.assertGreaterEqual(self.catalog.lost, 3)
        self.assertEqual(self.numbers(self.load()), list(range(ROWS)))

    def killed_at_a_commit(self, when):
        """The restored job must find out whether the commit was done, and not send the rows a second time."""
        script = self.input(1000) + self.rest_table("n BIGINT") + "INSERT INTO t SELECT n FROM f;"
        self.rows(self.rest_table("n BIGINT") + "INSERT INTO t VALUES (-1);")
        self.catalog.hold(when)
        process = self.start(script, "--set", "execution.checkpointing.interval=10min")
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 120
        while not self.catalog.held.wait(0.1):
            self.assertIsNone(process.poll(), "the job ended before it was held")
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(newest_checkpoint(self.path / "job"), 1)
        process.kill()
        process.communicate()
        self.assertEqual(len(self.load().snapshots()), 1 if when == "before" else 2)
        self.catalog.release()
        commits = self.catalog.commits
        self.finish(self.start(script, "--restore", "latest"))
        self.assertEqual(self.catalog.commits - commits, 1 if when == "before" else 0)
        self.assertEqual(self.numbers(self.load()), [-1, *range(1000)])

    def test_killed_between_a_checkpoint_and_its_commit(self):
        self.killed_at_a_commit("before")

    def test_killed_between_a_commit_and_its_answer(self):
        self.killed_at_a_commit("after")

    def test_two_writers_get_conflicts(self):
        """Each of the first commits is held until the other writer has committed: it meets a table that it was not made for."""
        script = self.input(ROWS // 10) + self.rest_table("n BIGINT", options="'commit.retry.num-retries' = '50'") + "INSERT INTO t SELECT n FROM f;"
        self.rows(self.rest_table("n BIGINT") + "INSERT INTO t VALUES (-1);")
        self.catalog.overlap = 1
        processes = [self.start(script, *self.OFTEN, job=f"j{i}") for i in range(2)]
        for process in processes:
            self.addCleanup(process.kill)
        for process in processes:
            self.finish(process)
        self.assertEqual(self.catalog.overlap, 0)
        self.assertGreater(self.catalog.conflicts, 0)
        snapshots = self.load().snapshots()
        self.assertGreater(self.catalog.commits, len(snapshots))
        self.assertEqual(len({s.summary.additional_properties.get("millrace.job-id") for s in snapshots}), 3)
        self.assertEqual(self.numbers(self.load()), sorted([-1] + list(range(ROWS // 10)) * 2))

    def test_a_conflict_with_another_program(self):
        """The held commit adds to what pyiceberg has committed meanwhile, columns and all."""
        import pyarrow
        self.rows(self.rest_table("n BIGINT") + "INSERT INTO t VALUES (1);")
        self.catalog.overlap, self.catalog.conflicts = 1, 0
        process = self.start(self.input(100) + self.rest_table("n BIGINT") + "INSERT INTO t SELECT n FROM f;")
        self.addCleanup(process.kill)
        with self.catalog.changed:
            self.assertTrue(self.catalog.changed.wait_for(lambda: self.catalog.overlap == 0, 60))
        from pyiceberg.catalog.rest import RestCatalog
        theirs = RestCatalog("rest", uri=self.catalog.uri).load_table("db.t")
        theirs.append(pyarrow.table({"n": pyarrow.array([2], pyarrow.int64())}))
        self.finish(process)
        self.assertEqual(self.catalog.conflicts, 1)
        self.assertEqual(self.numbers(self.load()), sorted([1, 2, *range(100)]))

    def test_token(self):
        self.catalog.password, self.catalog.tokens = "pass-word-value", {"given-token": 1 << 30}
        insert = "INSERT INTO t VALUES (1);"
        self.fails(self.rest_table("n BIGINT") + insert, "401", "token")
        self.fails(self.rest_table("n BIGINT", options="'token' = 'other-token'") + insert, "401")
        script = self.rest_table("n BIGINT", options="'token' = '${env:LAKE_TOKEN}'")
        self.rows(script + insert, env={"LAKE_TOKEN": "given-token"})
        self.assertEqual(self.rows(script + "SELECT n FROM t;", env={"LAKE_TOKEN": "given-token"}), [["1"]])

    def test_credential(self):
        """A token is had for it, and another one when that one has expired."""
        self.catalog.password, self.catalog.uses, self.secret = "pass-word-value", 3, "pass-word-value"
        insert = "INSERT INTO t VALUES (1), (2);"
        self.fails(self.rest_table("n BIGINT", options="'credential' = 'user:wrong'") + insert, "credential", "401")
        script = self.rest_table("n BIGINT", options="'credential' = 'user:${env:LAKE_PASSWORD}', 'scope' = 'a b'")
        self.catalog.scopes.clear()
        self.rows(script + insert, env={"LAKE_PASSWORD": "pass-word-value"})
        self.assertGreaterEqual(len(self.catalog.tokens), 2)
        self.assertGreater(self.catalog.refused, 0)
        self.assertEqual(set(self.catalog.scopes), {"a b"})
        where = script.replace("catalog-type' = 'rest'", f"oauth2-server-uri' = '{self.catalog.uri}/elsewhere/oauth/tokens', 'catalog-type' = 'rest'")
        self.assertEqual(sorted(self.rows(where + "SELECT n FROM t;", env={"LAKE_PASSWORD": "pass-word-value"})), [["1"], ["2"]])

    # Those of the other catalogs are not repeated here.
    test_a_conflict_in_a_sqlite_catalog = test_killed_and_restored = test_one_snapshot_for_each_epoch = test_two_writers_at_once = None
    test_older_savepoint_wants_allow_replay = test_streaming_follows_new_snapshots = None
    test_streaming_starts_behind_a_snapshot_and_passes_over_deletes = test_orphans_of_a_killed_job = None
    test_expire_keeps_refs_and_three_snapshots_of_each_job = None


class ObjectStore(Iceberg):
    """A table on S3: the catalog is local, all files are objects."""

    def setUp(self):
        super().setUp()
        try:
            self.server = s3.Server()
        except s3.Unavailable as reason:
            self.skipTest(f"no S3 server: {reason}")
        self.addCleanup(self.server.__exit__)

    def on_s3(self, columns, options=""):
        return f"CREATE TABLE t ({columns}) WITH ('connector' = 'iceberg', 'catalog-type' = 'jdbc', 'catalog-name' = 'c', " \
               f"'uri' = 'jdbc:sqlite:{self.path}/cat.db', 'catalog-database' = 'db', 'warehouse' = 's3://lake/wh', " \
               f"{self.server.options()}{', ' + options if options else ''});\n"

    def test_written_and_read(self):
        script = self.on_s3("id BIGINT, day STRING", "'partitioning' = 'day'")
        self.rows(script + "INSERT INTO t VALUES (1, 'mon'), (2, 'tue');")
        self.rows(script + "INSERT INTO t VALUES (3, 'mon');")
        from pyiceberg.catalog.sql import SqlCatalog
        catalog = SqlCatalog("c", uri=f"sqlite:///{self.path}/cat.db", warehouse="s3://lake/wh", **{
            "s3.endpoint": self.server.endpoint, "s3.access-key-id": self.server.access, "s3.secret-access-key": self.server.secret,
            "s3.region": "us-east-1", "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"})
        table = catalog.load_table("db.t")
        self.assertEqual(as_set(table.scan().to_arrow()), [(1, "mon"), (2, "tue"), (3, "mon")])
        self.assertEqual(sorted(self.rows(script + "SELECT * FROM t;")), [["1", "mon"], ["2", "tue"], ["3", "mon"]])
        done = subprocess.run([PROGRAM, "iceberg", "compact", "db.t", "--with", "catalog-type=jdbc", "--with", "catalog-name=c", "--with",
                               f"uri=jdbc:sqlite:{self.path}/cat.db", "--with", f"s3.endpoint={self.server.endpoint}", "--with",
                               f"s3.access-key={self.server.access}", "--with", f"s3.secret-key={self.server.secret}"],
                              capture_output=True, text=True, timeout=60)
        self.assertIn("2 data files", done.stdout, done.stderr)
        self.assertEqual(self.total(script + "SELECT COUNT(*), SUM(id) FROM t;"), ["3", "6"])

    def test_upserts(self):
        script = self.on_s3(Upsert.COLUMNS)
        for name in "ab":
            self.rows(script + f"INSERT INTO t VALUES (1, '{name}'), (2, '{name}'), (1, '{name}{name}');")
        self.assertEqual(sorted(self.rows(script + "SELECT * FROM t;")), [["1", "bb"], ["2", "b"]])


class ConditionsProxy(s3.Proxy):
    """Before a server. `unconditional`: answers conditional writes as a store would that knows no conditions. `to_lose`: so many answers to
    commits of a table in a folder are lost."""

    unconditional = False

    def request(self, data, state):
        decided = super().request(data, state)
        head = data.split(b"\r\n\r\n", 1)[0].lower()
        if not head.split(b"\r\n", 1)[0].endswith(b" http/1.1"):
            return decided
        conditional = b"if-none-match: *" in head
        state["lied"] = conditional and self.unconditional
        if state["lied"]:
            return b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 0\r\n\r\n"
        with self.lock:
            state["lost"] = conditional and b".metadata.json http" in head and self.to_lose > 0
            self.to_lose -= state["lost"]
            self.lost += state["lost"]
        return decided


class FolderOnS3(Job):
    """A table in a folder of an object store: a commit is a conditional write."""

    def setUp(self):
        super().setUp()
        try:
            self.server = s3.Server()
        except s3.Unavailable as reason:
            self.skipTest(f"no S3 server: {reason}")
        self.addCleanup(self.server.__exit__)
        self.proxy = ConditionsProxy(self.server)
        self.addCleanup(self.proxy.__exit__)

    def folder(self, columns, endpoint=None, options=""):
        return f"CREATE TABLE t ({columns}) WITH ('connector' = 'iceberg', 'catalog-database' = 'db', 'warehouse' = 's3://lake/wh', " \
               f"{self.server.options(endpoint)}{', ' + options if options else ''});\n"

    def versions(self):
        return sorted(key.rsplit("/", 1)[1] for key in self.server.list("wh/db/t/metadata/") if key.endswith(".metadata.json"))

    def load(self):
        """The newest version, as pyiceberg sees it."""
        from pyiceberg.table import StaticTable
        newest = max(self.versions(), key=lambda name: int(name[1:].split(".")[0]))
        return StaticTable.from_metadata(f"s3://lake/wh/db/t/metadata/{newest}", {
            "s3.endpoint": self.server.endpoint, "s3.access-key-id": self.server.access, "s3.secret-access-key": self.server.secret,
            "s3.region": "us-east-1", "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"})

    def test_written_and_read(self):
        script = self.folder("id BIGINT NOT NULL, name STRING, PRIMARY KEY (id) NOT ENFORCED")
        for name in "ab":
            self.rows(script + f"INSERT INTO t VALUES (1, '{name}'), (2, '{name}'), (1, '{name}{name}');")
        self.assertEqual(sorted(self.rows(script + "SELECT * FROM t;")), [["1", "bb"], ["2", "b"]])
        self.rows(script + "CALL system.rewrite_data_files('t');")
        self.assertEqual(as_set(self.load().scan().to_arrow()), [(1, "bb"), (2, "b")])
        self.assertEqual(self.versions(), ["v1.metadata.json", "v2.metadata.json", "v3.metadata.json", "v4.metadata.json"])
        self.assertEqual([key for key in self.server.list("wh/") if key.endswith(".tmp")], [])

    def test_a_conflict(self):
        """The first commit is held until somebody else has committed: the condition fails, and the epoch is committed on top."""
        self.rows(self.folder("n BIGINT") + "INSERT INTO t VALUES (-1);")
        self.proxy.hold("PUT ", "/v3.metadata.json ")
        process = self.start(self.input(100) + self.folder("n BIGINT", self.proxy.endpoint) + "INSERT INTO t SELECT n FROM f;")
        self.addCleanup(process.kill)
        self.assertTrue(self.proxy.held.wait(60))
        self.rows(self.folder("n BIGINT") + "INSERT INTO t VALUES (-2);")
        self.proxy.release()
        self.finish(process)
        self.assertEqual(self.numbers(self.load()), [-2, -1, *range(100)])
        self.assertEqual(len(self.load().snapshots()), 3)

    def test_the_answer_to_a_commit_is_lost(self):
        self.rows(self.folder("n BIGINT") + "INSERT INTO t VALUES (-1);")
        self.proxy.lose_answers(1)
        self.rows(self.folder("n BIGINT", self.proxy.endpoint) + "INSERT INTO t VALUES (1), (2);")
        self.assertEqual(self.proxy.lost, 1)
        self.assertEqual(self.numbers(self.load()), [-1, 1, 2])
        self.assertEqual(len(self.load().snapshots()), 2)

    def test_a_store_without_conditions(self):
        self.rows(self.folder("n BIGINT") + "INSERT INTO t VALUES (1);")
        self.proxy.unconditional = True
        script = self.folder("n BIGINT", self.proxy.endpoint)
        self.fails(script + "INSERT INTO t VALUES (2);", "although it is asked not to", "hint: 'catalog-type' = 'rest' or 'jdbc'")
        self.assertEqual(self.rows(script + "SELECT n FROM t;"), [["1"]])

    def test_killed_and_restored(self):
        script = self.input(ROWS // 4) + self.folder("n BIGINT") + "INSERT INTO t SELECT n FROM f;"
        for kill in range(3):
            process = self.start(script, *self.OFTEN, *(("--restore", "latest") if kill else ()))
            self.wait_for_checkpoints(process, 3)
            process.kill()
            process.communicate()
        self.finish(self.start(script, *self.OFTEN, "--restore", "latest"))
        self.assertEqual(self.numbers(self.load()), list(range(ROWS // 4)))


# Those of the other catalogs are not repeated here.
for name in set(dir(Job)) - set(vars(FolderOnS3)):
    if name.startswith("test_"):
        setattr(FolderOnS3, name, None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    arguments, rest = parser.parse_known_args()
    PROGRAM = program_support.use(arguments.program)
    try:
        iceberg.reader()
    except iceberg.Unavailable as reason:
        print(f"SKIPPED: {reason}")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *rest])
