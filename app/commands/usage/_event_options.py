"""Options that choose events, spelled as REST spells its parameters."""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated

import typer

from app.errors import UsageError
from app.queries.choices import EVENT_PARAMETERS, EventParameter

if TYPE_CHECKING:
    from app.model.stats import EventFilter
    from app.store.read import Reader

PANEL = "Which events (conversions and events only; each option is repeatable)"
Filters = dict[str, list[str] | None]
"""What was given for each of `EVENT_PARAMETERS`."""


def with_event_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each of `EVENT_PARAMETERS`; it takes them all as `filters`."""

    @wraps(command)
    def command_with_options(**given: object) -> None:
        filters = {one.name: given.pop(one.name) for one in EVENT_PARAMETERS}
        command(**given, filters=filters)

    wanted = signature(command)
    parameters = list(_with_options(wanted.parameters.values()))
    command_with_options.__signature__ = wanted.replace(  # type: ignore[attr-defined]
        parameters=parameters
    )
    command_with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    return command_with_options


def _with_options(parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    for parameter in parameters:
        if parameter.name == "filters":
            yield from map(_option, EVENT_PARAMETERS)
        else:
            yield parameter


def _option(declared: EventParameter) -> Parameter:
    option: typer.models.OptionInfo = typer.Option(
        f"--{declared.name}", help=declared.option_help, rich_help_panel=PANEL, show_default=False
    )
    annotation = Annotated[list[str] | None, option]
    return Parameter(
        declared.name, Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation
    )


def filter_of(reader: "Reader", vm_id: int, filters: Filters) -> "EventFilter":
    """Raises UsageError."""
    from app.queries.events import EventFilters, FilterError, event_filter

    try:
        return event_filter(reader, vm_id, EventFilters.model_validate(filters))
    except FilterError as error:
        raise UsageError(f"--{error.name}: {error}") from error
