#!/usr/bin/env python3
"""Measures how near the viewing job comes to librdkafka's own rate of reading the same topic.

usage: bench/kafka.py [--program build/millrace] [--messages 1000000] [--repeat 3]

Starts a real broker (tests/services/kafka.py), lets the viewing simulator fill a topic of two partitions with
heartbeats as JSON (120 bytes, lz4), and reads it: by librdkafka alone (kcat, which throws the messages away), by
small queries, by the sessions of bench/sql/viewing.sql, and by the whole jobs/viewing-sessions with its three results.
CPU seconds are the kernel's figures for the process that reads; the broker's are not in them. `of raw` is the
rate beside kcat's, by the clock and by CPU. Of the repeats the one with the least CPU time counts.
"""
import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from services import kafka  # noqa: E402

FLINK = 110_000  # viewing, events per CPU-second, from a file (bench/run.py)

COLUMNS = """tenant_id STRING, user_id STRING, program_id STRING, device STRING, session_id STRING,
  event_type STRING, event_time TIMESTAMP(3), position_ms BIGINT, bitrate INT"""
KAFKA = "'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{servers}', 'format' = 'json'"
FILL = """CREATE TABLE made (""" + COLUMNS + """) WITH ('connector' = 'viewing', 'devices' = '100000',
  'events' = '{messages}', 'disorder' = '0.05', 'partitions' = '2');
CREATE TABLE topic (""" + COLUMNS + """) WITH (""" + KAFKA + """, 'sink.partitioner' = 'round-robin',
  'properties.compression.type' = 'lz4');
INSERT INTO topic SELECT * FROM made;
"""
BEATS = """CREATE TABLE heartbeat (""" + COLUMNS + """, WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND)
WITH (""" + KAFKA + """, 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset');
"""
QUERIES = {
    "count": "SELECT COUNT(*) FROM heartbeat;",
    "filter, two columns": """CREATE TABLE result (user_id STRING, bitrate INT) WITH ('connector' = 'blackhole');
INSERT INTO result SELECT user_id, bitrate FROM heartbeat WHERE bitrate > 1000;""",
}


def scripts(topic, servers):
    """What is run, by name."""
    beats = BEATS.format(topic=topic, servers=servers)
    made = {name: beats + query for name, query in QUERIES.items()}
    made["viewing"] = (ROOT / "bench/sql/viewing.sql").read_text().replace("${source}", beats)
    here = {"connector": "kafka", "topic": topic, "properties.bootstrap.servers": servers, "format": "json",
            "scan.startup.mode": "earliest-offset", "scan.bounded.mode": "latest-offset"}
    given = "".join(f"SET 'millrace.table.device_events.{key}' = '{value}';\n" for key, value in here.items())
    made["jobs/viewing-sessions"] = given + (ROOT / "jobs/viewing-sessions/job.sql").read_text()
    return made


def measure(command, text, folder):
    """Seconds by the clock and of CPU."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, input=text, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def best(command, text, repeat):
    """The run with the least CPU time, each in a folder of its own."""
    runs = []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(measure(command, text, folder))
    return min(runs, key=lambda run: run[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(ROOT / "build/millrace"))
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    try:
        broker = kafka.Broker()
    except kafka.Unavailable as reason:
        sys.exit(f"no Kafka broker can be had here: {reason}")
    with broker:
        topic = broker.create("beats", 2, compression_type="producer")
        filling = FILL.format(topic=topic, servers=broker.servers, messages=arguments.messages)
        jobs = {"librdkafka (kcat)": (["kcat", "-C", "-e", "-q", "-b", broker.servers, "-t", topic, "-f", ""], None)}
        jobs |= {name: ([program, "run", "-q", "/dev/stdin"], text) for name, text in scripts(topic, broker.servers).items()}
        filled = best([program, "run", "-q", "/dev/stdin"], filling, 1)
        print(f"{'':22} {'seconds':>8} {'messages/s':>12} {'of raw':>7} {'CPU s':>7} {'per CPU-second':>14} {'of raw':>7} {'Flink x':>7}")
        raw = None
        for name, (seconds, cpu) in [("(writing the topic)", filled)] + [(n, best(c, t, arguments.repeat)) for n, (c, t) in jobs.items()]:
            raw = raw or (None if name.startswith("(") else (seconds, cpu))
            beside = [f"{raw[i] / x:7.2f}" if raw else " " * 7 for i, x in enumerate((seconds, cpu))]
            flink = f"{arguments.messages / cpu / FLINK:7.1f}" if name == "viewing" else ""
            print(f"{name:22} {seconds:8.2f} {arguments.messages / seconds:12,.0f} {beside[0]} {cpu:7.2f} "
                  f"{arguments.messages / cpu:14,.0f} {beside[1]} {flink}", flush=True)


if __name__ == "__main__":
    main()
