"""Commands in processes of their own, for a fourth of what starting one costs.

Most of the work of a short command is to import what it needs and to load compiled loops. So each
process that runs tests has a template: a process that did so once, by importing the examples, has
one thread, and forks for each command. The child gets the arguments, environment, folder and
standard files of the command, and from there is what `python -m app.cli` is. It is a child of the
process that runs the test, which signals it and waits for it as for any other: `Forked` is a
`subprocess.Popen`.

Tests of how a command starts, of what it imports, of privileges and of limits on memory start their
own: `sys.executable`.
"""

import ctypes
import json
import os
import resource
import runpy
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, cast

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.dat"))
PR_SET_CHILD_SUBREAPER = 36
MOST_BYTES = 1 << 17
READ_AT_START = ("PYTHON", "NUMBA_")
"""Variables that take effect as Python starts or numba is imported."""
WITHOUT_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""A fork leaves all threads behind but one: numpy and pyarrow start theirs as they are imported."""
FOLLOWED = ("PYTHONWARNINGS",)
"""What the child does of them itself."""


class Wanted(NamedTuple):
    """A command. `cpu_limit_s` 0: no limit."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    cpu_limit_s: int


class Forked(subprocess.Popen[str]):
    """`python -m app.cli ARGUMENTS`."""

    def __init__(
        self,
        arguments: Sequence[object],
        cpu_limit_s: int = 0,
        **how: Any,  # noqa: ANN401 -- what Popen takes of files, env and cwd
    ) -> None:
        self._cpu_limit_s = cpu_limit_s
        super().__init__([str(each) for each in arguments], text=True, **how)

    def _execute_child(self, *given: object) -> None:
        """In place of the fork and exec of `subprocess`, which nothing public can replace."""
        asked = signature(cast(Any, subprocess.Popen)._execute_child).bind(self, *given).arguments
        environment = dict(os.environ if asked["env"] is None else asked["env"])
        folder = os.fspath(asked["cwd"] or Path.cwd())
        wanted = Wanted(asked["args"], environment, folder, self._cpu_limit_s)
        ends = [asked[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        files = [inherited if end == -1 else end for inherited, end in enumerate(ends)]
        with adopting_orphans():
            self.pid = template().fork(wanted, files)
        process = cast(Any, self)
        process._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        process._close_pipe_fds(*(asked[name] for name in pipes))


def run(
    arguments: Sequence[object],
    **how: Any,  # noqa: ANN401 -- what Forked takes
) -> subprocess.CompletedProcess[str]:
    """`python -m app.cli ARGUMENTS` to its end, and what it printed."""
    pipe = subprocess.PIPE
    with Forked(arguments, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, **how) as process:
        printed, complaints = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, printed, complaints)


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Whoever loses its parent meanwhile, and descends from this process, becomes its child."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@cache
def template() -> "Template":
    return Template()


class Template:
    """The process that forks, as the tests see it. It ends with them."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        self._environment = dict(os.environ)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-m", "tests.forking", str(theirs.fileno())],
                cwd=ROOT,
                env=self._environment | WITHOUT_THREADS,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def fork(self, wanted: Wanted, files: list[int]) -> int:
        """The id of the process that becomes the command."""
        for name in wanted.environment.keys() | self._environment.keys():
            if name.startswith(READ_AT_START) and name not in FOLLOWED:
                assert wanted.environment.get(name) == self._environment.get(name), name
        socket.send_fds(self._socket, [json.dumps(wanted).encode()], files)
        answer = self._socket.recv(100)
        assert answer, f"the template of commands ended: {self._process.wait()}"
        return int(answer)


def prepare() -> None:
    """Import what a command imports, and load the compiled loops of an import."""
    import collector.capture.agent
    import collector.capture.choice
    import collector.simulator  # noqa: F401
    from app.store.database import open_database
    from app.store.read import Reader
    from app.store.write import RecordingWriter
    from collector.importing import format_of, import_file

    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(Path(folder) / "example.db")
        for path in EXAMPLES:
            import_file(path, format_of(path), lambda header: RecordingWriter(engine, header))
        Reader(engine).vms()
        engine.dispose()


def await_command(requests: socket.socket) -> Wanted:
    """Returns in each child, which has the standard files of its command and nothing else of it."""
    while True:
        request, files, _, _ = socket.recv_fds(requests, MOST_BYTES, 3)
        if not request:
            sys.exit()
        (_,) = Path("/proc/self/task").iterdir()  # another thread would not be in the child
        pid = fork_apart()
        if pid == 0:
            requests.close()
            for own, file in enumerate(files):
                os.dup2(file, own)
        for file in files:
            os.close(file)
        if pid == 0:
            return Wanted(*json.loads(request))
        requests.send(str(pid).encode())


def fork_apart() -> int:
    """Like `os.fork`, but the child loses its parent before this one returns its process id."""
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        child = os.fork()
        if child != 0:
            os.write(writing, str(child).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        if between == 0:
            return 0
        os.waitpid(between, 0)
        return int(pipe.read())


def run_command(wanted: Wanted) -> None:
    """As `python -m app.cli` does from here on."""
    os.environ.clear()
    os.environ.update(wanted.environment)
    os.chdir(wanted.folder)
    if wanted.cpu_limit_s:
        resource.setrlimit(resource.RLIMIT_CPU, (wanted.cpu_limit_s, wanted.cpu_limit_s))
    if given := wanted.environment.get("PYTHONWARNINGS"):
        assert given == "error"
        warnings.simplefilter("error")
    how: Any = {"encoding": sys.stdout.encoding, "errors": sys.stdout.errors, "closefd": False}
    sys.stdin, sys.stdout = os.fdopen(0, **how), os.fdopen(1, "w", **how)
    sys.stderr = os.fdopen(2, "w", buffering=1, **(how | {"errors": "backslashreplace"}))
    sys.argv[1:] = wanted.arguments
    runpy.run_module("app.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    prepare()
    with socket.socket(fileno=int(sys.argv[1])) as accepted:
        command = await_command(accepted)
    run_command(command)
