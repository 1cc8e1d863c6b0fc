"""`gmemscope trigger`: the armed collector of a database begins to record."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.recording._armed import REQUEST
from app.commands.usage import Database, open_to_read
from app.errors import CommandError, HostError

if TYPE_CHECKING:
    from sqlalchemy import Engine

MOMENT_S = 0.1


def command(database: Database = None) -> None:
    """Make the armed collector of this database record now: what the kernel's buffers hold, and
    what comes from there on.

    A collector that is recording already goes on until it was calm for as long again.
    """
    engine = open_to_read(database)
    try:
        pid = armed_collector(engine)
    finally:
        engine.dispose()
    try:
        os.kill(pid, REQUEST)
    except PermissionError as error:
        raise HostError(f"process {pid} is another user's: use sudo") from error
    except ProcessLookupError as error:
        raise CommandError(f"process {pid} has just ended") from error
    print(f"process {pid} was asked to record")


def armed_collector(engine: "Engine") -> int:
    """Its process. Raises CommandError: a process that awaits no such signal dies of it."""
    from app.store.database import WriterLock
    from app.store.errors import WriterBusy

    name = engine.url.database or str(engine.url)
    try:
        with WriterLock(engine, MOMENT_S):
            pass
    except WriterBusy as busy:
        if busy.pid is None:
            raise CommandError(f"{name} is being opened; try again") from busy
        if not awaits_request(busy.pid):
            raise CommandError(
                f"process {busy.pid} writes {name}, but is no armed collector: it needs no trigger"
            ) from busy
        return busy.pid
    raise CommandError(
        f"no collector is armed on {name}: start one with `gmemscope collect --armed`"
    )


def awaits_request(pid: int) -> bool:
    """Whether the process has a handler for the signal (SigCgt of proc(5))."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = int(text.partition("SigCgt:")[2].split(maxsplit=1)[0], 16)
    return bool(caught >> (REQUEST - 1) & 1)
