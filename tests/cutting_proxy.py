"""A connection that a test can cut: between a browser and the dashboard."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Link:
    """Passes bytes both ways between its own port and another."""

    def __init__(self, listener: socket.socket, port: int) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener
        self._port = port
        self._is_up = True
        self._open: set[socket.socket] = set()

    def cut(self) -> None:
        """Break what is open; refuse, by closing at once, what comes."""
        self._is_up = False
        for one in list(self._open):
            with suppress(OSError):  # closed already
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._is_up = True

    def serve(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            if self._is_up:
                threading.Thread(target=self._pass, args=(ours,), daemon=True).start()
            else:
                ours.close()

    def _pass(self, ours: socket.socket) -> None:
        with ours, socket.create_connection(("127.0.0.1", self._port)) as theirs:
            self._open.add(ours)
            with selectors.DefaultSelector() as selector:
                selector.register(ours, selectors.EVENT_READ, theirs)
                selector.register(theirs, selectors.EVENT_READ, ours)
                while all(copied(key.fileobj, key.data) for key, _ in selector.select()):
                    pass
            self._open.discard(ours)


def copied(source: object, target: socket.socket) -> bool:
    """Pass on what has come. False: that was all."""
    assert isinstance(source, socket.socket)
    try:
        some = source.recv(1 << 16)
        target.sendall(some)
    except OSError:
        return False
    return bool(some)


@contextmanager
def link_to(url: str) -> Iterator[Link]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = Link(listener, int(urlsplit(url).port or 0))
        thread = threading.Thread(target=link.serve, daemon=True)
        thread.start()
        try:
            yield link
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            link.cut()
            thread.join()
