#!/usr/bin/env python3
"""What a running job says of itself at /metrics.

usage: metrics_test.py --program build/millrace
"""
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest
import urllib.request

import program_support
from program_support import Folder, start

JOB = """
CREATE TABLE clicks (k BIGINT, v BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '2000',
  'fields.k.min' = '0', 'fields.k.max' = '99');
CREATE TABLE totals (k BIGINT, c BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'sqlite', 'path' = 'out.db');
INSERT INTO totals SELECT k, COUNT(*) FROM clicks GROUP BY k;
"""
SETTINGS = ("--set", "pipeline.name=totals of clicks", "--set", "execution.checkpointing.interval=100ms",
            "--set", "metrics.reporters=prom", "--set",
            "metrics.reporter.prom.factory.class=org.apache.flink.metrics.prometheus.PrometheusReporterFactory")
SAMPLE = re.compile(r'millrace_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[\d.e+-]+')


class Metrics(Folder):
    def run_job(self, *settings, script=JOB):
        (self.path / "job.sql").write_text(script)
        process = start("run", "--folder", "job", *SETTINGS, *settings, "job.sql", cwd=self.path)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        for line in process.stderr:
            found = re.search(r"http://127\.0\.0\.1:(\d+)/metrics", line)
            if found:
                return process, int(found.group(1))
        raise AssertionError("the job has not said where its metrics are")

    def page(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
            self.assertTrue(reply.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
            return reply.read().decode()

    def value(self, page, name):
        """The one sample of a name and its labels as a regular expression."""
        values = re.findall(rf"^millrace_{name} (\S+)$", page, re.MULTILINE)
        self.assertEqual(len(values), 1, f"{name} in\n{page}")
        return float(values[0])

    def wait_for(self, port, name, least):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            page = self.page(port)
            if re.search(rf"^millrace_{name} ", page, re.MULTILINE) and self.value(page, name) >= least:
                return page
            time.sleep(0.05)
        raise AssertionError(f"{name} has not become {least}:\n{page}")

    def test_checkpoints_and_what_they_cost_each_operator(self):
        process, port = self.run_job("--set", "metrics.reporter.prom.port=0")
        job = r'\{job="totals of clicks"\}'
        page = self.wait_for(port, "checkpoints_completed_total" + job, 3)
        self.assertGreater(self.value(page, "checkpoint_duration_seconds" + job), 0)
        self.assertGreater(self.value(page, "checkpoint_bytes" + job), 0)
        self.assertEqual(self.value(page, "checkpoints_failed_total" + job), 0)
        group = r'\{job="totals of clicks",operator="[^"]*Group[^"]*"\}'
        for cost in ("alignment_seconds", "save_seconds", "write_seconds", "bytes"):
            self.assertGreaterEqual(self.value(page, f"checkpoint_operator_{cost}{group}"), 0)
        self.assertGreater(self.value(page, "source_rows_total" + r'\{job="totals of clicks",table="clicks",[^}]*\}'), 0)
        self.assertGreater(self.value(page, "process_resident_memory_bytes"), 1e6)
        for line in page.splitlines():
            self.assertTrue(line.startswith("# HELP ") or line.startswith("# TYPE ") or SAMPLE.fullmatch(line), line)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), 0)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5)

    def test_prometheus_understands_the_page(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")
        _, port = self.run_job("--set", "metrics.reporter.prom.port=0")
        page = self.wait_for(port, r'checkpoints_completed_total\{job="totals of clicks"\}', 1)
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_other_paths_and_methods_and_garbage(self):
        process, port = self.run_job("--set", "metrics.reporter.prom.port=0")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        answers = []
        for method, path in [("GET", "/nothing"), ("HEAD", "/metrics"), ("GET", "/metrics?a=b"), ("DELETE", "/metrics")]:
            connection.request(method, path)  # one after the other on the same connection
            reply = connection.getresponse()
            answers.append((reply.status, len(reply.read()) > 0))
        connection.close()
        self.assertEqual(answers, [(404, True), (200, False), (200, True), (405, True)])
        for garbage in (b"\x00\xff\r\n\r\n", b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n", b"GET"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
                try:
                    raw.sendall(garbage)
                    raw.shutdown(socket.SHUT_WR)
                    while raw.recv(65536):
                        pass
                except OSError:
                    pass  # the server has hung up
        silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(30)]
        self.assertIn("millrace_source_rows_total", self.page(port))
        for raw in silent:
            raw.close()
        self.assertIsNone(process.poll())

    def test_a_taken_port_is_said_and_the_next_of_a_range_is_used(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            (self.path / "one.sql").write_text(JOB)
            done = program_support.run("run", "--set", f"metrics.reporter.prom.port={port}", "one.sql",
                                       folder=self.path)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"option 'metrics.reporter.prom.port': cannot listen on 127.0.0.1:{port}", done.stderr)
            _, found = self.run_job("--set", f"metrics.reporter.prom.port={port}-{port + 50}")
            self.assertGreater(found, port)

    def test_restarts_are_counted(self):
        rows = self.path / "rows"
        rows.mkdir()
        (rows / "a.json").write_text("".join(json.dumps({"k": i}) + "\n" for i in range(10)))
        script = """CREATE TABLE rows_in (k BIGINT) WITH ('connector' = 'filesystem', 'path' = 'rows', 'format' = 'json',
  'source.monitor-interval' = '100 ms');
CREATE TABLE out_rows (k BIGINT) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'json');
INSERT INTO out_rows SELECT 10 / (k - 100) FROM rows_in;
"""
        _, port = self.run_job("--set", "metrics.reporter.prom.port=0", "--set", "restart-strategy=fixed-delay",
                               "--set", "restart-strategy.fixed-delay.attempts=1000", "--set",
                               "restart-strategy.fixed-delay.delay=50 ms", script=script)
        job = r'\{job="totals of clicks"\}'
        self.assertEqual(self.value(self.wait_for(port, "checkpoints_completed_total" + job, 1), "restarts_total" + job), 0)
        (rows / "b.json").write_text('{"k": 100}\n')
        self.wait_for(port, "restarts_total" + job, 2)

    def test_what_is_not_there_is_refused(self):
        (self.path / "job.sql").write_text(JOB)
        for setting, text in [("metrics.reporter.prom.port=high", "'high' is no port"),
                              ("metrics.reporters=jmx", "there is only 'prom'"),
                              ("metrics.reporter.prom.factory.class=a.B", "PrometheusReporterFactory"),
                              ("metrics.reporter.prom.prot=1", "did you mean 'metrics.reporter.prom.port'?")]:
            done = program_support.run("run", "--set", setting, "job.sql", folder=self.path)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    program_support.main()
