"""What a process of ours that was killed left in tracefs, and removing it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collector.capture.tracefs import _probes as tracefs_probes
from collector.capture.tracefs._owner import Owner

TRACEFS = Path("/sys/kernel/tracing")


@dataclass(frozen=True, slots=True)
class _Instance:
    path: Path
    owner: Owner

    def __str__(self) -> str:
        return f"tracing instance {self.path.name} of process {self.owner.pid}, which is gone"

    def remove(self) -> None:
        """The kernel refuses while anybody reads it, and switches its events off."""
        self.path.rmdir()


@dataclass(frozen=True, slots=True)
class _Probe:
    root: Path
    name: str
    owner: Owner

    def __str__(self) -> str:
        event = f"{self.owner.name}/{self.name}"
        return f"event probe {event} of process {self.owner.pid}, which is gone"

    def remove(self) -> None:
        tracefs_probes.remove(self.root, self.owner.name, self.name)


def left_behind(root: Path = TRACEFS) -> list[str]:
    """A description each of instances and probes of processes of ours that are no more."""
    return [str(found) for found in _found(root)]


def remove_left_behind(root: Path = TRACEFS) -> list[str]:
    """Remove them; returns what could not be removed, and why."""
    stay = []
    for found in list(_found(root)):
        try:
            found.remove()
        except OSError as error:
            stay.append(f"{found}: {error.strerror}")
    return stay


def _found(root: Path) -> Iterator[_Instance | _Probe]:
    """Instances first: probes cannot be removed as long as one uses them."""
    for path in sorted((root / "instances").glob("gmemscope_*")):
        owner = Owner.named(path.name)
        if owner is not None and owner.is_gone:
            yield _Instance(path, owner)
    for group, name in tracefs_probes.present(root):
        owner = Owner.named(group)
        if owner is not None and owner.is_gone:
            yield _Probe(root, name, owner)
