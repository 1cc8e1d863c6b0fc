"""The decoder that docs/schema.md gives to other programs works, and the tables it names exist."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from sqlmodel import SQLModel

from app.model.events import effect_time
from app.model.guest import EventKind
from app.store.schema import SCHEMA_VERSION
from tests.store.histories import Write, random_events

TEXT = (Path(__file__).parents[2] / "docs" / "schema.md").read_text()


def test_the_documented_decoder_reads_what_was_written(path: Path, write: Write) -> None:
    names: dict[str, Any] = {}
    (source,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(source, names)
    events = random_events(500)
    vm_id = write(events).vm_id
    events = events[events["kind"] == EventKind.CONVERSION]
    columns = zip(*names["conversions"](path, vm_id), strict=True)
    t, gfn, npages, to, outcome, latency = (np.concatenate(column) for column in columns)
    np.testing.assert_array_equal(t, effect_time(events))
    np.testing.assert_array_equal(gfn, events["gfn"])
    np.testing.assert_array_equal(npages, events["npages"])
    np.testing.assert_array_equal(to, events["to"])
    np.testing.assert_array_equal(outcome, events["outcome"])
    np.testing.assert_array_equal(latency, events["latency_ns"])


def test_every_table_is_documented() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    assert set(SQLModel.metadata.tables) <= documented
    assert f"`{SCHEMA_VERSION}`" in TEXT
