"""A real S3 server for the tests: versitygw, built once by go into .deps/, started on a free port, stopped by pid.

    with s3.Server() as server:           # raises Unavailable where it cannot be had
        server.put("folder/a.json", b"{}")
        server.list("folder/")            # {"folder/a.json": 2}, by requests signed here: an independent reader

Its one user has the keys in `Server.access` and `Server.secret`; its bucket is named "lake".
"""
import datetime
import hashlib
import hmac
import http.client
import os
import shutil
import threading
import urllib.parse
import xml.etree.ElementTree

from services import proxy
from services.parts import DEPS, Process, Unavailable, fetch, free_port, run

VERSION = "1.8.0"
FOLDER = DEPS / f"versitygw-{VERSION}"
PROGRAM = FOLDER / "versitygw"


def _go():
    found = shutil.which("go") or "/usr/local/go/bin/go"
    if not os.access(found, os.X_OK):
        raise Unavailable("versitygw is built with go, which is not installed")
    return found


def ensure():
    """Builds the server, minutes of work the first time; the second time there is nothing to do."""
    if PROGRAM.exists():
        return
    go = _go()
    fetch(FOLDER, lambda new: run([go, "install", f"github.com/versity/versitygw/cmd/versitygw@v{VERSION}"], 1200,
                                  "building versitygw", env={**os.environ, "GOBIN": str(new)}))


class Server(Process):
    access, secret, bucket = "lake-user", "lake-secret-value", "lake"

    def __init__(self, domain=""):
        """With `domain`, the host BUCKET.domain is the bucket's too."""
        ensure()
        super().__init__("S3 server")
        self.domain = domain
        (self.path / "data").mkdir()
        self.port = free_port()
        try:
            self.start()
            self.request("PUT", "/" + self.bucket)
        except Exception:
            self.__exit__()
            raise

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def options(self, endpoint=None):
        """The options of a table that lies here."""
        return (f"'s3.endpoint' = '{endpoint or self.endpoint}', 's3.access-key' = '{self.access}', "
                f"'s3.secret-key' = '{self.secret}'")

    def start(self):
        """Starts the server, again after kill() with all that it had, and waits until it answers."""
        self._release_claims()
        keys = {"ROOT_ACCESS_KEY": self.access, "ROOT_SECRET_KEY": self.secret}
        if self.domain:
            keys["VGW_VIRTUAL_DOMAIN"] = self.domain
        self._launch([PROGRAM, "--port", f"127.0.0.1:{self.port}", "posix", self.path / "data"], lambda: self.request("GET", "/"), 60,
                     env={**os.environ, **keys})

    def _release_claims(self):
        """Takes back what the killed server had begun. It renames an upload to <id>.<etag>.inprogress while it completes it; if it finds
        such a folder after a start, it answers "completed" and never makes the object. Amazon's does nothing by halves. If the object is
        made, some of the parts may be gone already, and the folder is what was about to be removed."""
        bucket = self.path / "data" / self.bucket
        made = {hashlib.sha256(str(file.relative_to(bucket)).encode()).hexdigest() for file in bucket.rglob("*")
                if not file.is_relative_to(bucket / ".sgwtmp")}
        for claimed in bucket.glob(".sgwtmp/multipart/*/*.inprogress"):
            if claimed.parent.name in made:
                shutil.rmtree(claimed)
            else:
                claimed.rename(claimed.with_name(claimed.name.split(".")[0]))

    def request(self, method, path, query=None, body=b""):
        """Sends a signed request; returns the answer's body. RuntimeError for an answer that is an error."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        host, digest = f"127.0.0.1:{self.port}", hashlib.sha256(body).hexdigest()
        path = urllib.parse.quote(path, safe="/-._~")
        query = urllib.parse.urlencode(sorted((query or {}).items()), quote_via=urllib.parse.quote)
        headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(headers)
        canonical = "\n".join([method, path, query, *(f"{k}:{v}" for k, v in headers.items()), "", names, digest])
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret).encode()
        for part in [*scope.split("/"), to_sign]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path + ("?" + query if query else ""), body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content

    @staticmethod
    def _elements(text, name):
        """The <name> elements as dicts of their children's texts."""
        local = lambda element: element.tag.rsplit("}", 1)[-1]
        tree = xml.etree.ElementTree.fromstring(text)
        return [{local(child): child.text for child in each} for each in tree.iter() if local(each) == name]

    def put(self, key, content, bucket=None):
        self.request("PUT", f"/{bucket or self.bucket}/{key}", body=content)

    def get(self, key):
        return self.request("GET", f"/{self.bucket}/{key}")

    def list(self, prefix=""):
        """Sizes by key."""
        found, token = {}, None
        while True:
            query = {"list-type": "2", "prefix": prefix, **({"continuation-token": token} if token else {})}
            answer = self.request("GET", "/" + self.bucket, query)
            found.update((each["Key"], int(each["Size"])) for each in self._elements(answer, "Contents"))
            token = self._elements(answer, "ListBucketResult")[0].get("NextContinuationToken")
            if not token:
                return found

    def uploads(self, prefix=""):
        """The keys of multipart uploads that are under way."""
        answer = self.request("GET", "/" + self.bucket, {"uploads": "", "prefix": prefix})
        return [each["Key"] for each in self._elements(answer, "Upload")]


class Proxy(proxy.Proxy):
    """Stands between clients and the server. lose_answers(n): the next n times that a client completes an upload the server does so, but
    the connection is cut before its answer. `lie` answers completions itself, as if they had been done. hold(...) stops clients at a
    chosen request. `answered` counts the bytes that the server has sent."""

    LIE = b"HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n<CompleteMultipartUploadResult/>"

    def __init__(self, server):
        self.to_lose, self.lost, self.lie, self.answered = 0, 0, False, 0
        self.to_hold, self.hold_answer, self.held, self.released = None, False, threading.Event(), threading.Event()
        super().__init__(server.port)

    def __exit__(self, *unused):
        self.released.set()
        super().__exit__()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def lose_answers(self, count):
        with self.lock:
            self.to_lose = count

    def hold(self, *words, answer=False):
        """From now on requests whose first line has all these words do not reach the server, or their answers not the client. Their
        connections are cut at release(). `held` is set as soon as there is such a request."""
        self.held.clear()
        self.released.clear()
        self.to_hold, self.hold_answer = [word.encode() for word in words], answer

    def release(self):
        self.to_hold = None
        self.released.set()

    def _wait(self):
        self.held.set()
        self.released.wait()
        return proxy.CUT

    def request(self, data, state):
        line = data.split(b"\r\n", 1)[0]
        if not line.endswith(b" HTTP/1.1"):  # the rest of a request
            return proxy.DROP if state.get("lied") else proxy.PASS
        state["held"] = self.to_hold is not None and all(word in line for word in self.to_hold)
        if state["held"] and not self.hold_answer:
            return self._wait()
        completion = line.startswith(b"POST ") and b"uploadId=" in line
        state["lied"] = completion and self.lie
        if state["lied"]:
            return self.LIE
        if not completion:
            return proxy.PASS
        with self.lock:
            state["lost"] = self.to_lose > 0
            self.to_lose -= state["lost"]
            self.lost += state["lost"]
        return proxy.PASS

    def answer(self, data, state):
        with self.lock:
            self.answered += len(data)
        if state.get("held"):
            return self._wait()
        return proxy.CUT if state.get("lost") else proxy.PASS
