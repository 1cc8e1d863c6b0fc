"""One file for each question that a screen, an answer of REST, a command or a report asks.

A query takes a `Reader` and returns frozen dataclasses, models or tables; it knows nothing of
HTTP or HTML. `figures` has what all of them write numbers with, and what is known of each figure.
"""

__all__: list[str] = []
