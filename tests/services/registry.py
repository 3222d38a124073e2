"""A real schema registry (Apicurio, by Confluent's API) for the tests, a stand-in that fails on purpose, and the
Python readers of Avro and Protocol Buffers. All are fetched once into .deps/.

    with registry.Registry() as schemas:       # raises Unavailable where it cannot be had
        id = schemas.register("orders-value", {...})
"""
import base64
import http.server
import json
import ssl
import sys
import threading
import urllib.error
import urllib.request

from services.parts import DEPS, Process, Unavailable, fetch, free_port, run

VERSION = "3.0.9"
READERS = ("fastavro==1.12.0", "protobuf==6.32.0")


def readers():
    """Makes the Python packages fastavro and google.protobuf importable."""
    folder = DEPS / ("readers-" + "-".join(READERS).replace("==", "-"))

    def fill(new):
        run(["/usr/bin/python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(new), *READERS],
             300, "fetching the readers")
        for wheel in new.glob("*.whl"):
            run(["/usr/bin/python3", "-m", "zipfile", "-e", str(wheel), str(new)], 60, "unpacking the readers")
            wheel.unlink()
    fetch(folder, fill)
    sys.path.insert(0, str(folder))


def _app():
    folder = DEPS / f"apicurio-{VERSION}"

    def fill(new):
        run(["mvn", "-B", "-q", "dependency:copy", f"-Dartifact=io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all",
              f"-DoutputDirectory={new}"], 900, "fetching the registry")
        for archive in new.glob("*.tar.gz"):
            run(["tar", "-xzf", str(archive), "-C", str(new)], 120, "unpacking the registry")
            archive.unlink()
    fetch(folder, fill)
    return folder


class Registry(Process):
    def __init__(self):
        app = _app()
        super().__init__("registry")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/apis/ccompat/v7"
        jar = next(app.glob("**/apicurio-registry-app-*-runner.jar"))
        self._launch(["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.port}",
                      "-Dapicurio.storage.kind=sql", "-cp", f"{jar}:{jar.parent}/lib/*:{app}/lib/*", "io.quarkus.runner.GeneratedMain"],
                     lambda: self.ask("GET", "/subjects"), 180, cwd=self.path)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, data=json.dumps(body).encode() if body else None,
                                         headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def register(self, subject, schema, kind="AVRO"):
        text = schema if isinstance(schema, str) else json.dumps(schema)
        return self.ask("POST", f"/subjects/{subject}/versions", {"schema": text, "schemaType": kind})["id"]

    def schema(self, number):
        return json.loads(self.ask("GET", f"/schemas/ids/{number}")["schema"])


class StandIn:
    """Speaks just as much of the registry's protocol over HTTPS as a test needs: with a user and password, and with
    `failures`, answers (status, body) that come first."""

    def __init__(self, folder, schemas, user="", failures=()):
        self.schemas, self.user, self.failures, self.requests = schemas, user, list(failures), []
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
              "-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/key.pem",
              "-out", f"{folder}/authority.pem"], 30, "making a certificate")
        self.authority = f"{folder}/authority.pem"
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *unused):
                pass

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stand_in.requests.append((self.command, self.path, body.decode()))
                if stand_in.failures:
                    return self.answer(*stand_in.failures.pop(0))
                wanted = "Basic " + base64.b64encode(stand_in.user.encode()).decode()
                if stand_in.user and self.headers.get("Authorization") != wanted:
                    return self.answer(401, {"error_code": 401, "message": "who are you?"})
                number = self.path.rsplit("/", 1)[1]
                if self.command == "POST":
                    return self.answer(200, {"id": 77})
                if number in stand_in.schemas:
                    return self.answer(200, {"schema": json.dumps(stand_in.schemas[number])})
                return self.answer(404, {"error_code": 40403, "message": "no such schema"})

            do_GET = do_POST = handle_any

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, f"{folder}/key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.server.shutdown()
        self.server.server_close()
