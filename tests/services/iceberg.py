"""Iceberg's own programs for the tests: pyiceberg as the independent reader and writer, and a REST catalog with a
proxy before it that loses answers. Fetched once, into .deps; started on free ports, stopped by pid.

    pyiceberg = iceberg.reader()           # raises Unavailable where it cannot be had
    with iceberg.RestCatalog(folder) as catalog: ... catalog.uri ...
"""
import http.client
import http.server
import importlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

from services.parts import DEPS, Unavailable, fetch, free_port, run

READER = DEPS / "pyiceberg-0.11.1"
PACKAGES = ["pyiceberg[sql-sqlite,pyarrow]==0.11.1", "duckdb"]
JARS = DEPS / "iceberg-rest-1.11.0"
JAVA_READER = DEPS / "iceberg-reader-1.11.0"


def reader():
    """The module pyiceberg."""
    fetch(READER, lambda folder: run([sys.executable, "-m", "pip", "install", "-q", "--only-binary=:all:", "--target",
                                      str(folder), *PACKAGES], 600, "fetching pyiceberg"))
    sys.path.insert(0, str(READER))
    try:
        return importlib.import_module("pyiceberg")
    except ImportError as error:
        raise Unavailable(f"pyiceberg: {error}") from error


def _ensure_jars(folder, pom, what):
    """Fetches what the pom names; the second time there is nothing to do."""
    for program in ("java", "mvn"):
        if not shutil.which(program) and not (program == "mvn" and folder.exists()):
            raise Unavailable(f"there is no {program}")
    fetch(folder, lambda new: run(
        ["mvn", "-B", "-q", "-f", str(pathlib.Path(__file__).with_name(pom)), "dependency:copy-dependencies",
         "-DincludeScope=runtime", f"-DoutputDirectory={new}"], 900, f"fetching {what}"))


def ensure_rest():
    _ensure_jars(JARS, "iceberg-rest-pom.xml", "the REST catalog")


def java_rows(metadata):
    """The rows of the table with this metadata file as Iceberg's Java library reads them, which applies equality deletes."""
    _ensure_jars(JAVA_READER, "iceberg-reader-pom.xml", "Iceberg's Java library")
    done = subprocess.run(
        ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{JAVA_READER}/*",
         str(pathlib.Path(__file__).with_name("IcebergReader.java")), str(metadata)],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"Iceberg's Java library cannot read {metadata}: {done.stderr[-2000:]}")
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


class _Proxy(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # the client was killed
            super().handle_error(request, client_address)


class RestCatalog:
    """A REST catalog over SQLite, with its warehouse in `folder`, behind a proxy.

    `lose` is the number of commits whose answer gets lost: each is passed on, then answered by 500 ("error") or by
    closing the connection ("drop"), as `how` says. The next `overlap` commits wait until another one is done, so that
    it is another table than they were made for. hold("before") keeps commits from the catalog, hold("after") their
    answers from the client, until release() closes the connections; `held` is set meanwhile. `commits` and `conflicts`
    (409) are counted.

    With `password`, requests are refused with 401 unless they bear a token of `tokens`; one is given for
    "user:<password>", and it is good for `uses` requests.
    """

    def __init__(self, folder):
        ensure_rest()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.lose, self.how, self.lost, self.commits = 0, "error", 0, 0
        self.overlap, self.conflicts, self.done, self.changed = 0, 0, 0, threading.Condition()
        self.to_hold, self.held, self.released = None, threading.Event(), threading.Event()
        self.password, self.tokens, self.uses, self.refused, self.scopes = None, {}, 1 << 30, 0, []
        self.warehouse = f"file://{self.folder}/wh"
        env = {**os.environ, "CATALOG_REST_PORT": str(self.port), "CATALOG_URI": f"jdbc:sqlite:{self.folder}/cat.db",
               "CATALOG_JDBC_USER": "u", "CATALOG_JDBC_PASSWORD": "p", "CATALOG_WAREHOUSE": self.warehouse}
        with open(self.folder / "rest.log", "wb") as log:
            self.process = subprocess.Popen(
                ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
                 f"{JARS}/*", "org.apache.iceberg.rest.RESTCatalogServer"],
                env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._wait()
        self.proxy = _Proxy(("127.0.0.1", 0), self._handler())
        self.proxy.daemon_threads = True
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()
        self.uri = f"http://127.0.0.1:{self.proxy.server_address[1]}"
        self.direct_uri = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.release()
        self.proxy.shutdown()
        self.proxy.server_close()
        self.process.kill()
        self.process.wait(30)

    def _wait(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self._ask("GET", "/v1/config", b"", {})
                return
            except OSError:
                time.sleep(0.1)
        self.process.kill()
        raise Unavailable("the REST catalog did not start: " + (self.folder / "rest.log").read_text()[-800:])

    def _ask(self, method, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", "application/json"), answer.read()
        finally:
            connection.close()

    def hold(self, when):
        self.held.clear()
        self.released.clear()
        self.to_hold = when

    def release(self):
        self.to_hold = None
        self.released.set()

    def _wait_if_held(self, when):
        if self.to_hold != when:
            return False
        self.held.set()
        self.released.wait()
        return True

    def _wait_for_another_commit(self):
        with self.changed:
            if self.overlap > 0:
                self.overlap -= 1
                seen = self.done
                self.changed.notify_all()
                self.changed.wait_for(lambda: self.done > seen, 120)

    def _count(self, status):
        with self.changed:
            self.commits += 1
            self.conflicts += status == 409
            self.done += status == 200
            self.changed.notify_all()

    def _sentry(self, path, body, headers):
        """What is answered in place of the catalog; None for a request that may pass."""
        if self.password is None:
            return None
        with self.changed:
            if path.endswith("/oauth/tokens"):
                asked = dict(urllib.parse.parse_qsl(body.decode()))
                self.scopes.append(asked.get("scope"))
                if (asked.get("client_id"), asked.get("client_secret")) != ("user", self.password):
                    return 401, b'{"error": {"message": "wrong client", "type": "NotAuthorizedException", "code": 401}}'
                token = f"token-{len(self.tokens)}"
                self.tokens[token] = self.uses
                return 200, json.dumps({"access_token": token, "token_type": "bearer"}).encode()
            token = headers.get("Authorization", "").removeprefix("Bearer ")
            if self.tokens.get(token, 0) > 0:
                self.tokens[token] -= 1
                return None
            self.refused += 1
            return 401, b'{"error": {"message": "no valid token", "type": "NotAuthorizedException", "code": 401}}'

    def _handler(self):
        catalog = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *unused):
                pass

            def hang_up(self):
                self.close_connection = True
                try:
                    self.connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the client is dead

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {key: value for key, value in self.headers.items()
                           if key.lower() in ("content-type", "authorization", "accept")}
                commit = self.command == "POST" and b'"add-snapshot"' in body
                refusal = catalog._sentry(self.path, body, self.headers)
                if refusal is None and commit:
                    catalog._wait_for_another_commit()
                    if catalog._wait_if_held("before"):
                        self.hang_up()
                        return
                status, kind, answer = catalog._ask(self.command, self.path, body, headers) if refusal is None else \
                    (refusal[0], "application/json", refusal[1])
                if commit and refusal is None:
                    catalog._count(status)
                    if catalog._wait_if_held("after"):
                        self.hang_up()
                        return
                    if catalog.lose > 0:
                        catalog.lose -= 1
                        catalog.lost += 1
                        if catalog.how == "drop":
                            self.hang_up()
                            return
                        status, answer = 500, b'{"error": {"message": "lost", "type": "X", "code": 500}}'
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_POST = do_DELETE = do_HEAD = forward

        return Handler
