"""Options that choose events, spelled as REST spells its parameters."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.errors import UsageError

if TYPE_CHECKING:
    from app.model.filtering import EventFilter
    from app.store.reader import Reader

PANEL = "Which events (conversions and events only; each option is repeatable)"


def _option(name: str, help_text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}", help=help_text, rich_help_panel=PANEL, show_default=False
    )
    return option


Kind = Annotated[list[str] | None, _option("kind", "conversion, hypercall, page_fault ...")]
Outcome = Annotated[list[str] | None, _option("outcome", "applied, failed or unconfirmed.")]
Direction = Annotated[list[str] | None, _option("direction", "private, shared or unknown.")]
Cause = Annotated[list[str] | None, _option("cause", "explicit, implicit, vmm or none.")]
Errno = Annotated[list[str] | None, _option("errno", "EAGAIN, or 11.")]
Vcpu = Annotated[list[str] | None, _option("vcpu", "A vCPU's number, or unknown.")]
Tid = Annotated[list[str] | None, _option("tid", "A host thread's id.")]
Size = Annotated[
    list[str] | None, _option("size", "4k, 2m, below_2m, above_2m, unaligned_2m or unknown.")
]
Slot = Annotated[
    list[str] | None,
    _option("memslot", "What lies in a memslot's range while it is there: 1, or 1:2 (SMM)."),
]


def filter_of(reader: "Reader", vm_id: int, texts: dict[str, list[str] | None]) -> "EventFilter":
    """Raises UsageError."""
    from app.views.event_filters import FilterError, event_filter

    try:
        return event_filter(reader, vm_id, texts)
    except FilterError as error:
        raise UsageError(f"--{error.name}: {error}") from error
