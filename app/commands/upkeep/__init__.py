"""Commands that look after an installation: `check`, `doctor`, `warm`."""

from app.commands.upkeep import _check as check, _doctor as doctor, _warm as warm

__all__ = [
    "check",
    "doctor",
    "warm",
]
