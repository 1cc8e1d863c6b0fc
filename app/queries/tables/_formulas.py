"""Text that a spreadsheet would run: names and notes come from guests and from other people.

Excel, LibreOffice and Google Sheets take a cell of a CSV file for a formula if it begins with one
of these, quoted or not (OWASP, "CSV Injection"); an apostrophe in front makes it text.
"""

import pyarrow as pa
import pyarrow.compute as pc

BEGINS_A_FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""The last four are full-width forms, which some take for the plain ones."""


def as_plain_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows; cells of text that begin a formula begin with an apostrophe instead."""
    columns = [_plain(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _plain(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(column.indices, _plain(column.dictionary))
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    risky = pc.match_substring_regex(column, BEGINS_A_FORMULA)
    if not pc.any(risky).as_py():
        return column
    ends = [pa.scalar(text, column.type) for text in ("'", "")]
    return pc.if_else(risky, pc.binary_join_element_wise(ends[0], column, ends[1]), column)
