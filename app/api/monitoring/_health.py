"""Whether the dashboard lives, and whether it can answer."""

from fastapi import APIRouter

from app.http.dependencies import ReaderOf

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(reader: ReaderOf) -> dict[str, str]:
    """The database can be read; a problem names why if not."""
    reader.hosts()
    return {"status": "ready"}
