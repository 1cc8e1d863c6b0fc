"""Column types that SQL databases lack: unsigned 64-bit integers and enumerations by name."""

from enum import IntEnum
from typing import Generic, TypeVar

from sqlalchemy import BigInteger, Dialect, String
from sqlalchemy.types import TypeDecorator

E = TypeVar("E", bound=IntEnum)


class Unsigned64(TypeDecorator[int]):
    """A u64 kept in the signed 64-bit integer with the same bits (kernel pointers, raw flags)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        return value - (1 << 64) if value >= 1 << 63 else value

    def process_result_value(self, value: object | None, dialect: Dialect) -> int | None:
        return value % (1 << 64) if isinstance(value, int) else None


class EnumName(TypeDecorator[E], Generic[E]):
    """An IntEnum kept as its name in lower case, for people who read the tables."""

    impl = String(16)
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        return None if value is None else self.enum(value).name.lower()

    def process_result_value(self, value: object | None, dialect: Dialect) -> E | None:
        return None if value is None else self.enum[str(value).upper()]
