"""An incident report: one HTML file that opens anywhere, with everything it needs inside. A
redacted one holds only what a list allows.
"""

from app.report._build import ReportError, build_report

__all__ = [
    "ReportError",
    "build_report",
]
