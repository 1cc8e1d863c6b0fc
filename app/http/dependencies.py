"""What endpoints ask for, by type."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from app.http.deletions import Deletions
from app.http.feed import ChangeFeed
from app.http.limits import RowId
from app.importing import ImportJobs
from app.queries.counters import LiveCounts
from app.queries.history import Accounts
from app.queries.live import LiveStorms
from app.queries.maps import Rasters
from app.queries.storms import Storms
from app.settings import Settings
from app.store.read import Reader


def of_app(name: str) -> Callable[[Request], Any]:
    """What `app.main` made for all requests, by its name there."""

    def dependency(request: Request) -> Any:  # noqa: ANN401 -- what the annotation beside it names
        return getattr(request.app.state, name)

    return dependency


ReaderOf = Annotated[Reader, Depends(of_app("reader"))]
RastersOf = Annotated[Rasters, Depends(of_app("rasters"))]
StormsOf = Annotated[Storms, Depends(of_app("storms"))]
AccountsOf = Annotated[Accounts, Depends(of_app("accounts"))]
ImportsOf = Annotated[ImportJobs, Depends(of_app("imports"))]
DeletionsOf = Annotated[Deletions, Depends(of_app("deletions"))]
CountsOf = Annotated[LiveCounts, Depends(of_app("counts"))]
LiveOf = Annotated[LiveStorms, Depends(of_app("storms_now"))]
FeedOf = Annotated[ChangeFeed, Depends(of_app("feed"))]
SettingsOf = Annotated[Settings, Depends(of_app("settings"))]
RecordingId = Annotated[RowId, Path(description="The recording's id.")]
VmId = Annotated[RowId, Path(description="The VM's id.")]
