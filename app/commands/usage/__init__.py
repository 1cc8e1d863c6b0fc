"""What commands share: options, checks of what is installed, files to write, signals, summaries.

Options are declared once and take the same words as REST parameters; what somebody types (times,
ages, sizes, places) becomes numbers here, or an error that names what is wrong.
"""

from app.commands.usage import _version as version
from app.commands.usage._damage import report_damage
from app.commands.usage._declared_options import (
    Filters,
    Thresholds,
    filter_of,
    rules_of,
    with_event_options,
    with_storm_options,
)
from app.commands.usage._import_summary import (
    conversions_text,
    memslots_text,
    summarise,
    summary_lines,
)
from app.commands.usage._needs import check_libraries, lacking
from app.commands.usage._options import (
    Database,
    Json,
    VmName,
    open_engine,
    open_to_read,
    require_database,
)
from app.commands.usage._outputs import opened_output
from app.commands.usage._quantities import parse_age, parse_instant, parse_size
from app.commands.usage._signals import stopped_by_signals

__all__ = [
    "Database",
    "Filters",
    "Json",
    "Thresholds",
    "VmName",
    "check_libraries",
    "conversions_text",
    "filter_of",
    "lacking",
    "memslots_text",
    "open_engine",
    "open_to_read",
    "opened_output",
    "parse_age",
    "parse_instant",
    "parse_size",
    "report_damage",
    "require_database",
    "rules_of",
    "stopped_by_signals",
    "summarise",
    "summary_lines",
    "version",
    "with_event_options",
    "with_storm_options",
]
