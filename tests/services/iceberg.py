"""Iceberg's own programs for the tests: pyiceberg as the independent reader and writer, and a REST catalog with a
proxy before it that loses answers. Fetched once, into .deps; started on free ports, stopped by pid.

    pyiceberg = iceberg.reader()           # raises Unavailable where it cannot be had
    with iceberg.RestCatalog(folder) as catalog: ... catalog.uri ...
"""
import http.client
import http.server
import importlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

from services.parts import DEPS, Unavailable, fetch, free_port, run

READER = DEPS / "pyiceberg-0.11.1"
PACKAGES = ["pyiceberg[sql-sqlite,pyarrow]==0.11.1", "duckdb"]
JARS = DEPS / "iceberg-rest-1.11.0"


def reader():
    """The module pyiceberg."""
    fetch(READER, lambda folder: run([sys.executable, "-m", "pip", "install", "-q", "--only-binary=:all:", "--target",
                                      str(folder), *PACKAGES], 600, "fetching pyiceberg"))
    sys.path.insert(0, str(READER))
    try:
        return importlib.import_module("pyiceberg")
    except ImportError as error:
        raise Unavailable(f"pyiceberg: {error}") from error


def ensure_rest():
    """Fetches the REST catalog's jars; the second time there is nothing to do."""
    for program in ("java", "mvn"):
        if not shutil.which(program) and not (program == "mvn" and JARS.exists()):
            raise Unavailable(f"there is no {program}")
    pom = pathlib.Path(__file__).with_name("iceberg-rest-pom.xml")
    fetch(JARS, lambda folder: run(
        ["mvn", "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime",
         f"-DoutputDirectory={folder}"], 900, "fetching the REST catalog"))


class RestCatalog:
    """A REST catalog over SQLite, with its warehouse in `folder`, behind a proxy.

    `lose` is the number of commits whose answer gets lost: each is passed on, then answered by 500 ("error") or by
    closing the connection ("drop"), as `how` says.
    """

    def __init__(self, folder):
        ensure_rest()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.lose, self.how, self.lost, self.commits = 0, "error", 0, 0
        self.warehouse = f"file://{self.folder}/wh"
        env = {**os.environ, "CATALOG_REST_PORT": str(self.port), "CATALOG_URI": f"jdbc:sqlite:{self.folder}/cat.db",
               "CATALOG_JDBC_USER": "u", "CATALOG_JDBC_PASSWORD": "p", "CATALOG_WAREHOUSE": self.warehouse}
        with open(self.folder / "rest.log", "wb") as log:
            self.process = subprocess.Popen(
                ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
                 f"{JARS}/*", "org.apache.iceberg.rest.RESTCatalogServer"],
                env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._wait()
        self.proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.proxy.daemon_threads = True
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()
        self.uri = f"http://127.0.0.1:{self.proxy.server_address[1]}"
        self.direct_uri = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
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

    def _handler(self):
        catalog = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *unused):
                pass

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {key: value for key, value in self.headers.items()
                           if key.lower() in ("content-type", "authorization", "accept")}
                status, kind, answer = catalog._ask(self.command, self.path, body, headers)
                if self.command == "POST" and b'"add-snapshot"' in body:
                    catalog.commits += 1
                    if catalog.lose > 0:
                        catalog.lose -= 1
                        catalog.lost += 1
                        if catalog.how == "drop":
                            self.close_connection = True
                            self.connection.shutdown(socket.SHUT_RDWR)
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
