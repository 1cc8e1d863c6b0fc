"""Dynamic events of our own. They are the whole host's, under a group that names their owner."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from collector.capture.tracefs._owner import Owner
from collector.kvm.catalogue import EVENT_PROBES, VM_IOCTL, Probe

_COSTS = {probe.name: probe.costs for probe in EVENT_PROBES}
_LINE = re.compile(r"[a-z]\d*:(\w+)/(\w+) ", re.MULTILINE)
_ERROR = re.compile(r"error: (.*)\n\s*Command: (.*)")


@dataclass(slots=True)
class Probes:
    """Those that the kernel took, by the name of their event; and why it refused others."""

    root: Path
    group: str
    added: list[Probe] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # name -> why

    def add(self) -> None:
        """Event probes, or where there are none at all, a kprobe.

        Whether the kernel has them shows only in trying: its README lists both in any case.
        """
        self._try_each(EVENT_PROBES)
        if self.added:
            return
        for probe in VM_IOCTL.probes:
            self._try_each([probe])
            if self.added:
                return

    def _try_each(self, probes: Iterable[Probe]) -> None:
        for probe in probes:
            reason = self._refusal(probe.definition(self.group))
            if reason is None:
                self.added.append(probe)
                self.refused.pop(probe.name, None)
            else:
                self.refused[probe.name] = reason

    def _refusal(self, definition: str) -> str | None:
        """None: it was accepted."""
        try:
            write(self.root, definition)
        except OSError as error:
            return self._explanation(definition) or error.strerror or str(error)
        return None

    def _explanation(self, definition: str) -> str | None:
        """What the kernel logs of the last definition that it could not read."""
        try:
            errors = _ERROR.findall((self.root / "error_log").read_text(errors="replace"))
        except OSError:
            return None
        return next((why for why, what in reversed(errors) if what in definition), None)

    @property
    def are_event_probes(self) -> bool:
        return any(probe.kind == "e" for probe in self.added)

    @property
    def reasons(self) -> str:
        """In the kernel's words."""
        return ", ".join(sorted(set(self.refused.values())))

    def notes(self) -> tuple[str, ...]:
        """What the refused probes cost."""
        if self.are_event_probes:
            return tuple(
                f"The kernel refused the event probe {name} ({reason}): {_COSTS[name]} "
                "are not seen."
                for name, reason in self.refused.items()
            )
        if self.added:
            return (
                f"The kernel has no event probes ({self.reasons}); a kprobe at kvm_vm_ioctl reads "
                "what VMs are asked for. KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd is seen "
                "without its range.",
            )
        return (
            f"The kernel has neither event probes nor kprobes ({self.reasons}): tracepoints alone "
            "do not hold what is in the structs that ioctls point to.",
        )

    def remove(self) -> None:
        """No instance may use them any more."""
        for probe in self.added:
            with suppress(OSError):
                remove(self.root, self.group, probe.name)


def tried(root: Path) -> Probes:
    """What the kernel takes of them; they are removed already."""
    probes = Probes(root, Owner.ourselves().name)
    probes.add()
    probes.remove()
    return probes


def write(root: Path, command: str) -> None:
    """Raises OSError. Opening the file with O_TRUNC would remove everybody's probes."""
    descriptor = os.open(root / "dynamic_events", os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, command.encode())
    finally:
        os.close(descriptor)


def remove(root: Path, group: str, name: str) -> None:
    """Raises OSError, above all where an instance still uses it."""
    write(root, f"-:{group}/{name}")


def present(root: Path) -> Iterator[tuple[str, str]]:
    """(group, name) of all dynamic events of the host."""
    try:
        text = (root / "dynamic_events").read_text(errors="replace")
    except OSError:
        return
    yield from _LINE.findall(text)
