"""An incident report: one HTML file that opens anywhere, with everything it needs inside.

Queries give its parts, charts and pictures are embedded, and a template makes one document of them.
A redacted one passes through a list first: what the list does not allow is left out.
"""

from app.report._build import ReportError, build_report

__all__ = [
    "ReportError",
    "build_report",
]
