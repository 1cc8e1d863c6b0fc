"""Files that a browser sends: received side by side, imported one after another in a child."""

from app.importing._jobs import ImportJobs, ImportLimits, ImportRefused, Job

__all__ = [
    "ImportJobs",
    "ImportLimits",
    "ImportRefused",
    "Job",
]
