"""The tracing `format` files: where each field of an event lies in its record."""

import re
from dataclasses import dataclass
from functools import cached_property

_FIELD = re.compile(
    r"field:\s*(?P<declaration>[^;\n]{1,300});\s*offset:\s*(?P<offset>\d{1,9});"
    r"\s*size:\s*(?P<size>\d{1,9});(?:\s*signed:\s*(?P<signed>\d);)?"
)
_HEAD = re.compile(r"\s*name:\s*(?P<name>\S+)\s+ID:\s*(?P<id>\d{1,9})\s")
_LAST_IDENTIFIER = re.compile(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$")

EVENT_IDS = 1 << 16
"""common_type is a u16."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    declaration: str  # as the kernel prints it: "unsigned long start"
    offset: int  # bytes from the start of the record's data (common_type is at 0)
    size: int  # bytes
    is_signed: bool

    @property
    def is_integer(self) -> bool:
        return self.size in (1, 2, 4, 8) and "__data_loc" not in self.declaration


@dataclass(frozen=True)
class EventFormat:
    """One event's `format` file. Its fields are parsed when first asked for: a recording of all
    events has thousands of them, and few are looked at."""

    system: str
    name: str
    id: int  # differs from boot to boot
    text: str

    @property
    def full_name(self) -> str:
        return f"{self.system}:{self.name}"

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return parse_fields(self.text)

    def field(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names of its fields without the common ones."""
        return tuple(f.name for f in self.fields if not f.name.startswith("common_"))


def parse_event_format(system: str, text: str) -> EventFormat:
    """Parse one `format` file. Raises ValueError if it has no name or id."""
    head = _HEAD.match(text)
    if head is None or int(head["id"]) >= EVENT_IDS:
        raise ValueError("an event format without a name or a 16-bit ID")
    return EventFormat(system, head["name"], int(head["id"]), text)


def parse_fields(text: str) -> tuple[Field, ...]:
    fields = []
    for match in _FIELD.finditer(text):
        identifier = _LAST_IDENTIFIER.search(match["declaration"])
        if identifier is not None:
            fields.append(
                Field(
                    name=identifier[1],
                    declaration=match["declaration"].strip(),
                    offset=int(match["offset"]),
                    size=int(match["size"]),
                    is_signed=match["signed"] == "1",
                )
            )
    return tuple(fields)


@dataclass(frozen=True, slots=True)
class SubBufferFormat:
    """What events/header_page describes: the ring buffer's pages."""

    commit_offset: int
    commit_size: int
    data_offset: int
    data_size: int

    @property
    def size(self) -> int:
        """Bytes of a whole sub-buffer."""
        return self.data_offset + self.data_size

    @property
    def is_64_bit(self) -> bool:
        return (self.commit_offset, self.commit_size, self.data_offset) == (8, 8, 16)


def parse_header_page(text: str) -> SubBufferFormat:
    """Parse events/header_page. Raises ValueError if a field is missing."""
    fields = {field.name: field for field in parse_fields(text)}
    try:
        commit, content = fields["commit"], fields["data"]
    except KeyError as error:
        raise ValueError(f"header_page has no field {error}") from error
    return SubBufferFormat(commit.offset, commit.size, content.offset, content.size)
