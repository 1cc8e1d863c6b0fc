"""Clocks of recordings that are none: where no time is recorded, only an order."""

LINE_NUMBERS = "line number"
"""The clock of a log without times: t is the number of the line."""
NS_PER_LINE = 1000
"""A line is taken for a microsecond."""
