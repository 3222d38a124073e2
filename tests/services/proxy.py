"""A proxy between clients and a server on this machine, which loses what it is told to lose.

A subclass says how the stream is cut into pieces (read) and what becomes of each: it is passed on, dropped, sent twice, the connection
is cut instead, or its sender gets the bytes that the subclass returns for an answer.
"""
import socket
import threading

PASS, DROP, REPEAT, CUT = "pass", "drop", "repeat", "cut"


class Proxy:
    def __init__(self, target, port=0):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", port), reuse_port=port != 0)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self.listener.close()

    def read(self, connection):
        """The next piece; nothing at the end."""
        return connection.recv(1 << 16)

    def request(self, data, state):
        """What becomes of a piece from the client; `state` is a dictionary of this connection."""
        return PASS

    def answer(self, data, state):
        """What becomes of a piece from the server."""
        return PASS

    def _listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            state = {}
            for ends in ((client, server, self.request), (server, client, self.answer)):
                threading.Thread(target=self._pump, args=(*ends, state), daemon=True).start()

    def _pump(self, source, target, decide, state):
        try:
            while data := self.read(source):
                what = decide(data, state)
                if what == CUT:
                    break
                if isinstance(what, bytes):
                    source.sendall(what)
                elif what != DROP:
                    target.sendall(data * 2 if what == REPEAT else data)
        except OSError:
            pass
        for connection in (source, target):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        source.close()
