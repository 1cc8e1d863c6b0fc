"""Storms that were written down before retention took events around them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, insert, select
from sqlmodel import Session, col

from app.store import checksums
from app.store.database import immediate
from app.store.errors import explained
from app.store.schema import KeptStorm

_SUMMED = (
    *("vm_id", "storm_id", "kind", "from_t", "to_t", "in_boot", "calls", "failed"),
    *("page_faults", "peak_per_second", "pages_changed", "is_at_least"),
)


def keep_storms(engine: Engine, vm_id: int, storms: Sequence[dict[str, Any]]) -> None:
    """Write storms of a VM down, values by column; what is there by its id stays as it is."""
    query = select(col(KeptStorm.storm_id)).where(col(KeptStorm.vm_id) == vm_id)
    with explained(str(engine.url.database)), immediate(engine).begin() as connection:
        known = set(connection.execute(query).scalars())
        rows = [{**one, "vm_id": vm_id} for one in storms if one["storm_id"] not in known]
        for row in rows:
            row["row_checksum"] = _checksum(row)
        if rows:
            connection.execute(insert(KeptStorm), rows)


def kept_storms(session: Session, vm_id: int) -> list[KeptStorm]:
    """Those that are what was stored, by start."""
    query = select(KeptStorm).where(col(KeptStorm.vm_id) == vm_id)
    rows = session.execute(query.order_by(col(KeptStorm.from_t))).scalars()
    return [row for row in rows if is_sound_storm(row)]


def is_sound_storm(row: KeptStorm) -> bool:
    return row.row_checksum == _checksum(row.model_dump())


def _checksum(row: dict[str, Any]) -> int:
    return checksums.of_values(*(row[name] for name in _SUMMED))
