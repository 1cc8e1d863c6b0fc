"""From a file to a recording: the format is recognised, its reader yields calls, the assembly
makes events, and whatever takes recordings stores them. One class for each format.
"""

from collector.importing._formats import FORMATS, format_of
from collector.importing._importer import Imported, Progress, import_file, sha256_of
from collector.importing._trace_dat import capabilities

__all__ = [
    "FORMATS",
    "Imported",
    "Progress",
    "capabilities",
    "format_of",
    "import_file",
    "sha256_of",
]
