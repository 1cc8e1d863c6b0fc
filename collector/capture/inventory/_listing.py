"""The list of processes that a recipe writes beside a recording (collector/recipes/_processes.py):
it names whose threads are whose, and who had VMs, where the recording itself does not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from collector.capture.inventory._descriptors import KvmFds
from collector.description import SourceDescription
from collector.recipes import ENDING, PROCESSES_FIRST_LINE
from collector.vm_inventory import FoundVm, Inventory, VmmFacts

MOST_BYTES = 1 << 26
NS_PER_S = 1_000_000_000
OTHER_BOOT_NS = 5 * NS_PER_S
"""Clocks that were set meanwhile differ by less, those of another boot by more."""
_AT = re.compile(r"at (\d{0,18}) (\d{1,9})\.(\d\d) (\d{1,11}) (\d{1,6}) (\S+)")
_THREAD = re.compile(r"thread (\d{1,9}) (\d{1,9}) (\d{1,11}) (\d{1,9}) (.*)")
_FD = re.compile(r"fd (\d{1,9}) (\d{1,9}) (\S+)")


@dataclass(frozen=True, slots=True)
class Thread:
    pid: int
    start_ns: int  # boot clock
    parent: int  # process
    command: str


@dataclass(slots=True)
class Section:
    """One look at the host."""

    mono_ns: int | None
    boot_ns: int
    wall_ns: int
    host: str
    ticks_per_s: int
    threads: dict[int, Thread] = field(default_factory=dict)
    fds: dict[int, KvmFds] = field(default_factory=dict)
    is_whole: bool = False

    def at(self, clock: str) -> int | None:
        """When it was, by a recording's clock; None: that clock was not read."""
        return {"mono": self.mono_ns, "boot": self.boot_ns}.get(clock)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a list adds to a recording."""

    thread_groups: dict[int, int] = field(default_factory=dict)
    found: Inventory | None = None
    notes: tuple[str, ...] = ()  # sentences for people


def looks_like_listing(head: bytes) -> bool:
    return head.startswith(PROCESSES_FIRST_LINE.encode())


def listing_beside(recording: Path) -> Path:
    return recording.with_name(recording.name + ENDING)


def list_beside(recording: Path, described: SourceDescription) -> Beside:
    """What the list beside a recording adds to it; nothing if there is none. Raises nothing: what
    is wrong with the list is a note, and then it is not used."""
    path = listing_beside(recording)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return Beside()
    except OSError as error:
        return _unused(path, f"it cannot be read: {error.strerror}")
    if not looks_like_listing(content) or len(content) > MOST_BYTES:
        return _unused(path, "it is no list of processes by `gmemscope recipe`")
    sections = list(_sections(content.decode(errors="replace")))
    problem = _problem(sections, described)
    return _unused(path, problem) if problem else _beside(path, sections, described)


def _unused(path: Path, reason: str) -> Beside:
    return Beside(notes=(f"{path.name} beside the recording was not used: {reason}.",))


def _sections(text: str) -> Iterator[Section]:
    section = None
    for line in text.split("\n"):
        if at := _AT.fullmatch(line):
            section = _section(at)
            yield section
        elif section is not None and not section.is_whole:
            _take(section, line)


def _section(at: re.Match[str]) -> Section:
    mono, seconds, hundredths, wall, ticks, host = at.groups()
    boot_ns = int(seconds) * NS_PER_S + int(hundredths) * (NS_PER_S // 100)
    mono_ns = int(mono) if mono else None
    return Section(mono_ns, boot_ns, int(wall) * NS_PER_S, host, max(1, int(ticks)))


def _take(section: Section, line: str) -> None:
    """Lines that are cut or none of ours add nothing."""
    if thread := _THREAD.fullmatch(line):
        start_ns = int(thread[3]) * NS_PER_S // section.ticks_per_s
        section.threads[int(thread[2])] = Thread(
            int(thread[1]), start_ns, int(thread[4]), thread[5]
        )
    elif fd := _FD.fullmatch(line):
        section.fds.setdefault(int(fd[1]), KvmFds()).add(int(fd[2]), fd[3])
    else:
        section.is_whole = line == "end"


def _problem(sections: list[Section], described: SourceDescription) -> str | None:
    """Why a list is of no use for a recording."""
    if not any(section.threads for section in sections):
        return "it names no process"
    if described.host not in ("", "unknown", sections[0].host):
        return f"it is of the host {sections[0].host}, the recording of {described.host}"
    if any(section.at(described.clock) is None for section in sections):
        return f"it has no time of the recording's clock ({described.clock})"
    if any(_is_of_another_boot(section, described) for section in sections):
        return "its times are those of another boot of the host"
    return None


def _is_of_another_boot(section: Section, described: SourceDescription) -> bool:
    at = section.at(described.clock)
    if at is None or described.wall_start_ns is None:
        return False
    by_wall = section.wall_ns - described.wall_start_ns
    return abs(by_wall - (at - described.clock_start_ns)) > OTHER_BOOT_NS


def _beside(path: Path, sections: list[Section], described: SourceDescription) -> Beside:
    """A thread that was there before the recording began and still is when somebody looks was of
    that process all the while: its number was nobody else's."""
    groups: dict[int, int] = {}
    for section in sections:
        since_ns = _on_boot_clock(section, described)
        begun = {tid: one.pid for tid, one in section.threads.items() if one.start_ns < since_ns}
        groups |= begun
    cut = sum(not section.is_whole for section in sections)
    notes = [f"{path.name} beside the recording names the processes of {len(groups)} threads."]
    if cut:
        notes.append(f"{path.name} is cut: it may leave out threads and VMs.")
    return Beside(groups, _found(sections[0], described), tuple(notes))


def _on_boot_clock(section: Section, described: SourceDescription) -> int:
    """When the recording began, less what /proc rounds off."""
    at = section.at(described.clock) or 0
    rounded = NS_PER_S // 100 + NS_PER_S // section.ticks_per_s
    return section.boot_ns - (at - described.clock_start_ns) - rounded


def _found(section: Section, described: SourceDescription) -> Inventory | None:
    """The VMs of a section. Whether several descriptors of a process name one VM nobody asked:
    those become known by their calls. What a child has under the number of its parent's is that."""
    vms = []
    for pid, fds in section.fds.items():
        leader = section.threads.get(pid)
        if leader is None or _is_inherited(section, leader.parent, fds):
            continue
        if len(fds.vms) == 1:
            facts = VmmFacts(pid, leader.start_ns, leader.command)
            vms.append(FoundVm(facts, (fds.vms[0],), dict(fds.vcpus)))
    at = section.at(described.clock)
    if at is None or not vms:
        return None
    return Inventory(max(at, described.clock_start_ns), tuple(vms))


def _is_inherited(section: Section, parent: int, fds: KvmFds) -> bool:
    theirs = section.fds.get(parent)
    return theirs is not None and not set(theirs.vms).isdisjoint(fds.vms)
