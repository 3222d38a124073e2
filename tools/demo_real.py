#!/usr/bin/env python3
"""The two-stage job on real parts: Kafka -> sessions -> Parquet or Iceberg on S3 -> PostgreSQL.

usage: demo_real.py [--program build/millrace] [--for SECONDS] [--lake parquet|iceberg]

Starts a Kafka broker, a PostgreSQL server and an S3 server on free ports, in a throw-away folder, a job that feeds the topic with
the events of simulated devices, and jobs/viewing-sessions/two-stage.sql with real.sql or iceberg.sql. Shows how the PostgreSQL table
fills, until Ctrl-C or for so long; then compares it with the lake, says how long sessions took from the topic to the table, and stops
all of them. The first time the servers are fetched, which takes minutes. Exits with 77 where they cannot be had, with 1 if the
table differs from the lake or a session was in it later than 60 s after its last event was in the topic.
"""
import argparse
import contextlib
import datetime
import json
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
MOST_BEHIND = 60  # seconds between a session's last event, or the lake, and the database
LAKES = {"parquet": ("real.sql", "viewing/sessions/"), "iceberg": ("iceberg.sql", "iceberg/")}  # overrides, and where files lie
COLUMNS = "tenant_id, user_id, program_id, {}, session_id, device, stream_duration, events, buffering"
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


def show(database, lake, kind, started):
    objects = {key: size for key, size in lake.list(LAKES[kind][1]).items() if key.endswith(".parquet")}
    print(f"{time.monotonic() - started:5.0f} s: {len(objects)} Parquet objects on S3 ({sum(objects.values()) / 1e6:.1f} MB), "
          f"{count(database)} sessions in PostgreSQL", flush=True)
    if count(database):
        for row in database.query(LATEST):
            print("         " + "  ".join(row), flush=True)


def sessions_of_lake(program, env, folder, kind):
    """The rows of the lake as they are now, as texts, sorted."""
    settings = [line for line in (JOBS / LAKES[kind][0]).read_text().splitlines()
                if line.startswith(("SET 'millrace.table.session_lake.", "SET 's3."))
                and "streaming" not in line and "monitor-interval" not in line]
    script = (JOBS / "two-stage.sql").read_text()
    table = script[script.index("CREATE TABLE session_lake"):]
    table = table[:table.index(";") + 1].replace(",\n  'source.monitor-interval' = '5 s'", "")
    query = f"SELECT {COLUMNS.format('start_time')} FROM session_lake;"
    done = subprocess.run([program, "sql", "-q"], env=env, cwd=folder, capture_output=True, text=True, timeout=300,
                          input="\n".join(["SET 'execution.runtime-mode' = 'batch';", *settings, table, query]))
    if done.returncode != 0:
        raise RuntimeError("reading the sessions of the lake: " + done.stderr)
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return sorted(tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[1:])


def sessions_of_database(database):
    """The rows of its table, and for each when it was committed, in seconds since 1970."""
    start = "to_char(start_time, 'YYYY-MM-DD HH24:MI:SS.MS')"
    rows = database.query(f"SELECT {COLUMNS.format(start)}, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM sessions")
    return {tuple(row[:-1]): float(row[-1]) for row in rows}


def agrees(program, env, folder, database, kind):
    """True if all sessions that the lake has now are in the database at most MOST_BEHIND later, and nothing else is."""
    wanted, begun = set(sessions_of_lake(program, env, folder, kind)), time.monotonic()
    while missing := wanted - (rows := set(sessions_of_database(database))):
        if time.monotonic() - begun > MOST_BEHIND:
            print(f"of {len(wanted)} sessions of the lake {len(missing)} are not in PostgreSQL, as {min(missing)}", flush=True)
            return False
        time.sleep(0.5)
    took = time.monotonic() - begun
    now = sessions_of_lake(program, env, folder, kind)  # what the database has was in the lake before
    more, twice = rows - set(now), len(now) - len(set(now))
    if more or twice:
        print(f"{len(more)} sessions of PostgreSQL are not in the lake, as {sorted(more)[:1]}; {twice} are twice in the lake", flush=True)
        return False
    print(f"the {len(wanted)} sessions of the lake were in PostgreSQL {took:.1f} s later, row for row", flush=True)
    return len(wanted) > 0


def millis(time_of_event):
    """The text with all three digits of its milliseconds, as the database says it."""
    whole, _, fraction = time_of_event.replace("T", " ").partition(".")
    return f"{whole}.{fraction:0<3}"


def is_quick(broker, database):
    """True if all sessions were in the database at most MOST_BEHIND after their last event was in the topic. A session closes 65 s of
    event time after that event, which are 2.2 s of the simulator's time."""
    sent = {}  # when each event was sent, by session
    for message in broker.consume("device-events"):
        event = json.loads(message.value())
        if event["event_time"]:
            sent.setdefault(event["session_id"], []).append((millis(event["event_time"]), message.timestamp()[1] / 1000))
    times = []
    for row, committed in sessions_of_database(database).items():
        start, session, duration = row[3], row[4], int(row[6])
        last = (datetime.datetime.fromisoformat(start) + datetime.timedelta(seconds=duration + 1)).isoformat(" ", "milliseconds")
        times.append(committed - max(at for event, at in sent[session] if start <= event < last))
    times.sort()
    print(f"from a session's last event in Kafka to its row in PostgreSQL: {times[len(times) // 2]:.1f} s in the median, "
          f"{times[len(times) * 99 // 100]:.1f} s for 99 %, at most {times[-1]:.1f} s", flush=True)
    return times[0] > 0 and times[-1] <= MOST_BEHIND


def demo(program, seconds, folder, kind):
    with contextlib.ExitStack() as stack:
        print("starting Kafka, PostgreSQL and S3", flush=True)
        broker = stack.enter_context(kafka.Broker())
        database = stack.enter_context(postgres.Server())
        lake = stack.enter_context(s3.Server())
        broker.create("device-events", partitions=4)
        env = {**os.environ, "KAFKA": broker.servers, "PG_URL": database.url(), "S3_ENDPOINT": lake.endpoint,
               "AWS_ACCESS_KEY_ID": lake.access, "AWS_SECRET_ACCESS_KEY": lake.secret, "AWS_ENDPOINT_URL": lake.endpoint}
        print(f"kafka {broker.servers}, {database.url()}, S3 {lake.endpoint}; logs in {folder}", flush=True)
        started = time.monotonic()
        pipeline = stack.enter_context(job(program, folder, env, "two-stage", "-i", str(JOBS / LAKES[kind][0]),
                                           str(JOBS / "two-stage.sql")))
        feed = stack.enter_context(job(program, folder, env, "feed", str(JOBS / "feed.sql")))
        try:
            while seconds is None or time.monotonic() - started < seconds:
                time.sleep(LOOK_EACH)
                check_alive((feed, pipeline))
                show(database, lake, kind, started)
        except KeyboardInterrupt:
            print("stopping", flush=True)
        stop(feed)
        good = agrees(program, env, folder, database, kind)
        check_alive((pipeline,))
        return good and is_quick(broker, database)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build" / "millrace"))
    parser.add_argument("--for", dest="seconds", type=float, help="seconds; else until Ctrl-C")
    parser.add_argument("--lake", choices=LAKES, default="parquet")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))  # the servers are stopped on the way out
    with tempfile.TemporaryDirectory(prefix="millrace-demo-") as folder:
        try:
            good = demo(os.path.abspath(arguments.program), arguments.seconds, pathlib.Path(folder), arguments.lake)
        except (kafka.Unavailable, postgres.Unavailable, s3.Unavailable) as reason:
            print(f"skipped: {reason}")
            sys.exit(77)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
