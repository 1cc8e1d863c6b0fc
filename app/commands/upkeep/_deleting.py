"""What `delete` and `prune` share: what goes, in words and as JSON, and where its space went."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.queries.inventory import RecordingView, StorageView
    from app.store.catalogue import Catalogue
    from app.store.database import Freed


@dataclass(frozen=True, slots=True)
class Stored:
    """A recording and what it takes."""

    recording: "RecordingView"
    storage: "StorageView"

    @property
    def name(self) -> str:
        return f"recording {self.recording.id}  {self.recording.name}"

    @property
    def line(self) -> str:
        from app.queries.figures import plural, text
        from app.queries.inventory import age_text

        return (
            f"{self.name}  {plural(self.storage.vms, 'VM')}, "
            f"{plural(self.storage.events, 'event')}, {text.size(self.storage.segment_bytes)}, "
            f"{age_text(self.storage)}"
        )

    @property
    def as_json(self) -> dict[str, Any]:
        from pydantic_core import to_jsonable_python

        one = self.recording
        stored: dict[str, Any] = to_jsonable_python(self.storage)
        return {"id": one.id, "uuid": one.uuid, "name": one.name, "storage": stored}


def all_stored(reader: "Catalogue") -> list[Stored]:
    """All recordings, oldest first."""
    from app.queries.inventory import recording_views, storage_views

    storage = {one.recording: one for one in storage_views(reader)}
    return [Stored(one, storage[one.id]) for one in recording_views(reader) if one.id in storage]


def chosen_of(stored: Sequence[Stored], named: Sequence[str]) -> list[Stored]:
    """Those that are named by id or uuid, each once. Raises UsageError: a mistyped number among
    others is no reason to delete these."""
    by_name = {str(one.recording.id): one for one in stored}
    by_name |= {one.recording.uuid: one for one in stored}
    unknown = [name for name in named if name not in by_name]
    if unknown:
        raise UsageError(
            f"there is no recording {', '.join(unknown)}; nothing was deleted "
            "(`gmemscope list` shows ids)"
        )
    return list({by_name[name].recording.id: by_name[name] for name in named}.values())


def delete_all(engine: "Engine", doomed: Sequence[Stored]) -> "Freed":
    """After what earlier deletions left; all go from sight before the first of them is removed."""
    from app.store.database import (
        Freed,
        deletion_steps,
        free_bytes,
        mark_deleted,
        unfinished_deletions,
    )

    given_back = 0
    try:
        for one in doomed:
            mark_deleted(engine, one.recording.id)
    finally:  # if one cannot be: it was deleted meanwhile, or the disk is full
        for recording_id in unfinished_deletions(engine):
            given_back += sum(deletion_steps(engine, recording_id))
    return Freed(given_back, free_bytes(engine))


def freed_line(freed: "Freed") -> str:
    from app.queries.figures import text

    kept = ""
    if freed.free_bytes:
        kept = f"; {text.size(freed.free_bytes)} are free in it, for what is recorded next"
    return f"the database's file is {text.size(freed.given_back_bytes)} smaller{kept}"


def result_json(doomed: Sequence[Stored], freed: "Freed | None", **more: object) -> str:
    """`freed` is None if nothing was deleted."""
    space = {
        "given_back_bytes": None if freed is None else freed.given_back_bytes,
        "free_bytes": None if freed is None else freed.free_bytes,
    }
    return json.dumps({"recordings": [one.as_json for one in doomed]} | space | more)
