"""A dashboard in a process of its own, and the CPU time that it has taken.

Imports nothing large: see benchmarks.measure.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

GMEMSCOPE = Path(sys.executable).with_name("gmemscope")
PATIENCE_S = 600  # for one answer: another program may have the machine


class Server(NamedTuple):
    """A `gmemscope serve` that runs."""

    port: int
    pid: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> bytes:
        """The body of an answer. Raises RuntimeError if it is not one."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {body[:200].decode(errors='replace')}")
        return body

    def cpu(self) -> float:
        """Seconds of user and system time of all its threads so far, ended ones included.

        The clock of another process, as clock_getcpuclockid(3) names it: /proc/PID/stat counts the
        same in steps of 10 ms.
        """
        return time.clock_gettime(~self.pid << 3 | 2)

    def peak_rss(self) -> int:
        """Bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@contextmanager
def served(database: Path) -> Iterator[Server]:
    """Run `gmemscope serve` on a database; nothing of it is cached in the process yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(GMEMSCOPE), "serve", "--port", str(port), "--database", str(database)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server did not start")
