"""Options that are declared once for commands and REST: which events, what counts as a storm."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.errors import UsageError
from app.queries.choices import (
    EVENT_PARAMETERS,
    STORM_THRESHOLDS,
    EventParameter,
    StormThreshold,
)

if TYPE_CHECKING:
    from app.model.stats import EventFilter
    from app.queries.storms import StormRules
    from app.store.read import Reader

PANEL = "Which events (conversions and events only; each option is repeatable)"
Filters = dict[str, list[str] | None]
"""What was given for each of `EVENT_PARAMETERS`."""
Thresholds = dict[str, float | None]
"""What was given for each of `STORM_THRESHOLDS`."""
Command = Callable[..., None]


def with_event_options(command: Command) -> Command:
    """Give a command an option for each of `EVENT_PARAMETERS`; it takes them all as `filters`."""
    return _with_options(command, "filters", [_event_option(one) for one in EVENT_PARAMETERS])


def with_storm_options(command: Command) -> Command:
    """The same for each of `STORM_THRESHOLDS`, which it takes as `thresholds`."""
    return _with_options(command, "thresholds", [_storm_option(one) for one in STORM_THRESHOLDS])


def _with_options(command: Command, name: str, options: Sequence[Parameter]) -> Command:
    """A command with these options in the place of its parameter `name`."""

    @wraps(command)
    def command_with_options(**given: object) -> None:
        chosen = {one.name: given.pop(one.name) for one in options}
        command(**given, **{name: chosen})

    wanted = signature(command)
    parameters = list(_in_place_of(name, options, wanted.parameters.values()))
    command_with_options.__signature__ = wanted.replace(  # type: ignore[attr-defined]
        parameters=parameters
    )
    command_with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    return command_with_options


def _in_place_of(
    name: str, options: Sequence[Parameter], parameters: Iterable[Parameter]
) -> Iterator[Parameter]:
    for parameter in parameters:
        if parameter.name == name:
            yield from options
        else:
            yield parameter


def _event_option(declared: EventParameter) -> Parameter:
    option: typer.models.OptionInfo = typer.Option(
        f"--{declared.name}", help=declared.option_help, rich_help_panel=PANEL, show_default=False
    )
    return _option(declared.name, list[str] | None, option)


def _storm_option(declared: StormThreshold) -> Parameter:
    option: typer.models.OptionInfo = typer.Option(
        f"--{declared.name.replace('_', '-')}", help=declared.description
    )
    return _option(declared.name, (int if declared.is_whole else float) | None, option)


def _option(name: str, kind: Any, option: typer.models.OptionInfo) -> Parameter:  # noqa: ANN401 -- a type
    annotation = Annotated[kind, option]
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def filter_of(reader: "Reader", vm_id: int, filters: Filters) -> "EventFilter":
    """Raises UsageError."""
    from app.queries.events import EventFilters, FilterError, event_filter

    try:
        return event_filter(reader, vm_id, EventFilters.model_validate(filters))
    except FilterError as error:
        raise UsageError(f"--{error.name}: {error}") from error


def rules_of(thresholds: Thresholds) -> "StormRules":
    """Raises UsageError."""
    from pydantic import ValidationError

    from app.queries.storms import StormThresholds, storm_rules

    try:
        return storm_rules(StormThresholds.model_validate(thresholds))
    except ValidationError as error:
        (first, *_) = error.errors()
        name = str(first["loc"][0]).replace("_", "-")
        raise UsageError(f"--{name}: {first['msg']}") from error
