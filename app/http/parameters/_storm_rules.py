"""What counts as a storm, as an address has it."""

from typing import Annotated

from fastapi import Depends, Query

from app.queries.storms import StormRules, StormThresholds, storm_rules


def rules_of(moved: Annotated[StormThresholds, Query()]) -> StormRules:
    return storm_rules(moved)


RulesOf = Annotated[StormRules, Depends(rules_of)]
