"""How large a database is."""

from dataclasses import dataclass

from sqlalchemy import Engine

from app.store.errors import explained


@dataclass(frozen=True, slots=True)
class Space:
    """Of the database's file; without its log, which is moved into it again and again."""

    file_bytes: int
    free_bytes: int  # in the file: what is recorded next takes it

    @property
    def used_bytes(self) -> int:
        return self.file_bytes - self.free_bytes


def space(engine: Engine) -> Space:
    """Of a database in a file of SQLite's."""
    with explained(str(engine.url.database)), engine.connect() as connection:
        page, pages, free = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_size", "page_count", "freelist_count")
        )
        return Space(page * pages, page * free)
