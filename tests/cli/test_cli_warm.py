"""`gmemscope warm`."""

import gc
from pathlib import Path

from numba.core.dispatcher import Dispatcher

from app.commands.upkeep import _warm as warm
from app.store.database import open_database
from tests.small_guest import write_small_recording


def compiled_functions() -> int:
    """How many signatures of hot loops this process has compiled or loaded."""
    things = gc.get_objects()  # among them proxies of what is gone, which isinstance() would ask
    return sum(len(thing.overloads) for thing in things if issubclass(type(thing), Dispatcher))


def test_a_recording_is_written_and_shown_without_compiling(tmp_path: Path) -> None:
    warm.command()
    before = compiled_functions()

    path = tmp_path / "gmemscope.db"
    write_small_recording(path)
    engine = open_database(path)
    warm.look_at_everything(engine)
    engine.dispose()

    assert before > 0
    assert compiled_functions() == before
