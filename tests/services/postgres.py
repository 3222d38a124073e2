"""A real PostgreSQL server for the tests: installed if need be, started on a free port, stopped by pid.

    with postgres.Server() as server:     # raises Unavailable where it cannot be had
        server.query("SELECT 1")          # [["1"]], by psql: an independent reader

Users: postgres (trusted), alice (password alice-secret). TLS is on, with a certificate of its own.
"""
import csv
import glob
import io
import os
import pathlib
import pwd
import shutil
import signal
import subprocess

from services import proxy
from services.parts import Process, Unavailable, free_port, install


def _programs():
    """The folder of the newest server that is installed; None if there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4]))
    return pathlib.Path(found[-1]).parent if found else None


def ensure():
    """Installs the server unless it is there, and returns the folder of its programs."""
    if not _programs():
        install("postgresql")
    programs = _programs()
    if not programs:
        raise Unavailable("postgresql is installed, but initdb is not to be found")
    return programs


SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
shared_buffers = 64MB
max_wal_size = 1GB
deadlock_timeout = 200ms
track_commit_timestamp = on
lc_messages = 'C'
ssl = on
ssl_cert_file = '{folder}/server.crt'
ssl_key_file = '{folder}/server.key'
"""
ACCESS = """
local all postgres trust
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""


class Server(Process):
    def __init__(self):
        self.programs = ensure()
        super().__init__("PostgreSQL")
        self.port = free_port()
        # root may not run the server
        self.account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        try:
            self._create()
            self.start()
            self.query("CREATE ROLE alice LOGIN PASSWORD 'alice-secret'")
        except Exception:
            self.__exit__()
            raise

    def url(self, user="postgres", port=None, database="postgres", password=""):
        return f"postgresql://{user}{':' + password if password else ''}@127.0.0.1:{port or self.port}/{database}"

    def _as_owner(self):
        if not self.account:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def _run(self, *command):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, cwd=self.path, **self._as_owner())
        if done.returncode != 0:
            raise Unavailable(f"{command[0]}: {(done.stderr or done.stdout).strip()[-400:]}")

    def _create(self):
        self.path.chmod(0o755)
        if self.account:
            shutil.chown(self.path, self.account.pw_uid, self.account.pw_gid)
        self._run(self.programs / "initdb", "-D", self.path / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self._run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                  "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.path / "server.key", "-out", self.path / "server.crt")
        data = self.path / "data"
        with open(data / "postgresql.conf", "a", encoding="utf-8") as settings:
            settings.write(SETTINGS.format(port=self.port, folder=self.path))
        (data / "pg_hba.conf").write_text(ACCESS)

    def start(self):
        """Starts the server, again after stop() with all that it had, and waits until it answers."""
        self._launch([self.programs / "postgres", "-D", self.path / "data"], lambda: self.query("SELECT 1"), 60, refused=RuntimeError,
                     cwd=self.path, **self._as_owner())

    def stop(self, how="fast"):
        """How: "fast" ends sessions, "immediate" is a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[how])
            self.process.wait(60)

    def kill(self):
        """The server's processes are several: asked to crash, the first one ends the others."""
        if self.process and self.process.poll() is None:
            self.resume()
            self.stop("immediate")

    def _psql(self, database="postgres"):
        return ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--csv", "-t", self.url(database=database)]

    def query(self, sql):
        """The rows as lists of text, NULL as "NULL"; the time zone is UTC."""
        done = subprocess.run([*self._psql(), "-P", "null=NULL"], input=sql, capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PGTZ": "UTC"})
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return list(csv.reader(io.StringIO(done.stdout)))

    def session(self):
        """psql as a process with pipes, for a transaction that stays open."""
        return subprocess.Popen(self._psql(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)


class Proxy(proxy.Proxy):
    """Stands between clients and the server. lose_commits(n): the next n times that a client says COMMIT the server gets it, but the
    connection is cut before its answer; lose_commits(n, before=True): the server does not even get it."""

    def __init__(self, server):
        super().__init__(server.port)
        self.to_lose, self.before, self.lost = 0, False, 0

    def lose_commits(self, count, before=False):
        with self.lock:
            self.to_lose, self.before = count, before

    def request(self, data, state):
        with self.lock:
            lose = self.to_lose > 0 and b"COMMIT\0" in data
            if lose:
                self.to_lose -= 1
                self.lost += 1
        if lose and self.before:
            return proxy.CUT
        state["cut"] = state.get("cut", False) or lose
        return proxy.PASS

    def answer(self, data, state):
        return proxy.CUT if state.get("cut") else proxy.PASS
