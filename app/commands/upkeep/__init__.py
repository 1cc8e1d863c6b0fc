"""Commands that look after an installation: `check`, `delete`, `prune`, `doctor`, `warm`.

`check` reads all of a database, `delete` and `prune` make it smaller, `doctor` looks at the host,
`warm` runs every hot loop once, over a database of its own that it removes, so that its compiled
code is kept.
"""

from app.commands.upkeep import (
    _check as check,
    _delete as delete,
    _doctor as doctor,
    _prune as prune,
    _warm as warm,
)

__all__ = [
    "check",
    "delete",
    "doctor",
    "prune",
    "warm",
]
