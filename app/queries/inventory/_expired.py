"""Stretches of a VM whose events retention took."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

if TYPE_CHECKING:
    from app.store.read import Reader  # with numpy, which `list` does not load


@dataclass(frozen=True, slots=True)
class ExpiredView:
    """A stretch of which no events are kept any more."""

    from_t: Annotated[int, Field(serialization_alias="from")]
    to_t: Annotated[int, Field(serialization_alias="to")]
    count: Annotated[int, Field(description="Events that were there.")]
    cell_ns: Annotated[
        int | None,
        Field(
            description="What happened is still known in cells so long, or a few times as long "
            "where they are joined. Null: nothing of it is known."
        ),
    ]


def expired_views(
    reader: "Reader", vm_id: int, t_from: int | None = None, t_to: int | None = None
) -> list[ExpiredView]:
    """Those that meet [t_from, t_to)."""
    return [
        ExpiredView(one.from_t, one.to_t, one.count, one.cell_ns)
        for one in reader.expired(vm_id)
        if (t_to is None or one.from_t < t_to) and (t_from is None or one.to_t >= t_from)
    ]
