"""The tables of the database, its column types, and the migrations from one version to the next.

A database that is opened to be written is brought to `SCHEMA_VERSION` first; one that a later
gmemscope wrote is refused.
"""

from app.store.schema import _tables as tables
from app.store.schema._migrate import create, migrate, schema_version
from app.store.schema._tables import (
    EDITION,
    SCHEMA_VERSION,
    WITH_CHURN,
    WITH_FAULTS,
    Chapter,
    CoarseCells,
    CoarseSummary,
    GfnPartition,
    GuestMemfdRow,
    Host,
    KeptStorm,
    Keyframe,
    LossRow,
    MemslotRow,
    Note,
    Partitioning,
    Recording,
    RecordingState,
    Segment,
    Summary,
    Vm,
)

__all__ = [
    "EDITION",
    "SCHEMA_VERSION",
    "WITH_CHURN",
    "WITH_FAULTS",
    "Chapter",
    "CoarseCells",
    "CoarseSummary",
    "GfnPartition",
    "GuestMemfdRow",
    "Host",
    "KeptStorm",
    "Keyframe",
    "LossRow",
    "MemslotRow",
    "Note",
    "Partitioning",
    "Recording",
    "RecordingState",
    "Segment",
    "Summary",
    "Vm",
    "create",
    "migrate",
    "schema_version",
    "tables",
]
