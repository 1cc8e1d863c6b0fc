"""Commands that look after an installation: `check`, `doctor`, `warm`.

`check` reads all of a database, `doctor` looks at the host, `warm` runs every hot loop once, over a
database of its own that it removes, so that its compiled code is kept.
"""

from app.commands.upkeep import _check as check, _doctor as doctor, _warm as warm

__all__ = [
    "check",
    "doctor",
    "warm",
]
