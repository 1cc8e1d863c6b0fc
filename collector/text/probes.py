"""Probes in text: known by what they print, for everyone names them as he likes.

name: fd=5 address=0x0 ...                  an event probe
name: (ffffffff81033604) kvm=0x... ...      a kprobe
name: (ffffffff81033604 <- ffffffff813c2c95) ret=0      a kretprobe, of the same function
"""

import re

from collector.ftrace.recognise import EVENT_PROBES, KPROBES, Shape, canonical
from collector.ftrace.returns import RETURN_OF_ENTRY
from collector.records import RecordCode
from collector.text.templates import Store, Template, constant

_PLACE = re.compile(r"\(([^\s)]+)(?: <- [^)]*)?\) ")
_FIELD = re.compile(r"(\w+)=(?:-?\d+|0x[0-9a-f]+)")
_RETURNS = {("ret",), ("fd",)}


class Probes:
    """What the probes met so far are."""

    def __init__(self) -> None:
        self._entry_at: dict[str, RecordCode] = {}  # address of a function -> its kprobe

    def templates_of(self, name: str, payload: str) -> tuple[Template, ...]:
        """How the lines look of a probe that printed this; none if it is none that we know."""
        place = _PLACE.match(payload)
        words = payload[place.end() if place else 0 :].split()
        fields = [found[1] for word in words if (found := _FIELD.fullmatch(word))]
        if not fields or len(fields) != len(words):
            return ()
        prefix = "(~) " if place else ""
        if tuple(fields) in _RETURNS:
            code = self._return(name, place)
            return () if code is None else (Template(code, f"{prefix}{fields[0]}=#"),)
        shape = _fitting(fields, KPROBES if place else EVENT_PROBES)
        if shape is None:
            return ()
        if place:
            self._entry_at[place[1]] = shape.code
        return (_template(shape, fields, prefix),)

    def _return(self, name: str, place: re.Match[str] | None) -> RecordCode | None:
        if place is None:  # of a system call: the result alone does not tell of which
            is_fallocate = "fallocate" in name
            return RecordCode.FALLOCATE_EXIT if is_fallocate else RecordCode.IOCTL_EXIT
        entry = self._entry_at.get(place[1])
        return None if entry is None else RETURN_OF_ENTRY.get(entry)


def _fitting(fields: list[str], shapes: tuple[Shape, ...]) -> Shape | None:
    names = frozenset(map(canonical, fields))
    return next((shape for shape in shapes if shape.fits(names)), None)


def _template(shape: Shape, fields: list[str], prefix: str) -> Template:
    sources = {source.name: source for source in shape.sources}
    stores = [
        Store(sources[name].index, sources[name].shift)
        if (name := canonical(field)) in sources
        else Store(0, factor=0)
        for field in fields
    ]
    constants = [
        constant(source.index, source.default)
        for source in shape.sources
        if source.default is not None and source.name not in map(canonical, fields)
    ]
    pattern = prefix + " ".join(f"{field}=#" for field in fields)
    return Template(shape.code, pattern, tuple(stores), tuple(constants), shape.flags)
