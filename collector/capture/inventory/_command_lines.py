"""What a VMM's command line calls its guest. Only what is certain: elsewhere there is no name."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from uuid import UUID


def guest_called(program: str, arguments: Sequence[str]) -> tuple[str | None, str | None]:
    """The guest's name and uuid by the command line of `program` (its path), None if not named.

    cloud-hypervisor, crosvm and libkrun have no option that names a guest.
    """
    base = PurePosixPath(program).name
    for part, read in _READERS.items():
        if part in base:
            return read(arguments)
    return None, None


def _qemu(arguments: Sequence[str]) -> tuple[str | None, str | None]:
    """`-name [guest=]NAME[,option=value]...`, `-uuid UUID`; the last one given counts.

    QEMU takes two dashes for one (system/vl.c, lookup_opt).
    """
    name = uuid = None
    for option, value in pairwise(arguments):
        if option in ("-name", "--name"):
            name = _keyvals(value, implied="guest").get("guest", name)
        elif option in ("-uuid", "--uuid"):
            uuid = _uuid(value) or uuid
    return name, uuid


def _keyvals(text: str, implied: str) -> dict[str, str]:
    """QEMU's `value,key=value,...` (util/qemu-option.c): a comma in a value is written twice."""
    found = {}
    for number, item in enumerate(text.replace(",,", "\0").split(",")):
        key, equals, value = item.partition("=")
        if not equals and number == 0:
            key, value = implied, item
        found[key] = value.replace("\0", ",")
    return found


def _uuid(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _firecracker(arguments: Sequence[str]) -> tuple[str | None, str | None]:
    """`--id ID`, which its jailer always gives."""
    return next((value for option, value in pairwise(arguments) if option == "--id"), None), None


_READERS: dict[str, Callable[[Sequence[str]], tuple[str | None, str | None]]] = {
    "qemu": _qemu,  # qemu-system-x86_64, qemu-kvm, .qemu-system-x86_64-wrapped
    "firecracker": _firecracker,
}
