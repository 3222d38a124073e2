#!/usr/bin/env python3
"""The two-stage job on real parts: Kafka -> sessions -> Parquet on S3 -> PostgreSQL.

usage: demo_real.py [--program build/millrace] [--for SECONDS]

Starts a Kafka broker, a PostgreSQL server and an S3 server on free ports, in a throw-away folder, a job that feeds the topic with
the events of simulated devices, and jobs/viewing-sessions/two-stage.sql with real.sql. Shows how the PostgreSQL table fills, until
Ctrl-C or for so long; then stops all of them. The first time the servers are fetched, which takes minutes. Exits with 77 where they
cannot be had, with 1 if the table did not follow the lake within 60 s.
"""
import argparse
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
JOBS = ROOT / "jobs" / "viewing-sessions"
sys.path.insert(0, str(ROOT / "tests"))
from services import kafka, postgres, s3  # noqa: E402

LOOK_EACH = 5  # seconds
MOST_BEHIND = 60  # seconds between the lake and the database
LATEST = """SELECT start_time, tenant_id, user_id, program_id, device, stream_duration FROM sessions
            ORDER BY start_time DESC LIMIT 3"""


@contextlib.contextmanager
def job(program, folder, env, name, *args):
    """A job that is drained at the end, and killed if it does not come to an end."""
    with open(folder / f"{name}.log", "wb") as log:
        # In a session of its own: Ctrl-C at the terminal is for this script, which stops the jobs in their order.
        process = subprocess.Popen([program, "run", "--folder", str(folder / name), *args], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, start_new_session=True)
    process.log = folder / f"{name}.log"
    try:
        yield process
    finally:
        stop(process)


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def check_alive(processes):
    for process in processes:
        if process.poll() is not None:
            raise RuntimeError(f"a job has ended by itself:\n{process.log.read_text(errors='replace')[-2000:]}")


def count(database):
    there, = database.query("SELECT to_regclass('sessions') IS NOT NULL")[0]
    return int(database.query("SELECT count(*) FROM sessions")[0][0]) if there == "t" else 0


def show(database, lake, started):
    objects = lake.list("viewing/sessions/")
    print(f"{time.monotonic() - started:5.0f} s: {len(objects)} Parquet objects on S3 ({sum(objects.values()) / 1e6:.1f} MB), "
          f"{count(database)} sessions in PostgreSQL", flush=True)
    if count(database):
        for row in database.query(LATEST):
            print("         " + "  ".join(row), flush=True)


def sessions_of_lake(program, env, lake):
    """How many rows its Parquet objects hold."""
    script = (JOBS / "two-stage.sql").read_text()
    table = script[script.index("CREATE TABLE session_lake"):]
    table = table[:table.index(";") + 1].replace("out/sessions", "s3://lake/viewing/sessions").replace(
        ",\n  'source.monitor-interval' = '5 s'", "")
    done = subprocess.run([program, "sql", "-q"], env={**env, "AWS_ENDPOINT_URL": lake.endpoint}, capture_output=True, text=True, timeout=300,
                          input="SET 'execution.runtime-mode' = 'batch';\n" + table + "SELECT COUNT(*) AS sessions FROM session_lake;")
    rows = [line.strip("| ").split("|")[-1].strip() for line in done.stdout.splitlines() if line.startswith("|")]
    if done.returncode != 0 or not rows:
        raise RuntimeError("counting the sessions of the lake: " + done.stderr)
    return int(rows[-1])


def catches_up(program, env, database, lake):
    """True once all sessions that the lake has now are in the database, at most MOST_BEHIND later."""
    wanted, begun = sessions_of_lake(program, env, lake), time.monotonic()
    while (found := count(database)) < wanted:
        if time.monotonic() - begun > MOST_BEHIND:
            print(f"the lake has {wanted} sessions, PostgreSQL {found}", flush=True)
            return False
        time.sleep(0.5)
    print(f"the {wanted} sessions of the lake were in PostgreSQL {time.monotonic() - begun:.1f} s later", flush=True)
    return wanted > 0


def demo(program, seconds, folder):
    with contextlib.ExitStack() as stack:
        print("starting Kafka, PostgreSQL and S3", flush=True)
        broker = stack.enter_context(kafka.Broker())
        database = stack.enter_context(postgres.Server())
        lake = stack.enter_context(s3.Server())
        broker.create("device-events", partitions=4)
        env = {**os.environ, "KAFKA": broker.servers, "PG_URL": database.url(), "S3_ENDPOINT": lake.endpoint,
               "AWS_ACCESS_KEY_ID": lake.access, "AWS_SECRET_ACCESS_KEY": lake.secret}
        print(f"kafka {broker.servers}, {database.url()}, S3 {lake.endpoint}; logs in {folder}", flush=True)
        started = time.monotonic()
        pipeline = stack.enter_context(job(program, folder, env, "two-stage", "-i", str(JOBS / "real.sql"), str(JOBS / "two-stage.sql")))
        feed = stack.enter_context(job(program, folder, env, "feed", str(JOBS / "feed.sql")))
        try:
            while seconds is None or time.monotonic() - started < seconds:
                time.sleep(LOOK_EACH)
                check_alive((feed, pipeline))
                show(database, lake, started)
        except KeyboardInterrupt:
            print("stopping", flush=True)
        stop(feed)
        return catches_up(program, env, database, lake)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build" / "millrace"))
    parser.add_argument("--for", dest="seconds", type=float, help="seconds; else until Ctrl-C")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))  # the servers are stopped on the way out
    with tempfile.TemporaryDirectory(prefix="millrace-demo-") as folder:
        try:
            good = demo(os.path.abspath(arguments.program), arguments.seconds, pathlib.Path(folder))
        except (kafka.Unavailable, postgres.Unavailable, s3.Unavailable) as reason:
            print(f"skipped: {reason}")
            sys.exit(77)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
