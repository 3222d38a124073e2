#!/usr/bin/env python3
"""Measures how near reading a topic comes to librdkafka's own rate.

usage: bench/kafka.py [--program build/millrace] [--messages 300000]

Starts a real broker (tests/services/kafka.py), fills one topic of two partitions with heartbeats of a
video platform, and reads it: by librdkafka alone (kcat, which throws the messages away), and by jobs.
CPU seconds are the kernel's figures for the process that reads; the broker's are not in them.
"""
import argparse
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from services import kafka  # noqa: E402

TABLE = """CREATE TABLE beats (ts TIMESTAMP(3), user_id STRING, device_id STRING, program_id STRING, bitrate INT,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset',
  'properties.bootstrap.servers' = '{servers}');
CREATE TABLE nothing (user_id STRING, n BIGINT) WITH ('connector' = 'blackhole');
"""
JOBS = {
    "count, no column": "SELECT COUNT(*) FROM beats;",
    "filter, two columns": "INSERT INTO nothing SELECT user_id, bitrate FROM beats WHERE bitrate > 100;",
    "sessions": "INSERT INTO nothing SELECT user_id, COUNT(*) FROM TABLE(SESSION(TABLE beats PARTITION BY user_id, "
                "DESCRIPTOR(ts), INTERVAL '60' SECOND)) GROUP BY user_id, window_start, window_end;",
}


def fill(broker, messages):
    random.seed(1)
    topic = broker.create("beats", 2, compression_type="producer")
    producer = broker.producer(**{"compression.type": "lz4", "linger.ms": 50})
    for i in range(messages):
        user = random.randrange(5000)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1767225600 + i // 500))
        producer.produce(topic, partition=user % 2, key=str(user), value=json.dumps(
            {"ts": stamp, "user_id": f"user-{user}", "device_id": f"device-{user * 7}", "program_id": f"program-{user % 100}",
             "tenant": "acme", "state": "PLAYING", "bitrate": random.randrange(5000), "position": i}))
        if i % 1000 == 0:
            producer.poll(0.01)
    producer.flush(60)
    return topic


def measure(name, messages, command, text=None):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, input=text, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{name}: {done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:22} {seconds:8.2f} {messages / seconds:12,.0f} {cpu:8.2f} {messages / cpu:14,.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(ROOT / "build/millrace"))
    parser.add_argument("--messages", type=int, default=300_000)
    arguments = parser.parse_args()
    try:
        broker = kafka.Broker()
    except kafka.Unavailable as reason:
        sys.exit(f"no Kafka broker can be had here: {reason}")
    with broker:
        topic = fill(broker, arguments.messages)
        print(f"{'reader':22} {'seconds':>8} {'messages/s':>12} {'CPU s':>8} {'per CPU-second':>14}")
        raw = ["kcat", "-C", "-e", "-q", "-b", broker.servers, "-t", topic, "-f", ""]
        try:
            measure("librdkafka (kcat)", arguments.messages, raw)
        except FileNotFoundError:
            print("librdkafka (kcat)      not measured: kcat is not installed")
        for name, query in JOBS.items():
            script = TABLE.format(topic=topic, servers=broker.servers) + query
            measure(name, arguments.messages, [os.path.abspath(arguments.program), "sql", "-q"], script)


if __name__ == "__main__":
    main()
