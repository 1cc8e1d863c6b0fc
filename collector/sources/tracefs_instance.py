"""A tracing instance of our own: its buffers, events and filters are nobody else's."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from collector.ftrace.formats import EventFormat, parse_event_format, parse_header_page
from collector.sources.live import HostCannot, Wishes

TRACEFS = Path("/sys/kernel/tracing")
BUFFER_KIB = 16384
"""Of each CPU."""
SUB_BUFFER_KIB = 64

_OURS = re.compile(r"gmemscope-(\d+)")
_KVM_CALLS = (0xAE01, 0xAE41, 0x4020AE46, 0x40A0AE49, 0x4020AED2, 0xC040AED4)
_EVENTS: dict[str, str | None] = {
    "syscalls/sys_enter_ioctl": "||".join(f"cmd=={cmd:#x}" for cmd in _KVM_CALLS),
    "syscalls/sys_exit_ioctl": None,
    "syscalls/sys_enter_fallocate": None,
    "syscalls/sys_exit_fallocate": None,
    "kvm/kvm_vm_set_mem_attributes": None,
    "kvm/kvm_hypercall": "nr==12",
    "kvm/kvm_userspace_exit": None,  # any other exit ends what a guest's request explains
    "task/task_newtask": None,
    "sched/sched_process_exit": None,
}
"""What is recorded where the kernel has it, and the filter that the kernel applies."""


class TracefsInstance:
    """Recording while it exists. `remove` leaves nothing behind."""

    def __init__(self, wishes: Wishes, root: Path = TRACEFS) -> None:
        """Raises HostCannot."""
        remove_left_behind(root)
        self.path = root / "instances" / f"gmemscope-{os.getpid()}"
        try:
            self.path.mkdir()
        except OSError as error:
            raise HostCannot(f"no tracing instance can be made: {error}") from error
        try:
            self.formats = self._set_up(wishes)
            self.page_size = self._page_size()
        except (OSError, ValueError) as error:
            self.remove()
            raise HostCannot(f"the tracing instance cannot be set up: {error}") from error

    def _set_up(self, wishes: Wishes) -> list[EventFormat]:
        self.tell("tracing_on", "0")
        self.tell("trace_clock", "mono")
        if (self.path / "buffer_subbuf_size_kb").exists():
            self.tell("buffer_subbuf_size_kb", str(SUB_BUFFER_KIB))
        self.tell("buffer_size_kb", str(BUFFER_KIB))
        if wishes.pids:
            self.tell("options/event-fork", "1")
            self.tell("set_event_pid", " ".join(map(str, wishes.pids)))
        formats = []
        for name, event_filter in _EVENTS.items():
            event = self.path / "events" / name
            if not event.is_dir():
                continue
            if event_filter is not None:
                self.tell(f"events/{name}/filter", event_filter)
            self.tell(f"events/{name}/enable", "1")
            formats.append(parse_event_format(event.parent.name, (event / "format").read_text()))
        self.tell("tracing_on", "1")
        return formats

    def _page_size(self) -> int:
        layout = parse_header_page((self.path / "events" / "header_page").read_text())
        if not layout.is_64_bit:
            raise ValueError("this kernel is not a 64-bit one")
        return layout.size

    def tell(self, file: str, word: str) -> None:
        (self.path / file).write_text(word)

    def cpus(self) -> list[int]:
        return sorted(int(path.name[3:]) for path in (self.path / "per_cpu").glob("cpu*"))

    def stop(self) -> None:
        self.tell("tracing_on", "0")

    def remove(self) -> None:
        """Its files must be closed."""
        _remove(self.path)


def left_behind(root: Path = TRACEFS) -> Iterator[Path]:
    """Instances named for a process of ours that is no more."""
    for path in (root / "instances").glob("gmemscope-*"):
        match = _OURS.fullmatch(path.name)
        if match is not None and not Path(f"/proc/{match[1]}").exists():
            yield path


def remove_left_behind(root: Path = TRACEFS) -> None:
    for path in left_behind(root):
        with suppress(OSError):
            _remove(path)


def _remove(path: Path) -> None:
    (path / "tracing_on").write_text("0")
    (path / "events" / "enable").write_text("0")
    path.rmdir()
