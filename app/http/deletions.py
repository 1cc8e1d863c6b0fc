"""Recordings that are deleted over HTTP: gone at once, removed after the answer."""

import logging
import threading
from collections import OrderedDict

from sqlalchemy import Engine

from app.store.database import deletion_steps, mark_deleted, unfinished_deletions
from app.store.errors import NotWritable, StoreError

logger = logging.getLogger(__name__)
MOST_NAMES = 100


class Deletions:
    """Marks recordings as deleted, and removes them in one thread, which ends with its work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._worker: threading.Thread | None = None
        self._is_more = False
        self._names: OrderedDict[int, str] = OrderedDict()

    def delete(self, recording_id: int, name: str) -> None:
        """Returns when nobody sees it any more. Raises NotFound, Conflict while the recording is
        written, and StoreError."""
        mark_deleted(self._engine, recording_id)
        with self._lock:
            self._names[recording_id] = name
            while len(self._names) > MOST_NAMES:
                self._names.popitem(last=False)
        self.resume()

    def name_of(self, recording_id: int) -> str | None:
        """Of one that was deleted here lately."""
        return self._names.get(recording_id)

    def resume(self) -> None:
        """Go on with deletions that are not finished, be they of another process that ended."""
        with self._lock:
            self._is_more = True
            if self._worker is None and not self._is_closed.is_set():
                self._worker = threading.Thread(target=self._work, name="deletions", daemon=True)
                self._worker.start()

    def close(self) -> None:
        """Stop after the step that is under way: who opens the database next goes on."""
        self._is_closed.set()
        self.wait()

    def wait(self) -> None:
        """Until there is nothing to remove."""
        worker = self._worker
        if worker is not None:
            worker.join()

    def _work(self) -> None:
        while self._has_more():
            try:
                self._remove_all()
            except NotWritable:
                pass  # whoever may write it sees to it
            except StoreError as error:
                logger.warning("a deletion is not finished, and is continued later: %s", error)

    def _has_more(self) -> bool:
        with self._lock:
            if self._is_more and not self._is_closed.is_set():
                self._is_more = False
                return True
            self._worker = None
            return False

    def _remove_all(self) -> None:
        for recording_id in unfinished_deletions(self._engine):
            for _ in deletion_steps(self._engine, recording_id):
                if self._is_closed.is_set():
                    return
