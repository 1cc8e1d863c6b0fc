"""Files that a browser sends: received side by side, imported one after another in a child.

A file is written to disk as it arrives, then `gmemscope import` reads it as a process of its own,
whose output becomes the job's progress and result; a crash of it harms nothing else.
"""

from app.importing._jobs import ImportJobs, ImportLimits, ImportRefused, Job

__all__ = [
    "ImportJobs",
    "ImportLimits",
    "ImportRefused",
    "Job",
]
