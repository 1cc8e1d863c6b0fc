"""How large a parameter may be, and how much one answer holds at most."""

INTEGER_LIMIT = 1 << 63
"""Databases hold no larger ones."""

JSON_LIMIT = 10_000
TABLE_LIMIT = 1_000_000
"""Tables hold this many rows; more follow by the Link header."""

MOST_RUNS = 1_000_000
