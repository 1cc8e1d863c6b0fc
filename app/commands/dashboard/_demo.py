"""`gmemscope demo`: the dashboard with a simulated guest, live."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.commands.dashboard._serve import Host, Port
from app.commands.usage import Database, check_libraries

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when its parent dies."""


def command(host: Host = "127.0.0.1", port: Port = 8000, database: Database = None) -> None:
    """Show a simulated confidential guest, live, in the browser; needs no KVM."""
    from app.main import create_app
    from app.serving import bind, load_settings, run, url_of

    settings = load_settings(host, port)
    check_libraries()
    with bind(host, port) as listener:
        shown = database or str(fresh_database(listener.getsockname()[1]))
        app = create_app(settings.model_copy(update={"database_url": shown}))
        with simulated_guest(shown):
            print(f"gmemscope: a simulated guest runs at {url_of(listener)}", flush=True)
            print("gmemscope: Ctrl-C ends both", flush=True)
            run(app, listener)


def fresh_database(port: int) -> Path:
    """The demo's own database, emptied. Whoever holds the port owns the file of that name."""
    from app.store.database import data_folder

    path = data_folder() / f"demo-{port}.db"
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path


@contextmanager
def simulated_guest(database: str) -> Iterator[None]:
    """Run the live simulator beside us. It ends with us, however we end."""
    arguments = ("simulate", "--live", "--database", database)
    simulator = subprocess.Popen(
        (sys.executable, "-P", "-m", "app.cli", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )
    try:
        yield
    finally:
        simulator.terminate()
        try:
            simulator.wait(timeout=5)
        except subprocess.TimeoutExpired:
            simulator.kill()
            simulator.wait()


def end_with_parent() -> None:
    """In the child, before it starts: even a killed dashboard leaves no simulator behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
