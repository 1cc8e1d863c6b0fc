"""How large a parameter may be, and how much one answer holds at most."""

from typing import Annotated

from pydantic import Field

INTEGER_LIMIT = 1 << 63
"""Databases hold no larger ones."""
RowId = Annotated[int, Field(ge=1, lt=INTEGER_LIMIT)]
Instant = Annotated[int, Field(ge=0, lt=INTEGER_LIMIT)]
"""ns since the recording's start."""
EventNumber = Annotated[int, Field(ge=0, lt=INTEGER_LIMIT)]

JSON_LIMIT = 10_000
TABLE_LIMIT = 1_000_000
"""Tables hold this many rows; more follow by the Link header."""

MOST_RUNS = 1_000_000
