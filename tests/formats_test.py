#!/usr/bin/env python3
"""Formats of messages and files against programs that others wrote: fastavro, google.protobuf, a real schema registry
and a real Kafka broker.

usage: formats_test.py --program build/millrace
Exits with 77 (skipped) where the readers cannot be had; without a broker or a registry, their tests are skipped.
"""
import argparse
import datetime
import decimal
import io
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import program_support  # noqa: E402
from program_support import Scripts, sql  # noqa: E402
from services import kafka, registry  # noqa: E402

BROKER = REGISTRY = None
WHY = {"broker": "", "registry": ""}


COLUMNS = "id BIGINT NOT NULL, b BOOLEAN, i INT, f FLOAT, d DOUBLE, m DECIMAL(12, 3), s STRING, y BYTES, da DATE, " \
          "ti TIME(3), ts TIMESTAMP(3), a ARRAY<INT>, mp MAP<STRING, BIGINT>, r ROW<x INT, y STRING>"
VALUES = "(1, TRUE, -7, CAST(1.5 AS FLOAT), 0.1E0, CAST(-12345.678 AS DECIMAL(12, 3)), 'gr\u00fcn', x'00ff', DATE '2024-02-29', " \
         "TIME '12:34:56', TIMESTAMP '1969-12-31 23:59:59.999', ARRAY[1, 2], MAP['k', CAST(5 AS BIGINT)], ROW(3, 'z'))"
NULLS = "(2, CAST(NULL AS BOOLEAN), CAST(NULL AS INT), CAST(NULL AS FLOAT), CAST(NULL AS DOUBLE), CAST(NULL AS DECIMAL(12, 3)), " \
        "CAST(NULL AS STRING), CAST(NULL AS BYTES), CAST(NULL AS DATE), CAST(NULL AS TIME(3)), CAST(NULL AS TIMESTAMP(3)), " \
        "CAST(NULL AS ARRAY<INT>), CAST(NULL AS MAP<STRING, BIGINT>), CAST(NULL AS ROW<x INT, y STRING>))"
UTC = datetime.timezone.utc
RECORD = {"id": 1, "b": True, "i": -7, "f": 1.5, "d": 0.1, "m": decimal.Decimal("-12345.678"), "s": "gr\u00fcn", "y": b"\0\xff",
          "da": datetime.date(2024, 2, 29), "ti": datetime.time(12, 34, 56),
          "ts": datetime.datetime(1969, 12, 31, 23, 59, 59, 999000, UTC), "a": [1, 2], "mp": {"k": 5}, "r": {"x": 3, "y": "z"}}
NULL_RECORD = {name: 2 if name == "id" else None for name in RECORD}


class Case(Scripts):
    def reasons(self):
        lines = (self.path / "job/dead_letter.json").read_text().splitlines()
        return [json.loads(line)["reason"] for line in lines]

    def files(self, name, columns, options=""):
        return f"CREATE TABLE {name} ({columns}) WITH ('connector' = 'filesystem', 'path' = '{self.path / name}', " \
               f"'format' = 'avro'{options});\n"


class AvroFiles(Case):
    def test_fastavro_reads_what_is_written(self):
        import fastavro
        for codec in ("null", "deflate"):
            name = "o_" + codec
            self.rows(self.files(name, COLUMNS, f", 'avro.codec' = '{codec}'") + f"INSERT INTO {name} VALUES {VALUES}, {NULLS};")
            files = [each for each in (self.path / name).iterdir() if not each.name.startswith(".")]
            self.assertEqual(len(files), 1, files)
            with open(files[0], "rb") as file:
                reader = fastavro.reader(file)
                self.assertEqual(list(reader), [RECORD, NULL_RECORD])
                self.assertEqual(reader.writer_schema["name"], "org.apache.flink.avro.generated.record")
                self.assertEqual(reader.codec, codec)
            self.assertEqual(self.rows(self.files(name, COLUMNS) + f"SELECT id, s, mp, r FROM {name};"),
                             [["1", "gr\u00fcn", "{k=5}", "(3, z)"], ["2", "NULL", "NULL", "NULL"]])

    def test_snappy_by_default_and_many_blocks(self):
        columns = "id BIGINT, t STRING"
        self.rows(self.files("o", columns) + "CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '100000', "
                  "'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '100000');"
                  "INSERT INTO o SELECT id, CONCAT('text ', CAST(id AS STRING)) FROM g;")
        self.assertEqual(self.rows(self.files("o", columns) + "SELECT COUNT(*) AS c, SUM(id) AS s, MAX(CHAR_LENGTH(t)) AS l FROM o;")[-1][1:],
                         ["100000", "5000050000", "11"])
        self.fails(self.files("p", columns, ", 'avro.codec' = 'xz'") + "INSERT INTO p VALUES (1, 'a');", "unknown Avro codec 'xz'")

    def test_what_fastavro_writes_is_read(self):
        import fastavro
        schema = fastavro.parse_schema({"type": "record", "name": "other.Name", "fields": [
            {"name": "gone", "type": {"type": "map", "values": ["null", "string", {"type": "array", "items": "double"}]}},
            {"name": "id", "type": "int"},
            {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}},
            {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
            {"name": "m", "type": {"type": "fixed", "name": "F", "size": 5, "logicalType": "decimal", "precision": 10, "scale": 2}},
            {"name": "list", "type": {"type": "array", "items": {"type": "record", "name": "I", "fields": [
                {"name": "n", "type": ["null", "long"]}, {"name": "tail", "type": ["null", "I"]}]}}}]})
        at = datetime.datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)
        records = [{"gone": {"a": None, "b": "x", "c": [1.0]}, "id": i, "kind": "B" if i % 2 else "A", "at": at if i % 3 else None,
                    "m": decimal.Decimal(i) / 4, "list": [{"n": i, "tail": {"n": None, "tail": None}}]} for i in range(5000)]
        (self.path / "t").mkdir()
        for codec in ("null", "deflate"):
            with open(self.path / f"t/{codec}.avro", "wb") as file:
                fastavro.writer(file, schema, records, codec=codec, sync_interval=4000)
        columns = "id BIGINT, kind STRING, at TIMESTAMP_LTZ(6), m DECIMAL(12, 3), list ARRAY<ROW<n BIGINT>>, added STRING"
        script = self.files("t", columns)
        self.assertEqual(self.rows(script + "SELECT id, kind, at, m, list, added FROM t WHERE id = 7;"),
                         [["7", "B", "2024-01-02 03:04:05.678901", "1.750", "[(7)]", "NULL"]] * 2)
        self.assertEqual(self.rows(script + "SELECT COUNT(*) AS c, SUM(id) AS s, COUNT(at) AS a FROM t;")[-1][1:],
                         ["10000", str(2 * sum(range(5000))), str(2 * sum(1 for i in range(5000) if i % 3))])
        whole = (self.path / "t/null.avro").read_bytes()
        (self.path / "t/null.avro").write_bytes(whole[:-100])
        self.fails(script + "SELECT COUNT(*) AS c FROM t;", "null.avro' at byte", "cut off")
        (self.path / "t/null.avro").write_bytes(b"no such file")
        self.fails(script + "SELECT COUNT(*) AS c FROM t;", "no Avro container file")
        self.fails(self.files("t", "kind INT") + "SELECT kind FROM t;", "column `kind` is INT", "enum other.K")


class Messages(Case):
    def setUp(self):
        super().setUp()
        if BROKER is None:
            self.skipTest(WHY["broker"])
        self.topic = BROKER.create("t" + os.urandom(6).hex())

    def table(self, name, columns, options, scan=True):
        scan = "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', " if scan else ""
        return f"CREATE TABLE {name} ({columns}) WITH ('connector' = 'kafka', 'topic' = '{self.topic}', {scan}" \
               f"'properties.bootstrap.servers' = '{BROKER.servers}', {options});\n"

    def fill(self, values):
        producer = BROKER.producer()
        for value in values:
            producer.produce(self.topic, value)
        producer.flush(30)

    def values(self):
        return [message.value() for message in BROKER.consume(self.topic)]


def flink_schema():
    """As Flink's AvroSchemaConverter derives it from COLUMNS, written down by hand."""
    def field(name, kind):
        return {"name": name, "type": ["null", kind], "default": None}
    return {"type": "record", "name": "record", "namespace": "org.apache.flink.avro.generated", "fields": [
        {"name": "id", "type": "long"}, field("b", "boolean"), field("i", "int"), field("f", "float"), field("d", "double"),
        field("m", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}), field("s", "string"), field("y", "bytes"),
        field("da", {"type": "int", "logicalType": "date"}), field("ti", {"type": "int", "logicalType": "time-millis"}),
        field("ts", {"type": "long", "logicalType": "timestamp-millis"}), field("a", {"type": "array", "items": ["null", "int"]}),
        field("mp", {"type": "map", "values": ["null", "long"]}),
        field("r", {"type": "record", "name": "record_r", "fields": [field("x", "int"), field("y", "string")]})]}


def written(schema, record):
    import fastavro
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()


def read(schema, data):
    import fastavro
    return fastavro.schemaless_reader(io.BytesIO(data), schema)


class AvroMessages(Messages):
    def test_round_trip_with_fastavro(self):
        import fastavro
        schema = fastavro.parse_schema(flink_schema())
        script = self.table("k", COLUMNS, "'format' = 'avro'")
        self.rows(script + f"INSERT INTO k VALUES {VALUES}, {NULLS};")
        self.assertEqual([read(schema, value) for value in self.values()], [RECORD, NULL_RECORD])
        self.fill([written(schema, {**RECORD, "id": 3}), b"garbage", None, written(schema, {**NULL_RECORD, "id": 4})])
        rows = self.rows(script + "SELECT id, m, s, da, ti, ts, a, mp, r FROM k WHERE id > 2;", "--folder", str(self.path / "job"))
        self.assertEqual(rows, [["3", "-12345.678", "gr\u00fcn", "2024-02-29", "12:34:56", "1969-12-31 23:59:59.999", "[1, 2]", "{k=5}", "(3, z)"],
                                ["4", *["NULL"] * 8]])
        self.assertEqual(len(self.reasons()), 1)


    def test_round_trip_of_its_json_with_fastavro(self):
        import fastavro
        schema = fastavro.parse_schema(flink_schema())
        script = self.table("k", COLUMNS, "'format' = 'avro', 'avro.encoding' = 'json'")
        self.rows(script + f"INSERT INTO k VALUES {VALUES}, {NULLS};")
        self.assertEqual([next(fastavro.json_reader(io.StringIO(value.decode()), schema)) for value in self.values()], [RECORD, NULL_RECORD])
        text = io.StringIO()
        fastavro.json_writer(text, schema, [{**RECORD, "id": 3}])
        self.fill([text.getvalue(), b"garbage"])
        rows = self.rows(script + "SELECT id, m, s, y, da, ti, ts, a, mp, r FROM k WHERE id > 2;", "--folder", str(self.path / "job"))
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0][:3], ["3", "-12345.678", "gr\u00fcn"])
        self.assertEqual(rows[0][4:], ["2024-02-29", "12:34:56", "1969-12-31 23:59:59.999", "[1, 2]", "{k=5}", "(3, z)"])
        self.assertEqual(len(self.reasons()), 1)


class Confluent(Messages):
    def setUp(self):
        super().setUp()
        if REGISTRY is None:
            self.skipTest(WHY["registry"])

    def confluent(self, name, columns, url=None, more="", scan=True):
        return self.table(name, columns, f"'format' = 'avro-confluent', 'avro-confluent.url' = '{url or REGISTRY.url}'{more}", scan)

    def test_registers_and_writes(self):
        import fastavro
        self.rows(self.confluent("k", COLUMNS) + f"INSERT INTO k VALUES {VALUES}, {NULLS};")
        first, second = self.values()
        self.assertEqual(first[:1], b"\0")
        schema = REGISTRY.schema(int.from_bytes(first[1:5], "big"))
        self.assertEqual(schema, flink_schema())
        schema = fastavro.parse_schema(schema)
        self.assertEqual([read(schema, first[5:]), read(schema, second[5:])], [RECORD, NULL_RECORD])
        self.assertEqual(REGISTRY.ask("GET", f"/subjects/{self.topic}-value/versions"), [1])
        self.assertEqual(self.rows(self.confluent("k", COLUMNS) + "SELECT id, r FROM k;"), [["1", "(3, z)"], ["2", "NULL"]])

    def test_reads_schemas_as_they_evolve(self):
        import fastavro
        old = {"type": "record", "name": "e", "fields": [{"name": "id", "type": "int"}, {"name": "old", "type": "string"}]}
        new = {"type": "record", "name": "e", "fields": [{"name": "note", "type": ["null", "string"], "default": None}, {"name": "id", "type": "long"},
                                                         {"name": "old", "type": "string"}]}
        messages, ids = [], []
        for version, record in ((old, {"id": 1, "old": "a"}), (new, {"id": 2, "note": "n", "old": "b"}), (old, {"id": 3, "old": "c"})):
            ids.append(REGISTRY.register(self.topic + "-value", version))
            messages.append(b"\0" + ids[-1].to_bytes(4, "big") + written(fastavro.parse_schema(version), record))
        self.assertEqual(ids[0], ids[2])
        unknown = b"\0" + (2**31 - 1).to_bytes(4, "big") + b"\2"
        self.fill([*messages, unknown, b"\1no", messages[0][:6]])
        rows = self.rows(self.confluent("k", "id BIGINT, note STRING") + "SELECT id, note FROM k;", "--folder", str(self.path / "job"))
        self.assertEqual(rows, [["1", "NULL"], ["2", "n"], ["3", "NULL"]])
        reasons = self.reasons()
        self.assertEqual(len(reasons), 3)
        self.assertIn("the schema registry has no schema 2147483647", reasons[0])
        self.assertIn("does not begin with a zero byte", reasons[1])

    def test_an_incompatible_schema_is_refused(self):
        REGISTRY.register(self.topic + "-value", {"type": "record", "name": "e", "fields": [{"name": "id", "type": "string"}]})
        REGISTRY.ask("PUT", f"/config/{self.topic}-value", {"compatibility": "BACKWARD"})
        self.fails(self.confluent("k", "id BIGINT NOT NULL") + "INSERT INTO k VALUES (1);", "not compatible", f"{self.topic}-value")

    def test_a_schema_of_ones_own(self):
        import fastavro
        schema = {"type": "record", "name": "shop.Order", "fields": [{"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}},
                                                                     {"name": "id", "type": "long"}]}
        text = json.dumps(schema)
        self.rows(self.confluent("k", "id INT NOT NULL, kind STRING NOT NULL", more=f", 'avro-confluent.schema' = '{text}', "
                                 "'avro-confluent.subject' = 'mine'") + "INSERT INTO k VALUES (5, 'B');")
        message, = self.values()
        self.assertEqual(read(fastavro.parse_schema(schema), message[5:]), {"kind": "B", "id": 5})
        self.assertIn("mine", REGISTRY.ask("GET", "/subjects"))

    def test_a_registry_that_is_away(self):
        url = f"http://127.0.0.1:{registry.free_port()}"
        self.fails(self.confluent("k", "id BIGINT", url) + "INSERT INTO k VALUES (1);", "the schema registry does not answer", url)
        self.fails(self.table("k", "id BIGINT", "'format' = 'avro-confluent'") + "SELECT id FROM k;", "missing option 'avro-confluent.url'")
        both = f"{url},{REGISTRY.url}"
        self.rows(self.confluent("k", "id BIGINT", both) + "INSERT INTO k VALUES (1);")
        self.assertEqual(self.rows(self.confluent("k", "id BIGINT", both) + "SELECT id FROM k;"), [["1"]])


class Https(Messages):
    """TLS, passwords and failures, against a stand-in for the registry."""
    SCHEMA = {"type": "record", "name": "r", "fields": [{"name": "id", "type": "long"}]}

    def read(self, stand_in, more):
        return self.table("k", "id BIGINT", f"'format' = 'avro-confluent', 'avro-confluent.url' = '{stand_in.url}'{more}") + "SELECT id FROM k;"

    def test_tls_password_and_retries(self):
        self.fill([b"\0\0\0\0\5\x0e"])
        trust = ", 'avro-confluent.ssl.truststore.location' = '{}', 'avro-confluent.basic-auth.credentials-source' = 'USER_INFO', " \
                "'avro-confluent.basic-auth.user-info' = '{}'"
        with registry.StandIn(self.path, {"5": self.SCHEMA}, "me:pa55", [(500, {"message": "busy"}), (503, {})]) as stand_in:
            right = self.read(stand_in, trust.format(stand_in.authority, "me:pa55"))
            self.assertEqual(self.rows(right), [["7"]])
            self.assertEqual([path for _, path, _ in stand_in.requests], ["/schemas/ids/5"] * 3)
            self.fails(self.read(stand_in, trust.format(stand_in.authority, "me:no")), "HTTP 401: who are you?")
            shown = self.fails(self.read(stand_in, ""), "certificate")
            self.assertNotIn("pa55", shown)
            done = sql(right.replace("SELECT id FROM k", "SHOW CREATE TABLE k"))
            self.assertNotIn("pa55", done.stdout + done.stderr)
            stand_in.failures = [(500, {"message": "out of order"})] * 9
            self.fails(right, "asked 5 times", "HTTP 500: out of order")


class Protobuf(Messages):
    def descriptors(self):
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
        file = descriptor_pb2.FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3")
        Type = descriptor_pb2.FieldDescriptorProto
        color = file.enum_type.add(name="Color")
        color.value.add(name="RED", number=0)
        color.value.add(name="BLUE", number=2)
        item = file.message_type.add(name="Item")
        item.field.add(name="name", number=1, type=Type.TYPE_STRING, label=1)
        order = file.message_type.add(name="Order")
        entry = order.nested_type.add(name="CountsEntry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=Type.TYPE_STRING, label=1)
        entry.field.add(name="value", number=2, type=Type.TYPE_INT64, label=1)
        order.oneof_decl.add(name="_who")
        order.field.add(name="id", number=1, type=Type.TYPE_SINT64, label=1)
        order.field.add(name="who", number=2, type=Type.TYPE_STRING, label=1, oneof_index=0, proto3_optional=True)
        order.field.add(name="xs", number=3, type=Type.TYPE_INT32, label=3)
        order.field.add(name="items", number=4, type=Type.TYPE_MESSAGE, type_name=".shop.Item", label=3)
        order.field.add(name="counts", number=500, type=Type.TYPE_MESSAGE, type_name=".shop.Order.CountsEntry", label=3)
        order.field.add(name="color", number=6, type=Type.TYPE_ENUM, type_name=".shop.Color", label=1)
        order.field.add(name="d", number=1000, type=Type.TYPE_DOUBLE, label=1)
        order.field.add(name="item", number=8, type=Type.TYPE_MESSAGE, type_name=".shop.Item", label=1)
        (self.path / "shop.proto").write_text("""syntax = "proto3";
            package shop;  // the same as text
            enum Color { RED = 0; BLUE = 2; }
            message Item { string name = 1; }
            message Order {
              sint64 id = 1; optional string who = 2; repeated int32 xs = 3; repeated Item items = 4; map<string, int64> counts = 500;
              Color color = 6; double d = 1000; Item item = 8;
            }""")
        (self.path / "shop.desc").write_bytes(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))

    def test_round_trip_with_google(self):
        self.round_trip("shop.desc")

    def test_round_trip_with_google_by_the_proto_file(self):
        self.round_trip("shop.proto")

    def round_trip(self, descriptor_file):
        Order = self.descriptors()
        script = self.table("k", "id BIGINT, who STRING, xs ARRAY<INT>, items ARRAY<ROW<name STRING>>, counts MAP<STRING, BIGINT>, color STRING, "
                            "d DOUBLE, item ROW<name STRING>", f"'format' = 'protobuf', 'protobuf.message-class-name' = 'shop.Order', "
                            f"'protobuf.descriptor-file' = '{self.path}/{descriptor_file}'")
        self.rows(script + "INSERT INTO k VALUES (-5, 'me', ARRAY[1, -2], ARRAY[ROW('p'), ROW('q')], MAP['k', CAST(6 AS BIGINT)], 'BLUE', 0.5E0, "
                  "ROW('r')), (CAST(NULL AS BIGINT), CAST(NULL AS STRING), CAST(NULL AS ARRAY<INT>), CAST(NULL AS ARRAY<ROW<name STRING>>), "
                  "CAST(NULL AS MAP<STRING, BIGINT>), CAST(NULL AS STRING), CAST(NULL AS DOUBLE), CAST(NULL AS ROW<name STRING>));")
        wanted = Order(id=-5, who="me", xs=[1, -2], counts={"k": 6}, color=2, d=0.5)
        wanted.items.add(name="p")
        wanted.items.add(name="q")
        wanted.item.name = "r"
        self.assertEqual([Order.FromString(value) for value in self.values()], [wanted, Order()])
        wanted.id = 2**40
        wanted.ClearField("who")
        self.fill([wanted.SerializeToString(), b"\xff", Order(who="").SerializeToString()])
        rows = self.rows(script + "SELECT id, who, xs, items, counts, color, d, item FROM k;", "--folder", str(self.path / "job"))
        nulls = ["NULL"] * 3
        self.assertEqual(rows, [["-5", "me", "[1, -2]", "[(p), (q)]", "{k=6}", "BLUE", "0.5", "(r)"],
                                ["0", "NULL", *nulls, "RED", "0.0", "NULL"],
                                [str(2**40), "NULL", "[1, -2]", "[(p), (q)]", "{k=6}", "BLUE", "0.5", "(r)"],
                                ["0", "", *nulls, "RED", "0.0", "NULL"]])
        self.assertEqual(len(self.reasons()), 1)


class Debezium(Messages):
    def test_a_changelog_is_read_and_written(self):
        changes = [{"before": None, "after": {"id": 1, "c": "a"}, "op": "c"}, {"before": None, "after": {"id": 2, "c": "a"}, "op": "r"},
                   {"before": {"id": 1, "c": "a"}, "after": {"id": 1, "c": "b"}, "op": "u"}, {"before": {"id": 2, "c": "a"}, "after": None, "op": "d"},
                   {"before": None, "after": {"id": 3, "c": "b"}, "op": "c"}]
        self.fill([json.dumps(change) for change in changes] + [None, b"poison", b'{"before":null,"after":{"id":1},"op":"u"}'])
        source = self.table("k", "id INT, c STRING", "'format' = 'debezium-json'")
        target = BROKER.create("o" + os.urandom(6).hex())
        rows = self.rows(source + "SELECT c, COUNT(*) AS n FROM k GROUP BY c;", "--folder", str(self.path / "job"))
        self.assertIn(["b", "2"], [row[-2:] for row in rows])
        self.assertEqual(len(self.reasons()), 2)
        sink = self.table("o", "c STRING, n BIGINT", "'format' = 'debezium-json'", scan=False).replace(self.topic, target)
        self.rows(source + sink + "INSERT INTO o SELECT c, COUNT(*) AS n FROM k GROUP BY c;")
        state = {}
        for message in BROKER.consume(target):
            change = json.loads(message.value())
            if change["op"] == "d":
                self.assertEqual(state.pop(change["before"]["c"]), change["before"]["n"])
            else:
                self.assertIsNone(change["before"])
                state[change["after"]["c"]] = change["after"]["n"]
        self.assertEqual(state, {"b": 2})

    def test_what_a_change_tells_beside_the_row(self):
        source = {"ts_ms": 1700000000123, "db": "shop", "schema": "public", "table": "orders", "lsn": 7}
        self.fill([json.dumps({"op": "c", "after": {"id": 1}, "ts_ms": 1700000000456, "source": source})])
        columns = "id INT, at TIMESTAMP_LTZ(3) METADATA FROM 'value.source.timestamp' VIRTUAL, seen TIMESTAMP_LTZ(3) METADATA FROM " \
            "'value.ingestion-timestamp' VIRTUAL, t STRING METADATA FROM 'value.source.table' VIRTUAL, p MAP<STRING, STRING> METADATA FROM " \
            "'value.source.properties' VIRTUAL, part INT METADATA FROM 'partition' VIRTUAL"
        query = "SELECT id, CAST(at AS STRING), CAST(seen AS STRING), t, p['db'], part FROM k;"
        rows = self.rows(self.table("k", columns, "'format' = 'debezium-json'") + query)
        self.assertEqual([row[-6:] for row in rows], [["1", "2023-11-14 22:13:20.123", "2023-11-14 22:13:20.456", "orders", "shop", "0"]])
        self.fails(self.table("k", columns, "'format' = 'json'") + query, "is of the format debezium-json, this table's is json")
        (self.path / "changes.json").write_text(json.dumps({"op": "c", "after": {"id": 1}, "source": source}) + "\n")
        rows = self.rows(f"CREATE TABLE f (id INT, db STRING METADATA FROM 'source.database', name STRING METADATA FROM 'file.name') WITH "
                         f"('connector' = 'filesystem', 'path' = '{self.path}/changes.json', 'format' = 'debezium-json');\nSELECT db, name, id FROM f;")
        self.assertEqual([row[-3:] for row in rows], [["shop", "changes.json", "1"]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    arguments, rest = parser.parse_known_args()
    program_support.use(arguments.program)
    try:
        registry.readers()
        import fastavro  # noqa: F401
        import google.protobuf  # noqa: F401
    except (registry.Unavailable, ImportError) as reason:
        print(f"SKIPPED: readers of Avro and Protocol Buffers cannot be had here: {reason}")
        sys.exit(77)
    for what, start in (("broker", kafka.Broker), ("registry", registry.Registry)):
        try:
            globals()[what.upper()] = start()
        except (kafka.Unavailable, registry.Unavailable) as reason:
            WHY[what] = f"no {what} can be had here: {reason}"
    try:
        unittest.main(argv=[sys.argv[0], *rest])
    finally:
        for service in (REGISTRY, BROKER):
            if service is not None:
                service.__exit__()
