"""The runs of a recorder that a live recording is made of."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.store.catalogue import Catalogue
from app.store.schema import Chapter, Recording


@dataclass(frozen=True, slots=True)
class ChapterView:
    """One run of the recorder, with the clocks that hold for its times."""

    from_t: Annotated[int, Field(serialization_alias="from")]
    to_t: Annotated[int | None, Field(serialization_alias="to", description="Null: it goes on.")]
    clock_start_ns: Annotated[str, Field(description="The trace's own clock at `from`, as text.")]
    wall_start_ns: Annotated[str | None, Field(description="UNIX time at `from`, ns, as text.")]
    boot_id: Annotated[str | None, Field(description="Of the host's kernel, as random(4) has it.")]
    kernel_release: str | None
    source: str
    ended: Annotated[str | None, Field(description="Why it ended. Null: it goes on.")]


def chapter_views(reader: Catalogue, recording: Recording) -> list[ChapterView]:
    """In order; none of what was imported, or recorded by an earlier gmemscope."""
    return [_chapter_view(chapter) for chapter in reader.chapters(recording.id)]


def _chapter_view(chapter: Chapter) -> ChapterView:
    wall = chapter.wall_start_ns
    return ChapterView(
        from_t=chapter.from_t,
        to_t=chapter.to_t,
        clock_start_ns=str(chapter.clock_start_ns),
        wall_start_ns=None if wall is None else str(wall),
        boot_id=chapter.boot_id,
        kernel_release=chapter.kernel_release,
        source=chapter.source,
        ended=chapter.ended,
    )
