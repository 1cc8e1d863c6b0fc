"""What REST answers of the example, and what a terminal shows of it, byte by byte.

Who means to change an answer runs this with GMEMSCOPE_WRITE_ANSWERS=1, which writes them anew, and
looks at what differs.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.queries.storms import fact_lines, interval_view
from app.settings import Settings
from app.store.database import open_database
from app.store.read import Reader
from app.store.write import RecordingWriter
from collector.importing import import_file
from tests.serving import serving

ANSWERS = Path(__file__).parent / "answers"
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "convwork.dat"
ASKED = {
    "storms": "storms?min_calls=100&min_rate=1&over_baseline=1",
    "stretch": "stretch?from=100000000&to=900000000",
    "timeline": "timeline?buckets=6",
    "failed": "events?outcome=failed&limit=3",
    "newest": "events?kind=conversion&direction=private&size=4k&order=desc&limit=2",
    "memslots": "memslots",
    "refused": "events?outcome=maybe&errno=EWHAT",
}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("answers") / "example.db"
    engine = open_database(str(path))
    import_file(EXAMPLE, "trace.dat", lambda header: RecordingWriter(engine, header))
    engine.dispose()
    return path


@pytest.fixture(scope="module")
def dashboard(example: Path) -> Iterator[httpx.Client]:
    with serving(Settings(database_url=str(example))) as client:
        yield client


def same(name: str, text: str) -> None:
    path = ANSWERS / name
    if os.environ.get("GMEMSCOPE_WRITE_ANSWERS"):
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} is not what it was"


@pytest.mark.parametrize("name", ASKED)
def test_rest_answers_what_it_did(dashboard: httpx.Client, name: str) -> None:
    answer = dashboard.get(f"/api/v1/vms/1/{ASKED[name]}")
    same(f"{name}.json", json.dumps(answer.json(), indent=1) + "\n")


def test_a_terminal_shows_what_it_did(example: Path) -> None:
    engine = open_database(str(example))
    reader = Reader(engine)
    lines = list(fact_lines(interval_view(reader, reader.vm(1), *reader.span(1))))
    engine.dispose()
    same("stretch.txt", "\n".join(lines) + "\n")
