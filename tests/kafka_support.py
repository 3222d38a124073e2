"""What the tests against a real Kafka broker share: the broker, running the program, jobs that are killed."""
import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import program_support
from program_support import Scripts
from services import kafka

PROGRAM = ""
DRIVER = ""
BROKER = None


def broker():
    return BROKER


def table(name, columns, topic, options="", connector="kafka", scan=True, servers=None):
    """A table over `topic`; `scan`: all that is there now."""
    scan = "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', " if scan else ""
    return f"CREATE TABLE {name} ({columns}) WITH ('connector' = '{connector}', 'topic' = '{topic}', {scan}" \
           f"'properties.bootstrap.servers' = '{servers or BROKER.servers}'{', ' + options if options else ''});\n"


class Job:
    """A script run by `millrace run`, again and again from its newest checkpoint; what it says goes to a file."""

    def __init__(self, folder, script, *args):
        self.folder, self.args = folder, args
        self.process = None
        (folder / "job.sql").write_text(script)

    def start(self, *more, env=None):
        with open(self.folder / "stderr", "a") as stderr:
            self.process = subprocess.Popen([PROGRAM, "run", "job.sql", "--folder", "job", "--restore", "latest", *self.args, *more],
                                            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                                            env={**os.environ, **(env or {})})
        return self

    def said(self):
        return (self.folder / "stderr").read_text()

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def finish(self, timeout=60):
        """Waits for its end, and returns its exit code."""
        return self.process.wait(timeout)

    def drain(self):
        """Lets it work off what is in flight and publish it."""
        deadline = time.monotonic() + 60
        while True:
            done = subprocess.run([PROGRAM, "stop", "--drain", "job"], cwd=self.folder, capture_output=True, text=True, timeout=60)
            if done.returncode == 0:
                break
            assert time.monotonic() < deadline and self.process.poll() is None, done.stderr + self.said()
            time.sleep(0.1)  # it is starting
        assert self.finish() == 0, self.said()


class Kafka(Scripts):
    """A test with a folder and a topic name of its own."""

    def setUp(self):
        super().setUp()
        self.topic = "t" + os.urandom(6).hex()

    def fill(self, messages, partitions=1, topic=None):
        """Makes a topic of messages: dicts of what a producer takes."""
        self.send(messages, BROKER.create(topic or self.topic, partitions))

    def send(self, messages, topic=None):
        producer = BROKER.producer()
        for message in messages:
            producer.produce(topic or self.topic, **message)
            producer.poll(0)
        self.assertEqual(producer.flush(30), 0)

    def dead_letters(self):
        return [json.loads(line) for line in (self.path / "job/dead_letter.json").read_text().splitlines()]

    def job(self, script, *args, **kwargs):
        """Starts `script`; the test's end kills it."""
        job = Job(self.path, script, *args)
        self.addCleanup(job.kill)
        return job.start(**kwargs)

    def until(self, condition, what, seconds=60, then=str):
        """Waits until `condition` answers something that is true, and returns it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.05)
        said = self.path / "stderr"
        self.fail(f"not within {seconds} s: {what}\n{then()}\n" + (said.read_text() if said.exists() else ""))


class Trickle(threading.Thread):
    """Sends the messages that `make(i)` returns for i in range(count), spread over `seconds`, in the background."""

    def __init__(self, topic, count, seconds, make):
        super().__init__(daemon=True)
        self.topic, self.count, self.seconds, self.make = topic, count, seconds, make
        self.left = -1
        self.start()

    def run(self):
        producer, began = BROKER.producer(**{"enable.idempotence": True, "log_level": 0}), time.monotonic()
        for i in range(self.count):
            producer.produce(self.topic, **self.make(i))
            if i % 50 == 0:
                producer.poll(0)
                time.sleep(max(0.0, began + self.seconds * i / self.count - time.monotonic()))
        self.left = producer.flush(60)

    def wait(self):
        self.join(self.seconds + 90)
        assert self.left == 0, f"{self.left} messages were not sent"


def main():
    """Starts the broker, runs the tests of the calling file, and stops it. Exits with 77 (skipped) where the broker cannot be had."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--driver", default="")
    arguments, rest = parser.parse_known_args()
    global PROGRAM, DRIVER, BROKER
    PROGRAM, DRIVER = program_support.use(arguments.program), os.path.abspath(arguments.driver)
    try:
        BROKER = kafka.Broker()
    except kafka.Unavailable as reason:
        print(f"SKIPPED: no Kafka broker can be had here: {reason}")
        sys.exit(77)
    with BROKER:
        unittest.main(module="__main__", argv=[sys.argv[0], *rest])
