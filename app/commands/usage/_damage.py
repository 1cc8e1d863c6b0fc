"""What a command that read a database reports of its damage."""

from typing import TYPE_CHECKING

from app.errors import CommandError

if TYPE_CHECKING:
    from app.store.read import Reader


def report_damage(reader: "Reader", recording_id: int) -> None:
    """Once an answer was given: raises CommandError if damage was met on the way to it."""
    from app.queries.inventory import find_recording

    recording = find_recording(reader, recording_id)
    if recording.is_damaged:
        raise CommandError(f"recording {recording_id}: {recording.incomplete_reason}")
