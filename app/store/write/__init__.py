"""Writing one recording: each VM's events are painted on its page map in a buffer, cut into
segments and stored in one transaction. Small segments of a live recording are merged into large
ones.
"""

from app.compiled import load_compiler
from app.store.write._past import Past, find_past
from app.store.write._writer import RecordingWriter

__all__ = [
    "Past",
    "RecordingWriter",
    "find_past",
    "load_compiler",
]
