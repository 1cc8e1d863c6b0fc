"""What is stored, for Prometheus (text exposition format 0.0.4). Labels: vm, outcome, state."""

from collections.abc import Callable, Iterator

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from app.api import collector_metrics
from app.api.dependencies import ReaderOf
from app.store.reader import Reader
from app.store.tables import RecordingState

router = APIRouter(tags=["health"])
CONTENT_TYPE = "text/plain; version=0.0.4"
Samples = Iterator[tuple[str, float]]
"""Labels in braces, and the value."""
Read = Callable[[Reader], Samples]


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(reader: ReaderOf) -> PlainTextResponse:
    """Counters and gauges of what is stored."""
    lines = [line for family in FAMILIES for line in exposition(reader, *family)]
    return PlainTextResponse("".join(f"{line}\n" for line in lines), media_type=CONTENT_TYPE)


def exposition(reader: Reader, name: str, kind: str, meaning: str, read: Read) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in read(reader):
        yield f"{name}{labels} {value}"


def recordings(reader: Reader) -> Samples:
    states = [recording.state for recording in reader.recordings()]
    for state in (RecordingState.WRITING, RecordingState.COMPLETE, RecordingState.INCOMPLETE):
        yield f'{{state="{state}"}}', states.count(state)


def conversions(reader: Reader) -> Samples:
    for vm in reader.vms(include_unattributed=True):
        for outcome in ("applied", "failed", "unconfirmed"):
            yield f'{{vm="{vm.id}",outcome="{outcome}"}}', getattr(vm, outcome)


def effective_pages(reader: Reader) -> Samples:
    for vm in reader.vms(include_unattributed=True):
        yield f'{{vm="{vm.id}"}}', vm.effective_pages


def pages(reader: Reader) -> Samples:
    for vm in reader.vms():
        for state in ("private", "shared", "unknown"):
            yield f'{{vm="{vm.id}",state="{state}"}}', getattr(vm, f"{state}_pages")


def lost_events(reader: Reader) -> Samples:
    for recording in reader.recordings():
        yield f'{{recording="{recording.id}"}}', recording.lost_events


FAMILIES: tuple[tuple[str, str, str, Read], ...] = (
    ("gmemscope_recordings", "gauge", "Recordings by state.", recordings),
    ("gmemscope_conversions_total", "counter", "Conversions by what became of them.", conversions),
    ("gmemscope_effective_pages_total", "counter", "Pages that really changed.", effective_pages),
    ("gmemscope_pages", "gauge", "Pages in live memslots by state.", pages),
    ("gmemscope_lost_events_total", "counter", "Events known to be lost.", lost_events),
    *collector_metrics.FAMILIES,
)
