"""No cell of a CSV file that we write is run by the spreadsheet that opens it."""

import csv
import io

import pyarrow as pa
import pytest

from app.queries.choices import TableFormat
from app.queries.events import SCHEMAS
from app.queries.tables import RECORDINGS, VMS, table_chunks
from app.queries.tables._columns import NAME

FORMULAS = [
    "=1+1",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    '=HYPERLINK("http://x")',
]
HARMLESS = ["a=b", "", "'=1", " =1", "0x10", "guest-a", "1-2"]


def written(table_format: TableFormat, **columns: pa.Array) -> bytes:
    batch = pa.RecordBatch.from_pydict(columns)
    return b"".join(table_chunks([batch], batch.schema, table_format))


def csv_cells(**columns: pa.Array) -> list[list[str]]:
    text = written(TableFormat.CSV, **columns).decode()
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), NAME])
def test_text_that_begins_a_formula_becomes_text(text: str, kind: pa.DataType) -> None:
    column = pa.array([text, "plain", None]).cast(pa.string())
    cast = column.dictionary_encode().cast(kind) if kind == NAME else column.cast(kind)
    assert csv_cells(name=cast, n=pa.array([1, 2, 3])) == [
        [f"'{text}", "1"],
        ["plain", "2"],
        ["", "3"],
    ]


def test_other_text_and_numbers_stay_as_they_are() -> None:
    numbers = pa.array([-1, -2, -3, 4, 5, 6, 7])
    floats = pa.array([-0.5] * 7)
    assert csv_cells(name=pa.array(HARMLESS), n=numbers, x=floats) == [
        [text, str(number), "-0.5"]
        for text, number in zip(HARMLESS, numbers.to_pylist(), strict=True)
    ]


def test_formats_that_no_spreadsheet_runs_keep_the_text() -> None:
    assert b'"=1+1"' in written(TableFormat.JSONL, name=pa.array(["=1+1"]))


@pytest.mark.parametrize("schema", [RECORDINGS, VMS, *SCHEMAS.values()], ids=str)
def test_every_column_of_text_is_of_a_kind_that_is_looked_at(schema: pa.Schema) -> None:
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        assert not pa.types.is_nested(kind), field
        assert not pa.types.is_string_view(kind), field
