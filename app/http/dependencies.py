"""What endpoints ask for, by type."""

from typing import Annotated, cast

from fastapi import Depends, Path, Request

from app.http.feed import ChangeFeed
from app.http.limits import RowId
from app.importing import ImportJobs
from app.queries.history import Accounts
from app.queries.maps import Rasters
from app.queries.storms import Storms
from app.settings import Settings
from app.store.read import Reader


def reader_of(request: Request) -> Reader:
    return cast(Reader, request.app.state.reader)


def rasters_of(request: Request) -> Rasters:
    return cast(Rasters, request.app.state.rasters)


def storms_of(request: Request) -> Storms:
    return cast(Storms, request.app.state.storms)


def accounts_of(request: Request) -> Accounts:
    return cast(Accounts, request.app.state.accounts)


def imports_of(request: Request) -> ImportJobs:
    return cast(ImportJobs, request.app.state.imports)


def feed_of(request: Request) -> ChangeFeed:
    return cast(ChangeFeed, request.app.state.feed)


def settings_of(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


ReaderOf = Annotated[Reader, Depends(reader_of)]
RastersOf = Annotated[Rasters, Depends(rasters_of)]
StormsOf = Annotated[Storms, Depends(storms_of)]
AccountsOf = Annotated[Accounts, Depends(accounts_of)]
ImportsOf = Annotated[ImportJobs, Depends(imports_of)]
FeedOf = Annotated[ChangeFeed, Depends(feed_of)]
SettingsOf = Annotated[Settings, Depends(settings_of)]
RecordingId = Annotated[RowId, Path(description="The recording's id.")]
VmId = Annotated[RowId, Path(description="The VM's id.")]
