"""What was found on a host at one instant, without having been seen to come about."""

from dataclasses import dataclass

from app.model.events import RunArray


@dataclass(frozen=True, slots=True)
class VmmFacts:
    """A process that may own VMs. With its start time, `pid` names it for good."""

    pid: int
    start_ns: int  # boot clock (/proc/PID/stat, field 22)
    command: str
    name: str | None = None  # QEMU's -name guest=, or what other VMMs call theirs
    uuid: str | None = None  # QEMU's -uuid, which libvirt always gives


@dataclass(frozen=True, slots=True)
class FoundPopulation:
    """What cachestat(2) counted in [offset, offset + npages * 4096) of a guest_memfd."""

    offset: int  # bytes
    npages: int
    populated: int  # pages


@dataclass(frozen=True, slots=True)
class FoundMemfd:
    """An open guest_memfd. `fds` are all the numbers that name it in its process."""

    fds: tuple[int, ...]
    dev: int  # st_dev
    ino: int  # st_ino
    size: int  # bytes
    flags: int | None = None  # of its creation; None: not known
    can_be_mapped: bool | None = None  # GUEST_MEMFD_FLAG_MMAP, where only that is known
    population: tuple[FoundPopulation, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundMemslot:
    """A memslot, as QEMU or kernel memory has it. None: the origin does not name it."""

    base_gfn: int
    npages: int
    userspace_addr: int | None = None
    slot: int | None = None
    as_id: int = 0
    flags: int | None = None
    memfd_ino: int | None = None
    memfd_offset: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class FoundVm:
    """A VM that was running already."""

    process: VmmFacts
    fds: tuple[int, ...]  # all the numbers that name it in its process
    vcpus: dict[int, int]  # vCPU fd -> vCPU id
    memfds: tuple[FoundMemfd, ...] = ()
    memslots: tuple[FoundMemslot, ...] = ()
    memslots_are_complete: bool = False  # there are no others
    threads: dict[int, int] | None = None  # thread -> the vCPU id it runs
    attributes: RunArray | None = None
    """The private pages, as the kernel holds them; all others are shared. None: not read."""
    kvm_pointer: int | None = None
    vm_type: int | None = None


@dataclass(frozen=True, slots=True)
class FoundStrays:
    """Files of a process that owns several VMs: nothing there names the VM that each belongs to."""

    process: VmmFacts
    vcpus: dict[int, int]  # vCPU fd -> vCPU id
    memfds: tuple[FoundMemfd, ...]

    @property
    def note(self) -> str:
        exist = sum(counted.populated for one in self.memfds for counted in one.population)
        return (
            f"{self.process.command} (pid {self.process.pid}) owns several VMs: which of them its "
            f"{len(self.memfds)} guest_memfds, of which {exist:,} pages exist, and its vCPUs "
            "belong to is not known until a call shows it."
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """All VMs of a host, or of the processes asked for, at `clock_ns` of the recording's clock."""

    clock_ns: int
    vms: tuple[FoundVm, ...]
    strays: tuple[FoundStrays, ...] = ()
    notes: tuple[str, ...] = ()  # sentences: what could not be read, and why
