"""What each file format offers to the importer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from collector.description import SourceDescription
from collector.records import CallArray


class ImportedFile(Protocol):
    """An open file: what it is, and its calls in order of time, in batches of bounded size."""

    @property
    def bytes_read(self) -> int | None:
        """None if the file is not read from front to back."""

    def describe(self) -> SourceDescription: ...

    def sees(self) -> dict[str, bool]:
        """Capability -> is it in the recording, by what was met so far."""

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Events by name met so far: those that were used, and those that are not needed."""

    def batches(self) -> Iterator[CallArray]:
        """Yield calls in time order. Raises InputError at damage, after yielding what was sound."""

    def close(self) -> None: ...


class FileFormat(Protocol):
    """A class that reads files of one format: called with a path, it opens the file.

    Opening raises InputError if nothing of the file can be decoded.
    """

    def detects(self, head: bytes) -> bool:
        """Whether a file that begins so is of this format."""

    def __call__(self, path: Path) -> ImportedFile: ...
