"""Event filters are declared once: REST, commands and what reads them agree by name."""

from types import ModuleType
from typing import Any

import pytest
from typer.main import get_command

from app import cli
from app.api import _events as events, _timeline as timeline
from app.commands.usage._declared_options import PANEL
from app.http.parameters._strictness import parameters_of
from app.queries.choices import EVENT_PARAMETERS
from app.queries.events import EventFilters, _filters as event_filters

NAMES = [declared.name for declared in EVENT_PARAMETERS]


def test_each_declared_filter_is_read() -> None:
    assert [*event_filters._PARSERS, "memslot"] == NAMES


def test_each_declared_filter_is_a_field_of_the_query_model() -> None:
    described = {name: field.description for name, field in EventFilters.model_fields.items()}
    assert described == {declared.name: declared.description for declared in EVENT_PARAMETERS}


def test_each_declared_filter_is_an_option_of_export() -> None:
    commands: Any = get_command(cli.app)
    options = commands.commands["export"].params
    in_panel = [option for option in options if getattr(option, "rich_help_panel", None) == PANEL]
    assert [option.name for option in in_panel] == NAMES
    assert [option.help for option in in_panel] == [one.option_help for one in EVENT_PARAMETERS]


@pytest.mark.parametrize("resource", [events, timeline], ids=lambda module: module.__name__)
def test_each_declared_filter_is_a_parameter_wherever_events_are_chosen(
    resource: ModuleType,
) -> None:
    (route,) = resource.router.routes
    assert parameters_of(route) >= set(NAMES)
