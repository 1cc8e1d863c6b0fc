"""Thresholds of storms are declared once: REST, pages and commands agree on them."""

from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import ValidationError
from typer.main import get_command

from app import cli
from app.api import _storms as resources
from app.commands.usage import rules_of
from app.errors import UsageError
from app.http.parameters._strictness import parameters_of
from app.model.stats import CONVERSIONS, FAULTS
from app.pages import _storms as pages
from app.queries.choices import STORM_THRESHOLDS
from app.queries.storms import StormRules, StormThresholds, storm_rules

NAMES = [declared.name for declared in STORM_THRESHOLDS]
REFUSED = [
    *({name: -1} for name in NAMES),
    {"min_calls": 0},
    {"min_rate": 0},
    {"min_rate": float("inf")},
    {"min_rate": float("nan")},
    {"over_baseline": 0.99},
]


def test_each_is_a_field_of_the_query_model_and_none_is_moved_by_itself() -> None:
    described = {name: field.description for name, field in StormThresholds.model_fields.items()}
    assert described == {declared.name: declared.description for declared in STORM_THRESHOLDS}
    assert storm_rules(StormThresholds()) == StormRules(CONVERSIONS, FAULTS)


@pytest.mark.parametrize("routed", [resources, pages], ids=lambda module: module.__name__)
def test_each_is_a_parameter_of_the_list_of_storms(routed: Any) -> None:  # noqa: ANN401 -- a module
    listed = next(
        route
        for route in routed.router.routes
        if isinstance(route, APIRoute) and route.path.endswith("/storms")
    )
    assert parameters_of(listed) == set(NAMES)


def test_each_is_an_option_of_the_command() -> None:
    commands: Any = get_command(cli.app)
    options = {option.name: option for option in commands.commands["storms"].params}
    for declared in STORM_THRESHOLDS:
        option = options[declared.name]
        assert option.opts == [f"--{declared.name.replace('_', '-')}"]
        assert (option.help, option.default) == (declared.description, None)


@pytest.mark.parametrize("moved", REFUSED, ids=str)
def test_what_rest_refuses_a_command_refuses(moved: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        StormThresholds.model_validate(moved)
    (name,) = moved
    with pytest.raises(UsageError, match=f"^--{name.replace('_', '-')}: "):
        rules_of(dict(moved))


@pytest.mark.parametrize(
    "moved", [{"min_rate": 0.0001}, {"min_rate": 1e12}, {"over_baseline": 1.0}], ids=str
)
def test_what_one_of_them_ever_took_both_take(moved: dict[str, float]) -> None:
    ((name, number),) = moved.items()
    assert getattr(rules_of(dict(moved)).conversions, name) == number


def test_a_boot_needs_no_fewer_calls_and_what_is_certain_is_no_slower() -> None:
    rules = rules_of({"min_calls": 50_000, "min_rate": 9_000.0, "min_faults": 200_000})
    assert rules.conversions.boot_min_calls == 50_000
    assert rules.conversions.certain_rate == 9_000.0
    assert rules.page_faults.boot_min_calls == 200_000
    rules = rules_of({"min_calls": 50_000, "min_boot_calls": 7})
    assert (rules.conversions.min_calls, rules.conversions.boot_min_calls) == (50_000, 7)
