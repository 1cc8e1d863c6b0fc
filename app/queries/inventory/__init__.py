"""What there is: recordings and what they take, VMs, memslots, coverage. No numpy is imported here.

Rows of the catalogue become what people and REST see of them; a figure that the recording does not
hold in full is unknown, or a lower bound (`app.queries.figures`).
"""

from app.queries.inventory._chapters import ChapterView
from app.queries.inventory._coverage import CoverageView, coverage_of, coverage_view
from app.queries.inventory._expired import ExpiredView, expired_views
from app.queries.inventory._memslots import MemslotView, memslot_view
from app.queries.inventory._recordings import (
    LATE_MS,
    LossView,
    RecordingView,
    behind_ms,
    find_recording,
    loss_view,
    recording_views,
)
from app.queries.inventory._storage import StorageView, age_text, storage_views
from app.queries.inventory._vms import (
    ConversionCounts,
    VmView,
    conversion_counts,
    conversions_line,
    find_vm,
    vm_view,
)

__all__ = [
    "LATE_MS",
    "ChapterView",
    "ConversionCounts",
    "CoverageView",
    "ExpiredView",
    "LossView",
    "MemslotView",
    "RecordingView",
    "StorageView",
    "VmView",
    "age_text",
    "behind_ms",
    "conversion_counts",
    "conversions_line",
    "coverage_of",
    "coverage_view",
    "expired_views",
    "find_recording",
    "find_vm",
    "loss_view",
    "memslot_view",
    "recording_views",
    "storage_views",
    "vm_view",
]
