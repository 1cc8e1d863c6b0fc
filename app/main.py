"""The dashboard as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from app import api, pages, resources
from app.access import Access
from app.http.answers import OPENAPI_PATH, SuffixMiddleware, add_problem_handlers
from app.http.deletions import Deletions
from app.http.feed import ChangeFeed, watch_storms
from app.importing import ImportJobs, ImportLimits
from app.openapi import describe
from app.pages import Hosts, answer_http_error
from app.queries.counters import LiveCounts
from app.queries.history import Accounts
from app.queries.live import LiveStorms
from app.queries.maps import Rasters
from app.queries.storms import Storms
from app.report import download
from app.serving import HeadAsGet, security
from app.settings import Settings
from app.store.database import database_path, default_database, open_or_make
from app.store.read import Reader

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def create_app(settings: Settings) -> FastAPI:
    """Build the dashboard over the database that the settings name.

    Raises StoreError if it cannot be opened.
    """
    engine = open_or_make(settings.database_url or default_database())
    reader = Reader(engine, settings.cache_bytes)
    app = FastAPI(
        title="gmemscope",
        summary="Which pages of a KVM guest were private, which shared, and who converted them.",
        description=api.DESCRIPTION,
        version="1",
        openapi_url=OPENAPI_PATH,
        docs_url=None,  # both fetch their scripts from a CDN, which an air-gapped host has not
        redoc_url=None,
        lifespan=lifespan,
    )
    access = access_by(settings)
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    app.state.settings = settings.model_copy(update={"token": None})  # its hash is enough
    app.state.access = access
    app.state.reader = reader
    app.state.rasters = Rasters(reader)
    app.state.imports = ImportJobs(database_path(engine), import_limits(settings))
    app.state.deletions = Deletions(engine)
    app.state.storms = Storms(reader)
    app.state.accounts = Accounts(reader)
    app.state.counts = counts = LiveCounts(reader)
    app.state.storms_now = live = LiveStorms(reader, counts)
    app.state.hosts = Hosts(reader, live)
    app.state.feed = ChangeFeed(reader.watermarks, live.all)
    add_problem_handlers(app)
    app.add_exception_handler(HTTPException, answer_http_error)
    add_middleware(app, settings, access)
    add_routes(app)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """What goes on beside the requests, and what is to end with them."""
    state = app.state
    state.deletions.resume()
    watching = asyncio.create_task(watch_storms(state.storms_now))
    yield
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await state.imports.close()
    await run_in_threadpool(state.deletions.close)
    state.reader.engine.dispose()


def add_routes(app: FastAPI) -> None:
    app.include_router(api.router)
    app.include_router(pages.router)
    app.include_router(download.router)
    app.mount("/static", StaticFiles(directory=resources.folder("static")), name="static")


def access_by(settings: Settings) -> Access | None:
    """None: who reaches the dashboard may read."""
    if settings.token is None:
        return None
    return Access(settings.token.get_secret_value(), settings.wrong_token_delay_s)


def import_limits(settings: Settings) -> ImportLimits:
    return ImportLimits(
        settings.upload_limit_bytes,
        settings.idle_timeout_s,
        settings.import_memory_bytes,
        settings.import_cpu_s,
        settings.import_output_bytes,
    )


def add_middleware(app: FastAPI, settings: Settings, access: Access | None) -> None:
    """Add what every request passes, innermost first."""
    app.add_middleware(SuffixMiddleware)
    app.add_middleware(GZipMiddleware, compresslevel=1)
    app.add_middleware(HeadAsGet)
    if access is not None:
        app.add_middleware(security.TokenCheck, access=access)
    app.add_middleware(security.CrossSiteCheck)
    if settings.is_loopback:
        app.add_middleware(security.HostCheck, hosts=LOOPBACK_NAMES | {settings.host})
    app.add_middleware(security.SecurityHeaders)
