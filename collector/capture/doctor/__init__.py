"""What a host lets a recording show, what each missing piece costs, what dead collectors left.

Facts of the host (`collector.capture.host_facts`) become findings in words, each with its cost and
what to do about it. Only orphans are removed, and only on request.
"""

from collector.capture.doctor._examination import Examination, clean, examine, what_is_left
from collector.capture.doctor._findings import host_coverage

__all__ = [
    "Examination",
    "clean",
    "examine",
    "host_coverage",
    "what_is_left",
]
