"""Running the dashboard: the socket, the server, an orderly end."""

import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import cast

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from app.errors import HostError, UsageError
from app.serving._accepting import Acceptor, connections_allowed
from app.serving._connections import Connection
from app.serving._memory import return_free_memory
from app.settings import Settings

GRACE_S = 2
"""How long answers under way may take once the server was asked to end."""
BACKLOG = 512
"""Connections that the kernel holds until they are taken."""


def load_settings(host: str, port: int, database: str | None = None) -> Settings:
    """What the environment and the options set. Raises UsageError where that makes no sense."""
    try:
        settings = Settings(host=host, port=port)
    except ValidationError as error:
        # In words of our own: pydantic's show the value, which may be the token.
        wrong = [
            (part["loc"], part["msg"].removeprefix("Value error, ")) for part in error.errors()
        ]
        lines = [f"{variable(str(where[0]))}: {what}" for where, what in wrong]
        raise UsageError("; ".join(lines)) from None
    if database is not None:
        settings = settings.model_copy(update={"database_url": database})
    check_exposure(settings)
    return settings


def variable(name: str) -> str:
    return f"{Settings.model_config.get('env_prefix', '')}{name}".upper()


def check_exposure(settings: Settings) -> None:
    """Raise UsageError if other machines could read without a token."""
    if settings.is_loopback or settings.token is not None:
        return
    raise UsageError(
        f"listening on {settings.host} lets other machines read; set a token in GMEMSCOPE_TOKEN, "
        "or use --host 127.0.0.1"
    )


def bind(host: str, port: int) -> socket.socket:
    """Take the port before anything else is started. Raises HostError if that cannot be."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise HostError(f"cannot listen on {host}: {error.strerror}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise HostError(
            f"cannot listen on {host}, port {port}: {error.strerror}; choose another --port"
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Takes connections in by an acceptor of our own, and ends the streams first: the server would
    wait for them until it loses patience."""

    _acceptors: Sequence[Acceptor] = ()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        app = self.config.app
        assert isinstance(app, FastAPI)
        most = connections_allowed(app.state.settings.connection_limit)
        self._acceptors = [
            Acceptor(listener, self._connection, self._connections, most)
            for listener in sockets or []
        ]
        for acceptor in self._acceptors:
            acceptor.start()

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)

    def _connections(self) -> set[Connection]:
        return cast(set[Connection], self.server_state.connections)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        assert isinstance(app, FastAPI)
        app.state.feed.close()
        for acceptor in self._acceptors:
            await acceptor.stop()
        await super().shutdown(sockets)


def server_of(app: FastAPI) -> Server:
    settings: Settings = app.state.settings
    config = uvicorn.Config(
        app,
        log_level="error",  # warnings are about what clients send: they could fill the disk
        access_log=False,
        server_header=False,
        ws="none",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=GRACE_S,
    )
    return Server(config)


def run(app: FastAPI, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; what the caller does afterwards is done in both cases."""
    return_free_memory()
    signal.signal(signal.SIGTERM, _exit)
    with suppress(KeyboardInterrupt):
        server_of(app).run(sockets=[listener])


def _exit(signal_number: int, frame: FrameType | None) -> None:
    """uvicorn raises the signal that ended it again, which would otherwise kill us on the spot."""
    sys.exit(0)
