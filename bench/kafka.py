#!/usr/bin/env python3
"""Measures how near the viewing job comes to librdkafka's own rate of reading the same topic.

usage: bench/kafka.py [--program build/millrace] [--messages 1000000] [--repeat 3] [--flink]

Starts a real broker (tests/services/kafka.py), lets the viewing simulator fill a topic of two partitions with
heartbeats as JSON (120 bytes, lz4), and reads it: by librdkafka alone (kcat, which throws the messages away), by
small queries, by the sessions of bench/sql/viewing.sql, and by the whole jobs/viewing-sessions with its three results.
CPU seconds are the kernel's figures for the process that reads; the broker's are not in them. `of raw` is the
rate beside kcat's, by the clock and by CPU. Of the repeats the one with the least CPU time counts. `peak MB` is the
largest resident set of these processes.

With --flink the sessions are then run by one worker and, the same script, by Flink 2.3 with parallelism 1 (flink/runner.py
fetches it once into .deps). All of its repeats run in one JVM: the first is shown with the JVM's own start, the best of the
others, on a hot JVM, without. Flink makes no checkpoints, as is its default; Millrace one each second.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from flink import runner as flink  # noqa: E402
from services import kafka  # noqa: E402

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


class Figures(NamedTuple):
    seconds: float
    cpu: float
    peak_mb: float


def measure(command, text):
    """The figures of a command, in a folder of its own, where {script} is a file with this text."""
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "job.sql"
        script.write_text(text or "")
        with (pathlib.Path(folder) / "errors").open("w+") as errors:
            start = time.monotonic()
            process = subprocess.Popen([part.format(script=script) for part in command], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=errors, cwd=folder)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                errors.seek(0)
                sys.exit(f"{command[0]}: {errors.read()}")
        return Figures(time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def best(command, text, repeat):
    """The run with the least CPU time, and the largest peak of all."""
    runs = [measure(command, text) for _ in range(repeat)]
    return min(runs, key=lambda run: run.cpu)._replace(peak_mb=max(run.peak_mb for run in runs))


class Table:
    def __init__(self, messages):
        self.messages = messages
        self.raw = None  # kcat's figures
        print(f"{'':26} {'seconds':>8} {'messages/s':>12} {'of raw':>7} {'CPU s':>7} {'per CPU-second':>14} {'of raw':>7} "
              f"{'peak MB':>8}")

    def line(self, name, figures):
        beside = [f"{self.raw[i] / figures[i]:7.2f}" if self.raw else " " * 7 for i in range(2)]
        print(f"{name:26} {figures.seconds:8.2f} {self.messages / figures.seconds:12,.0f} {beside[0]} {figures.cpu:7.2f} "
              f"{self.messages / figures.cpu:14,.0f} {beside[1]} {figures.peak_mb:8.0f}", flush=True)


def beside_flink(table, program, script, repeat):
    """The same script by both, each with one task that reads, or a word on why not."""
    ours = best([program, "run", "-q", "{script}", "--set", "parallelism.default=1"], script, repeat)
    table.line("viewing, one worker", ours)
    try:
        start, runs, peak_mb = flink.run(script, max(repeat, 2))
    except flink.Unavailable as reason:
        print(f"no Flink can be had here: {reason}")
        return
    table.line("Flink, with its start", Figures(start.seconds + runs[0].seconds, start.cpu + runs[0].cpu, peak_mb))
    hot = min(runs[1:], key=lambda run: run.cpu)
    table.line("Flink, hot JVM", Figures(hot.seconds, hot.cpu, peak_mb))
    print(f"Millrace: {hot.cpu / ours.cpu:.1f} times as many messages per CPU-second as Flink on a hot JVM, "
          f"1/{peak_mb / ours.peak_mb:.1f} of its memory")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(ROOT / "build/millrace"))
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--flink", action="store_true")
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    try:
        broker = kafka.Broker()
    except kafka.Unavailable as reason:
        sys.exit(f"no Kafka broker can be had here: {reason}")
    with broker:
        topic = broker.create("beats", 2, compression_type="producer")
        table, ours = Table(arguments.messages), [program, "run", "-q", "{script}"]
        filling = FILL.format(topic=topic, servers=broker.servers, messages=arguments.messages)
        table.line("(writing the topic)", measure(ours, filling))
        kcat = ["kcat", "-C", "-e", "-q", "-b", broker.servers, "-t", topic, "-f", ""]
        table.raw = best(kcat, None, arguments.repeat)
        table.line("librdkafka (kcat)", table.raw)
        jobs = scripts(topic, broker.servers)
        for name, script in jobs.items():
            table.line(name, best(ours, script, arguments.repeat))
        if arguments.flink:
            beside_flink(table, program, jobs["viewing"], arguments.repeat)


if __name__ == "__main__":
    main()
