#!/usr/bin/env python3
"""Reads and writes topics of a real Kafka broker and compares.

usage: kafka_test.py --program build/millrace
Exits with 77 (skipped) where the broker cannot be had.
"""
import json
import pathlib
import random
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kafka_support import Job, Kafka, broker, main, table  # noqa: E402
from program_support import access_log, rows_of, run, sql  # noqa: E402


class Source(Kafka):
    def test_sessions_per_partition_watermarks(self):
        """One partition is an hour behind the others: per-partition watermarks keep its rows in time."""
        random.seed(3)
        clocks, messages, sessions = [0, 0, 0, 3600], [], {}
        for _ in range(4000):
            p = random.randrange(4)
            clocks[p] += random.choice([1, 1, 1, 40])
            user = f"u{p}-{random.randrange(5)}"
            at = clocks[p]
            messages.append({"partition": p, "key": user, "value": json.dumps(
                {"ts": f"2026-01-01 {10 + at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}", "u": user})})
            mine = sessions.setdefault(user, [])
            if mine and at - mine[-1][1] < 60:
                mine[-1][1:] = [at, mine[-1][2] + 1]
            else:
                mine.append([at, at, 1])
        self.fill(messages, 4)
        script = table("clicks", "ts TIMESTAMP(3), u STRING, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND", self.topic, "'format' = 'json'") + \
            "SELECT u, COUNT(*) AS c FROM TABLE(SESSION(TABLE clicks PARTITION BY u, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) " \
            "GROUP BY u, window_start, window_end;"
        found = sorted((u, int(c)) for u, c in self.rows(script))
        self.assertEqual(found, sorted((u, s[2]) for u, each in sessions.items() for s in each))

    def test_metadata(self):
        self.fill([{"value": b'{"n": 1}', "key": b"k", "timestamp": 1700000000123, "headers": [("h", b"x")], "partition": 1},
                   {"value": b'{"n": 2}', "partition": 1}], 2)
        script = table("t", "n INT, top STRING METADATA FROM 'topic' VIRTUAL, `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL, "
                       "`timestamp` TIMESTAMP_LTZ(3) METADATA, tt STRING METADATA FROM 'timestamp-type' VIRTUAL, "
                       "`key` BYTES METADATA VIRTUAL, headers MAP<STRING, BYTES> METADATA", self.topic, "'format' = 'json'") + \
            "SELECT n, top, `partition`, `offset`, `timestamp`, tt, `key`, headers FROM t;"
        found = self.rows(script)
        self.assertEqual(found[0], ["1", self.topic, "1", "0", "2023-11-14 22:13:20.123", "CreateTime", "x'6b'", "{h=x'78'}"])
        self.assertEqual(found[1][:4] + found[1][5:], ["2", self.topic, "1", "1", "CreateTime", "NULL", "{}"])

    def test_key_fields(self):
        self.fill([{"key": b'{"id": 7, "r": "eu"}', "value": b'{"n": 1, "id": 9}'}, {"value": b'{"n": 2}'},
                   {"key": b"broken", "value": b'{"n": 3}'}])
        options = "'value.format' = 'json', 'key.format' = 'json', 'key.fields' = '{}', 'value.fields-include' = '{}'{}"
        columns = "n INT, {0}id INT, {0}r STRING"
        except_key = table("t", columns.format("k_"), self.topic, options.format("k_id;k_r", "EXCEPT_KEY", ", 'key.fields-prefix' = 'k_'"))
        done = sql(except_key + "SELECT n, k_id, k_r FROM t;", "--folder", str(self.path / "job"))
        self.assertEqual(rows_of(done.stdout), [["1", "7", "eu"], ["2", "NULL", "NULL"]])
        letter, = self.dead_letters()
        self.assertEqual((letter["position"], letter["reason"][:5]), (f"{self.topic}[0]:2", "key: "))
        whole = table("t", columns.format(""), self.topic, options.format("id;r", "ALL", ""))
        self.assertEqual(self.rows(whole + "SELECT n, id FROM t;"), [["1", "9"], ["2", "NULL"], ["3", "NULL"]])

    def test_one_message_is_one_record(self):
        """Newlines, quotes, emptiness and garbage in one message do not touch the next."""
        self.fill([{"value": v} for v in (b'{"a":\n "x",\n"b": 1}\n', b'{"a": "l1\nl2", "b": 2}', b'{"a": "y", "b": 3}\n{"a": "z", "b": 4}',
                                          b"", None, b'{"a": "last", "b": 5}')])
        script = table("t", "a STRING, b INT", self.topic, "'format' = 'json'") + "SELECT a, b FROM t;"
        done = sql(script, "--folder", str(self.path / "job"))
        self.assertEqual(rows_of(done.stdout), [["x", "1"], ["last", "5"]])
        positions = [letter["position"] for letter in self.dead_letters()]
        self.assertEqual(sorted(positions), [f"{self.topic}[0]:{o}" for o in (1, 2, 3)])

    def test_csv_with_open_quote(self):
        self.fill([{"value": v} for v in (b'a,1', b'"b,2', b'"c\nd",3', b'e,4', b'f,5\ng,6', b'h,7')])
        script = table("t", "a STRING, b INT", self.topic, "'format' = 'csv'") + "SELECT REPLACE(a, CHR(10), '/') AS a, b FROM t;"
        self.assertEqual(self.rows(script), [["a", "1"], ["c/d", "3"], ["e", "4"], ["h", "7"]])

    def test_raw(self):
        self.fill([{"key": (5).to_bytes(8, "big"), "value": b"two\nlines"}, {"key": b"short", "value": b"x"}])
        script = table("t", "k BIGINT, v STRING", self.topic, "'value.format' = 'raw', 'key.format' = 'raw', 'key.fields' = 'k', "
                       "'value.fields-include' = 'EXCEPT_KEY'") + "SELECT k, CHAR_LENGTH(v) AS l FROM t;"
        self.assertEqual(self.rows(script), [["5", "9"]])

    def test_startup_and_bounded_modes(self):
        self.fill([{"value": json.dumps({"n": i}), "partition": i % 2, "timestamp": 1700000000000 + i * 1000} for i in range(20)], 2)

        def read(options):
            start = table("t", "n INT", self.topic, "'format' = 'json', " + options, scan=False)
            return sorted(int(n) for n, in self.rows(start + "SELECT n FROM t;"))
        self.assertEqual(read("'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '1700000014000', "
                              "'scan.bounded.mode' = 'latest-offset'"), list(range(14, 20)))
        self.assertEqual(read("'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:8;partition:1,offset:9', "
                              "'scan.bounded.mode' = 'latest-offset'"), [16, 18, 19])
        self.assertEqual(read("'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'timestamp', "
                              "'scan.bounded.timestamp-millis' = '1700000004000'"), [0, 1, 2, 3])
        self.assertEqual(read("'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'specific-offsets', "
                              "'scan.bounded.specific-offsets' = 'partition:0,offset:1;partition:1,offset:0'"), [0])
        self.assertEqual(read("'scan.startup.mode' = 'latest-offset', 'scan.bounded.mode' = 'latest-offset'"), [])

    def test_group_offsets(self):
        self.fill([{"value": json.dumps({"n": i})} for i in range(5)])
        group = f"'format' = 'json', 'scan.bounded.mode' = 'latest-offset', 'properties.group.id' = 'g-{self.topic}'"
        self.fails(table("t", "n INT", self.topic, group, scan=False) + "SELECT n FROM t;", "has no offset", "auto.offset.reset")
        script = table("t", "n INT", self.topic, group + ", 'properties.auto.offset.reset' = 'earliest'", scan=False) + "SELECT n FROM t;"
        self.assertEqual(len(self.rows(script)), 5)
        producer = broker().producer()
        producer.produce(self.topic, b'{"n": 5}')
        producer.flush(30)
        self.assertEqual(self.rows(script), [["5"]])

    def test_ends_at_the_offsets_of_the_group(self):
        self.fill([{"value": json.dumps({"n": i}), "partition": i % 2} for i in range(10)], 2)
        broker().commit(self.topic, self.topic, [3, 1])
        script = table("t", "n INT", self.topic, f"'format' = 'json', 'properties.group.id' = '{self.topic}', "
                       "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'group-offsets'", scan=False) + "SELECT n FROM t;"
        self.assertEqual(sorted(int(n) for n, in self.rows(script)), [0, 1, 2, 4])

    def test_several_topics_and_pattern(self):
        for i, topic in enumerate((self.topic + "-a", self.topic + "-b")):
            self.fill([{"value": json.dumps({"n": i})}], topic=topic)
        several = table("t", "n INT", f"{self.topic}-a; {self.topic}-b", "'format' = 'json'") + "SELECT n FROM t;"
        self.assertEqual(sorted(self.rows(several)), [["0"], ["1"]])
        pattern = several.replace(f"'topic' = '{self.topic}-a; {self.topic}-b'", f"'topic-pattern' = '{self.topic}-.*'")
        self.assertEqual(sorted(self.rows(pattern)), [["0"], ["1"]])

    def test_clear_errors(self):
        self.fill([])
        script = table("t", "n INT", self.topic, "'format' = 'json'") + "SELECT n FROM t;"
        self.fails(script.replace(self.topic, self.topic[:-1]), "there is no topic", f"did you mean '{self.topic}'?")
        self.fails(script.replace("'format'", "'fromat'"), "fromat", "did you mean 'format'?")
        self.fails(script.replace("earliest-offset", "earliest"), "scan.startup.mode", "earliest-offset")
        self.fails(script.replace("'format'", "'properties.fetch.mim.bytes' = '1', 'format'"), "fetch.mim.bytes", "No such configuration property")
        self.fails(table("t", "n INT", self.topic, "'format' = 'json'", scan=False) + "SELECT n FROM t;", "group.id")

    def test_aborted_transactions_are_not_read(self):
        broker().create(self.topic)
        producer = broker().producer(**{"transactional.id": self.topic})
        producer.init_transactions(30)
        for n, commit in ((1, True), (2, False), (3, True), (4, False)):
            producer.begin_transaction()
            producer.produce(self.topic, json.dumps({"n": n}))
            (producer.commit_transaction if commit else producer.abort_transaction)(30)
        script = table("t", "n INT", self.topic, "'format' = 'json'") + "SELECT n FROM t;"
        self.assertEqual(self.rows(script), [["1"], ["3"]])


class Sink(Kafka):
    EXACTLY = "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{}'"

    def sink(self, columns, options, **kwargs):
        return table("k", columns, self.topic, options, scan=False, **kwargs)

    def numbers(self, **kwargs):
        return sorted(json.loads(m.value())["n"] for m in broker().consume(self.topic, **kwargs))

    def generated(self, rows):
        return f"CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '{rows}', 'fields.n.kind' = 'sequence', " \
               f"'fields.n.start' = '0', 'fields.n.end' = '{rows - 1}');\n"

    def test_at_least_once(self):
        broker().create(self.topic, 3)
        self.rows(self.generated(20000) + self.sink("n BIGINT", "'format' = 'json'") + "INSERT INTO k SELECT n FROM g;")
        self.assertEqual(self.numbers(), list(range(20000)))

    def test_exactly_once_is_seen_by_read_committed(self):
        broker().create(self.topic, 3)
        script = self.generated(20000) + self.sink("n BIGINT", "'format' = 'json', " + self.EXACTLY.format(self.topic)) + \
            "SET 'execution.checkpointing.interval' = '100ms'; INSERT INTO k SELECT n FROM g;"
        self.rows(script)
        self.assertEqual(self.numbers(), list(range(20000)))
        self.rows(script)  # another run is not taken for the first
        self.assertEqual(len(self.numbers()), 40000)
        self.fails(self.generated(1) + self.sink("n BIGINT", "'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once'") +
                   "INSERT INTO k SELECT n FROM g;", "sink.transactional-id-prefix")

    def test_key_headers_timestamp_and_topic_from_columns(self):
        other = broker().create(self.topic + "-other", 2)
        broker().create(self.topic)
        self.rows(self.sink("h MAP<STRING, BYTES> METADATA FROM 'headers', k_id INT, v STRING, tp STRING METADATA FROM 'topic', "
                            "`timestamp` TIMESTAMP_LTZ(3) METADATA, `offset` BIGINT METADATA VIRTUAL",
                            "'value.format' = 'json', 'key.format' = 'json', 'key.fields' = 'k_id', 'key.fields-prefix' = 'k_', "
                            "'value.fields-include' = 'EXCEPT_KEY', 'sink.partitioner' = 'round-robin'") +
                  "INSERT INTO k VALUES "
                  f"(MAP['a', CAST('1' AS BYTES)], 7, 'x', '{other}', TO_TIMESTAMP_LTZ(1700000000123, 3)), "
                  "(CAST(NULL AS MAP<STRING, BYTES>), 8, 'y', CAST(NULL AS STRING), CAST(NULL AS TIMESTAMP_LTZ(3)));")
        (one,), (two,) = broker().consume(other), broker().consume(self.topic)
        self.assertEqual((one.key(), json.loads(one.value()), one.headers(), one.timestamp()[1]), (b'{"id":7}', {"v": "x"}, [("a", b"1")], 1700000000123))
        self.assertEqual((two.key(), json.loads(two.value()), two.headers()), (b'{"id":8}', {"v": "y"}, None))

    def test_partitioners(self):
        """By key as Java's clients; one partition; in turns."""
        found = {}
        for name in ("default", "fixed", "round-robin"):
            topic = broker().create(self.topic + name, 3)
            self.rows(self.generated(300) + table("k", "n BIGINT", topic, "'value.format' = 'json', 'key.format' = 'raw', 'key.fields' = 'n', "
                                                  f"'sink.partitioner' = '{name}'", scan=False) + "INSERT INTO k SELECT n FROM g;")
            found[name] = {m.key(): m.partition() for m in broker().consume(topic)}
        topic = broker().create(self.topic + "-java", 3)
        producer = broker().producer(partitioner="murmur2")
        for key in found["default"]:
            producer.produce(topic, b"x", key=key)
        producer.flush(30)
        self.assertEqual(found["default"], {m.key(): m.partition() for m in broker().consume(topic)})
        self.assertEqual(set(found["fixed"].values()), {0})
        self.assertEqual([list(found["round-robin"].values()).count(p) for p in range(3)], [100, 100, 100])

    def test_formats(self):
        broker().create(self.topic)
        self.rows(self.sink("k BIGINT, v STRING", "'value.format' = 'raw', 'key.format' = 'raw', 'key.fields' = 'k', 'value.fields-include' = 'EXCEPT_KEY'") +
                  "INSERT INTO k VALUES (258, 'l1\nl2'), (CAST(NULL AS BIGINT), '');")
        self.assertEqual([(m.key(), m.value()) for m in broker().consume(self.topic)], [((258).to_bytes(8, "big"), b"l1\nl2"), (None, b"")])

    def test_clear_errors(self):
        broker().create(self.topic)
        sink = self.sink("v STRING", "'format' = 'json'")
        self.fails(sink.replace("'format'", "'sink.partitioner' = 'odd', 'format'") + "INSERT INTO k VALUES ('a');", "round-robin")
        self.fails(self.sink("v STRING, o BIGINT METADATA FROM 'offset'", "'format' = 'json'") + "INSERT INTO k VALUES ('a', 1);", "cannot be written", "VIRTUAL")


class Upsert(Kafka):
    OPTIONS = "'key.format' = 'json', 'value.format' = 'json'"

    def table(self, name, scan=True, options=""):
        columns = "id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED"
        scan = "'scan.bounded.mode' = 'latest-offset', " if scan else ""
        return table(name, columns, self.topic, scan + self.OPTIONS + options, connector="upsert-kafka", scan=False)

    def test_source_folds_to_the_newest_rows(self):
        send = lambda k, v: {"key": json.dumps({"id": k}), "value": v and json.dumps({"id": k, "v": v}), "partition": k % 2}
        self.fill([send(1, "a"), send(2, "b"), send(1, "c"), send(2, None), send(3, "d"), send(3, "d"), send(4, None), {"value": b'{"id": 9}', "partition": 0}], 2)
        done = sql(self.table("t") + "SELECT id, v FROM t;", "--folder", str(self.path / "job"))
        rows = {}
        for kind, key, value in rows_of(done.stdout):
            if kind in ("+I", "+U"):
                rows[key] = value
            else:
                self.assertEqual(rows.pop(key), value)
        self.assertEqual(rows, {"1": "c", "3": "d"})
        self.assertEqual([letter["reason"] for letter in self.dead_letters()], ["key: NULL, but upserts need it"])
        found = self.rows(self.table("t") + "SELECT COUNT(*) AS c, COUNT(DISTINCT v) AS d FROM t;")
        self.assertEqual(found[-1][1:], ["2", "2"])

    def test_sink_writes_rows_and_tombstones(self):
        source = broker().create(self.topic + "-in")
        broker().create(self.topic, 3)
        messages = [("a", 1), ("b", 2), ("a", None), ("c", 1), ("b", 1)]
        producer = broker().producer()
        for key, value in messages:
            producer.produce(source, key=json.dumps({"v": key}), value=value and json.dumps({"v": key, "id": value}))
        producer.flush(30)
        script = f"CREATE TABLE s (v STRING, id INT, PRIMARY KEY (v) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = '{source}', " \
                 f"'scan.bounded.mode' = 'latest-offset', 'properties.bootstrap.servers' = '{broker().servers}', {self.OPTIONS});\n"
        sink = self.table("k", scan=False).replace("v STRING", "c BIGINT")
        # Row by row: a group that comes and goes within one batch leaves no trace.
        self.rows("SET 'millrace.batch-rows' = '1';\n" + script + sink +
                  "INSERT INTO k SELECT id, COUNT(*) FROM s GROUP BY id;")
        newest = {}
        for message in broker().consume(self.topic):
            newest[message.key()] = message.value()
        self.assertEqual(newest, {b'{"id":1}': b'{"id":1,"c":2}', b'{"id":2}': None})

    def test_append_only_kafka_refuses_updates(self):
        broker().create(self.topic)
        self.fails(self.table("s", options="") + table("k", "id INT, c BIGINT", self.topic, "'format' = 'json'", scan=False) +
                   "INSERT INTO k SELECT id, COUNT(*) FROM s GROUP BY id;", "cannot take updates")


class Weblog(Kafka):
    """The job that is shipped, with its hits in a topic, against itself with its hits in files."""
    JOBS = pathlib.Path(__file__).resolve().parent.parent / "jobs" / "weblog-sessions"

    def totals(self, folder):
        connection = sqlite3.connect(folder / "out" / "weblog.db", timeout=30)
        try:
            return sorted(connection.execute("SELECT * FROM session_totals"))
        finally:
            connection.close()

    def hits(self):
        return sorted((json.loads(m.value()) for m in broker().consume("session-hits")), key=str)

    def test_hits_go_to_a_topic(self):
        _, lines = access_log(6000)
        (self.path / "files").mkdir()
        self.write("files/access.log", "".join(lines))
        done = run("run", "-q", str(self.JOBS / "job.sql"), folder=self.path / "files")
        self.assertEqual(done.returncode, 0, done.stderr)
        wanted = sorted((json.loads(line) for part in (self.path / "files/out/hits").rglob("part-*") for line in part.read_text().splitlines()), key=str)
        self.assertEqual(len(wanted), len(lines))

        broker().create("session-hits", 3)
        (self.path / "logs").mkdir()
        self.write("logs/1.log", "".join(lines[:4000]))
        job = Job(self.path, (self.JOBS / "job.sql").read_text(), "-i", str(self.JOBS / "kafka.sql"))
        self.addCleanup(job.kill)
        job.start(env={"KAFKA": broker().servers})
        self.until(lambda: len(self.hits()) >= 4000, "the hits of the first file")
        self.write("2.log", "".join(lines[4000:]))
        (self.path / "2.log").rename(self.path / "logs/2.log")  # whole at once
        self.until(lambda: len(self.hits()) >= 6000, "the hits of the second file")
        job.drain()
        self.assertEqual(self.hits(), wanted)
        self.assertEqual(self.totals(self.path), self.totals(self.path / "files"))
        for message in broker().consume("session-hits"):
            self.assertEqual(message.key().decode(), json.loads(message.value())["client_ip"])


if __name__ == "__main__":
    main()
