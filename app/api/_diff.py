"""Two moments side by side."""

from fastapi import APIRouter

from app.http.answers import OnlyJson
from app.http.dependencies import ReaderOf
from app.http.parameters import SidesOf, vms_of
from app.queries.history import Diff, diff, moment, rows_between

router = APIRouter(tags=["diff"])


@router.get("/diff", dependencies=[OnlyJson])
def show_diff(reader: ReaderOf, chosen: SidesOf) -> Diff:
    """What became private, shared or unknown between two moments of one VM, or of two VMs."""
    first, second = vms_of(reader, chosen)
    a = moment(reader, first, chosen.at, chosen.event)
    b = moment(reader, second, chosen.at_b, chosen.event_b)
    return diff(a, b, rows_between(reader, a, b))
