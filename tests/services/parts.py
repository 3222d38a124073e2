"""What the servers of this folder have in common: parts are fetched once, into .deps, and listen on free ports."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

DEPS = pathlib.Path(__file__).resolve().parent.parent.parent / ".deps"


class Unavailable(Exception):
    """A part cannot be had here: tests that need it are skipped."""


def run(command, seconds, what, **more):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, **more)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what}: {error}") from error
    if done.returncode != 0:
        raise Unavailable(f"{what}: {(done.stderr or done.stdout).strip()[-400:]}")


def install(package):
    """A Debian package."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    run([*sudo, "apt-get", "install", "-y", "-q", "--no-install-recommends", package], 600, f"installing {package}",
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def fetch(folder, fill):
    """Makes `folder` by calling fill(new folder), all or nothing; does nothing if it is there."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = pathlib.Path(tempfile.mkdtemp(prefix=folder.name + ".", dir=folder.parent))
    new.chmod(0o755)  # others may run a program that stands on it
    try:
        fill(new)
        new.rename(folder)
    except OSError:
        if not folder.exists():  # else somebody else was quicker
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server as a child process, in a temporary folder of its own; a subclass starts it by _launch()."""

    def __init__(self, name):
        self.name = name
        self.folder = tempfile.TemporaryDirectory(prefix=f"millrace-{name.replace(' ', '-')}-")
        self.path = pathlib.Path(self.folder.name)
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()
        self.folder.cleanup()

    def _launch(self, command, ask, seconds, refused=OSError, **more):
        """Starts the server and waits until `ask` raises none of `refused`; Unavailable after that many seconds."""
        with open(self.path / "server.log", "ab") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, **more)
        deadline = time.monotonic() + seconds
        last = None
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                ask()
                return
            except refused as error:
                last = error
                time.sleep(0.05)
        tail = (self.path / "server.log").read_text(errors="replace")[-1500:]
        self.__exit__()
        raise Unavailable(f"the {self.name} did not start: {last}\n{tail}")

    def kill(self):
        """As a power cut does it to the server; what it has written stays for the next start."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(30)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
