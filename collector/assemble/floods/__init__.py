"""Floods of calls as columns: to which VM each row belongs, and which guest pages it means there.

Calls are grouped by the process that made them, attributed to its VMs, given a range (by their
struct, by what the guest asked for, or by memslots for files and addresses) and become EVENT rows;
what no VM can be found for makes every candidate's pages doubtful.
"""

from collector.assemble.floods._attribution import Attribution
from collector.assemble.floods._doubts import everything_doubted
from collector.assemble.floods._event_rows import distrust_unread_structs, event_rows
from collector.assemble.floods._loss_rows import loss_rows
from collector.assemble.floods._page_cache import with_runs
from collector.assemble.floods._unrelated_calls import UnrelatedCalls

__all__ = [
    "Attribution",
    "UnrelatedCalls",
    "distrust_unread_structs",
    "event_rows",
    "everything_doubted",
    "loss_rows",
    "with_runs",
]
