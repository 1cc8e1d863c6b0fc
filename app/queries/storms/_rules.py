"""What counts as a storm: the thresholds that people move, and the rules that follow from them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, create_model

from app.model.stats import CONVERSIONS, FAULTS, BurstRule
from app.queries.choices import STORM_THRESHOLDS, StormKind, StormThreshold

HIGHEST = 1e100
"""Of thresholds that are no integers: multiplied with a rate it is a number, which JSON has."""


def _declared(threshold: StormThreshold) -> tuple[Any, None]:
    """A field of the query model."""
    limits: dict[str, Any] = {"gt" if threshold.excludes_least else "ge": threshold.least}
    if threshold.is_whole:
        return Annotated[int | None, Field(description=threshold.description, **limits)], None
    limits["le"] = HIGHEST
    return Annotated[float | None, Field(description=threshold.description, **limits)], None


if TYPE_CHECKING:

    class StormThresholds(BaseModel):
        """Thresholds that were moved: a field for each of `STORM_THRESHOLDS`; None: its default."""

else:
    StormThresholds = create_model(
        "StormThresholds", **{one.name: _declared(one) for one in STORM_THRESHOLDS}
    )


@dataclass(frozen=True, slots=True)
class StormRules:
    """The thresholds of both kinds."""

    conversions: BurstRule = CONVERSIONS
    page_faults: BurstRule = FAULTS

    def of(self, kind: StormKind) -> BurstRule:
        return self.conversions if kind is StormKind.CONVERSIONS else self.page_faults


def storm_rules(moved: StormThresholds) -> StormRules:
    """The default ones but for what was moved."""
    rules = StormRules()
    return StormRules(
        _moved(rules.conversions, StormKind.CONVERSIONS, moved),
        _moved(rules.page_faults, StormKind.PAGE_FAULTS, moved),
    )


def _moved(rule: BurstRule, kind: StormKind, moved: StormThresholds) -> BurstRule:
    """A burst of a boot needs as many calls as any other, and what is certain is frequent."""
    given: dict[str, Any] = {
        one.field: getattr(moved, one.name)
        for one in STORM_THRESHOLDS
        if one.of is kind and getattr(moved, one.name) is not None
    }
    if "min_calls" in given:
        given.setdefault("boot_min_calls", max(given["min_calls"], rule.boot_min_calls))
    if "min_rate" in given:
        given["certain_rate"] = max(given["min_rate"], rule.certain_rate)
    return replace(rule, **given)
