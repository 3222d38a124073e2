"""What the servers of this folder have in common: parts are fetched once, into .deps, and listen on free ports."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

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
