"""Flink 2.3 beside Millrace: its jars from the wheel `apache-flink-libraries`, its connector to Kafka by Maven, fetched once
into .deps; RunSql.java, compiled here, runs a script in one JVM."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

from services.parts import DEPS, Unavailable, fetch, install
from services.parts import run as call

HERE = pathlib.Path(__file__).resolve().parent
JARS = DEPS / "flink-2.3.0"
# More than the job wants. Buffers of the network and managed memory come on top.
HEAP = "-Xmx1g"


class Run(NamedTuple):
    seconds: float  # by the clock
    cpu: float  # seconds of the whole process


def _fetch(folder):
    """Flink's jars and the connector's in one folder."""
    call(["/usr/bin/python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(folder),
          "apache-flink-libraries==2.3.0"], 900, "fetching Flink")
    for wheel in folder.glob("*.whl"):
        call(["/usr/bin/python3", "-m", "zipfile", "-e", str(wheel), str(folder / "wheel")], 300, "unpacking Flink")
        wheel.unlink()
    for jar in (folder / "wheel" / "pyflink" / "lib").glob("*.jar"):
        jar.rename(folder / jar.name)
    shutil.rmtree(folder / "wheel")
    call(["mvn", "-B", "-q", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies", "-DincludeScope=runtime",
          f"-DoutputDirectory={folder}"], 600, "fetching Flink's connector to Kafka")


def ensure():
    for program, package in (("javac", "openjdk-17-jdk-headless"), ("mvn", "maven")):
        if not shutil.which(program) and not (program == "mvn" and JARS.exists()):
            install(package)
    fetch(JARS, _fetch)


def run(script, times):
    """Runs a script so many times in one JVM: what its start took, the runs, and the largest resident set in MB."""
    ensure()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "job.sql").write_text(script)
        # Only errors are logged; they stand with what Java says.
        (folder / "log4j2.properties").write_text("rootLogger.level = ERROR\n")
        call(["javac", "-cp", f"{JARS}/*", "-d", name, str(HERE / "RunSql.java")], 120, "compiling RunSql.java")
        with (folder / "output").open("w+") as output, (folder / "errors").open("w+") as errors:
            process = subprocess.Popen(
                ["java", HEAP, "-cp", f"{name}:{JARS}/*", "RunSql", "job.sql", str(times)],
                cwd=name, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            lines = [line.split() for line in output if line.startswith("run ")]
            if process.returncode != 0 or len(lines) != times:
                sys.exit(f"Flink failed: {errors.read()[-3000:]}")
    figures = [[float(number) for number in line[1:]] for line in lines]
    runs = [Run(end - start, cpu_end - cpu_start) for start, cpu_start, end, cpu_end in figures]
    return Run(*figures[0][:2]), runs, usage.ru_maxrss / 1024
