"""Coverage: what a recording can show, what it cannot and why, what it cost and lost."""

from fastapi import APIRouter

from app.http.answers import OnlyJson
from app.http.dependencies import ReaderOf, RecordingId
from app.queries.inventory import CoverageView, coverage_view

router = APIRouter(prefix="/recordings", tags=["recordings"])


@router.get("/{recording_id}/coverage", dependencies=[OnlyJson])
def show_coverage(reader: ReaderOf, recording_id: RecordingId) -> CoverageView:
    """What this recording can and cannot show, and why; counters of its collector; its losses."""
    return coverage_view(reader, recording_id)
