"""A tracing instance of our own: its buffers, events and filters are nobody else's."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from collector.capture.live import HostCannot, LiveOptions
from collector.capture.memfd_device import memfd_device
from collector.capture.tracefs._left_behind import TRACEFS, remove_left_behind
from collector.capture.tracefs._owner import Owner
from collector.capture.tracefs._probes import Probes
from collector.kvm.catalogue import Recorded, of_device, recorded
from collector.trace.ring_buffer import EventFormat, parse_event_format, parse_header_page

BUFFER_KIB = 16384
"""Of each CPU, where there are few."""
ALL_BUFFERS_KIB = 1 << 20
LEAST_BUFFER_KIB = 2048
SUB_BUFFER_KIB = 64
CLOCK = "mono"


class TracefsInstance:
    """Records from `begin` on, while it exists. `remove` leaves nothing behind."""

    def __init__(self, options: LiveOptions, root: Path = TRACEFS) -> None:
        """Raises HostCannot."""
        remove_left_behind(root)
        name = Owner.ourselves().name
        self.path = root / "instances" / name
        self.probes = Probes(root, name)
        self.formats: list[EventFormat] = []
        self._refused: dict[str, str] = {}  # event -> why
        device = memfd_device() if options.backing else None
        self._has_no_memfds = options.backing and device is None
        try:
            self.path.mkdir()
        except OSError as error:
            raise HostCannot(f"no tracing instance can be made: {error}") from error
        try:
            self._set_up(options.pids)
            self._enable(_wanted(options, device))
            self.page_size = self._page_size()
            self.probes.add()
            self._enable(self._probe_filters())
        except (OSError, ValueError) as error:
            self.remove()
            raise HostCannot(f"the tracing instance cannot be set up: {error}") from error

    def _set_up(self, pids: Iterable[int]) -> None:
        self.write("tracing_on", "0")
        self.write("trace_clock", CLOCK)
        self.write("options/overwrite", "1")
        if (self.path / "buffer_subbuf_size_kb").exists():
            self.write("buffer_subbuf_size_kb", str(SUB_BUFFER_KIB))
        share = ALL_BUFFERS_KIB // max(1, len(self.cpus()))
        self.write("buffer_size_kb", str(max(LEAST_BUFFER_KIB, min(BUFFER_KIB, share))))
        follow(self.path, pids)

    def _enable(self, wanted: Mapping[str, str | None]) -> None:
        """Events that the kernel does not have are left out."""
        for name, event_filter in wanted.items():
            event = self.path / "events" / name
            if not event.is_dir():
                continue
            try:
                if event_filter is not None:
                    self.write(f"events/{name}/filter", event_filter)
                self.write(f"events/{name}/enable", "1")
            except OSError as error:
                self._refused[name.replace("/", ":")] = error.strerror or str(error)
                continue
            text = (event / "format").read_text()
            self.formats.append(parse_event_format(event.parent.name, text))

    def notes(self) -> tuple[str, ...]:
        """Sentences: what the kernel would not record, though it has it."""
        refused = self._refused.items()
        no_memfds = "KVM makes no guest_memfd here, so their page cache was not recorded."
        return (
            *self.probes.notes(),
            *((no_memfds,) if self._has_no_memfds else ()),
            *(f"The kernel refused to record {name} ({reason})." for name, reason in refused),
        )

    def _probe_filters(self) -> dict[str, str | None]:
        return {
            f"{self.probes.group}/{probe.name}": probe.condition if probe.kind == "p" else None
            for probe in self.probes.added
        }

    def _page_size(self) -> int:
        layout = parse_header_page((self.path / "events" / "header_page").read_text())
        if not layout.is_64_bit:
            raise ValueError("this kernel is not a 64-bit one")
        return layout.size

    def write(self, file: str, word: str) -> None:
        (self.path / file).write_text(word)

    def cpus(self) -> list[int]:
        """All that may ever come online."""
        return sorted(int(path.name[3:]) for path in (self.path / "per_cpu").glob("cpu*"))

    def problem(self) -> str | None:
        """What somebody else did to it, so that it records no longer what it did."""
        try:
            if (self.path / "tracing_on").read_text().strip() != "1":
                return f"somebody switched the tracing instance {self.path.name} off"
            if not self.has_its_clock:
                return f"somebody changed the clock of the tracing instance {self.path.name}"
            enabled = set((self.path / "set_event").read_text().split())
        except OSError as error:
            return f"the tracing instance {self.path.name} is not to be read: {error.strerror}"
        off = [event.full_name for event in self.formats if event.full_name not in enabled]
        return f"somebody switched {', '.join(off)} off in {self.path.name}" if off else None

    @property
    def has_its_clock(self) -> bool:
        """Else nothing that is in its buffers can be used."""
        with suppress(OSError):
            return f"[{CLOCK}]" in (self.path / "trace_clock").read_text()
        return False

    def begin(self) -> None:
        self.write("tracing_on", "1")

    def stop(self) -> None:
        self.write("tracing_on", "0")

    def clear(self) -> None:
        """Forget what the buffers hold, and what was overwritten: as if it had just been made."""
        self.write("trace", "")

    def remove(self) -> None:
        """Its files must be closed. Probes can go when no instance uses them."""
        with suppress(OSError):
            self.path.rmdir()
        self.probes.remove()


def _wanted(options: LiveOptions, memfd_device: int | None) -> dict[str, str | None]:
    wanted = recorded(Recorded.ALWAYS, Recorded.FILTERED)
    if options.faults:
        wanted |= recorded(Recorded.FAULTS)
    if options.backing and memfd_device is not None:
        wanted |= dict.fromkeys(recorded(Recorded.BACKING), of_device(memfd_device).text())
    return wanted


def follow(instance: Path, pids: Iterable[int]) -> None:
    """Only these processes and their children; none: all."""
    if threads := [tid for pid in pids for tid in _threads(pid)]:
        (instance / "options/event-fork").write_text("1")
        (instance / "set_event_pid").write_text(" ".join(map(str, threads)))


def _threads(pid: int) -> list[int]:
    """set_event_pid takes threads, and with event-fork what they will create."""
    try:
        return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return [pid]
