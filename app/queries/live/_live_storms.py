"""The storms of all recordings that are written while they happen."""

from threading import Lock

from app.queries.figures import row_id
from app.queries.live._vm_storms import LiveStorm, Observer, VmStorms
from app.store.read import Reader
from app.store.schema import Recording


class LiveStorms:
    """What was found is kept while the recording is there, also when it is finished. One that was
    finished before anybody looked has none here: `app.queries.storms` finds them."""

    def __init__(self, reader: Reader, observer: Observer | None = None) -> None:
        self._reader = reader
        self._observer = observer
        self._looking = Lock()
        self._known: set[int] | None = None  # recordings that were there at the last look
        self._followed: set[int] = set()  # those of them that were written then
        self._reading: dict[int, VmStorms] = {}
        """By VM. Of those of a finished recording, too: it may be gone on with."""
        self._found: dict[int, tuple[LiveStorm, ...]] = {}  # by VM
        self._recordings: dict[int, int] = {}  # of these VMs

    def look(self) -> None:
        """Read what was committed since the last look, of whatever thread."""
        with self._looking:
            recordings = self._reader.recordings()  # before their VMs, which may reach further
            for recording in recordings:
                self._look_at(recording)
            self._known = there = {recording.id for recording in recordings}
            self._followed &= there
            for vm_id in [one for one, of in self._recordings.items() if of not in there]:
                self._reading.pop(vm_id, None)
                del self._found[vm_id], self._recordings[vm_id]
                if self._observer is not None:
                    self._observer.forgot(vm_id)

    def of_vm(self, vm_id: int) -> tuple[LiveStorm, ...] | None:
        """By start, as of the last look. None: nobody looked, so that none is known."""
        return self._found.get(vm_id)

    def all(self) -> list[LiveStorm]:
        """Of all VMs."""
        return [storm for storms in tuple(self._found.values()) for storm in storms]

    def _look_at(self, recording: Recording) -> None:
        """Once more when it is finished, and then no more: be it that it began since the last look,
        too."""
        is_written = recording.is_live and self._is_written(recording)
        is_news = self._known is not None and recording.id not in self._known
        was_followed = recording.id in self._followed
        if is_written or (is_news and recording.is_live):
            self._followed.add(recording.id)
        elif not was_followed:
            return
        was_met = was_followed or recording.id in self._recordings.values()
        for vm in self._reader.vms(recording.id, include_unattributed=True):
            vm_id = row_id(vm)
            if vm_id not in self._reading:
                is_new = is_news or was_met
                self._reading[vm_id] = VmStorms(self._reader, self._observer, is_new=is_new)
            one = self._reading[vm_id]
            one.look(vm, recording, is_written=is_written)
            self._found[vm_id], self._recordings[vm_id] = one.storms, recording.id
        if not is_written:
            self._followed.remove(recording.id)

    def _is_written(self, recording: Recording) -> bool:
        writing = self._reader.writing(recording)
        return writing is not None and writing.is_alive
