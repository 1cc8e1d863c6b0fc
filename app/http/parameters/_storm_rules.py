"""What counts as a storm, as an address has it."""

from typing import Annotated

from fastapi import Depends, Query

from app.queries.storms import StormRules


def rules_of(
    min_calls: Annotated[
        int | None, Query(ge=1, description="A burst of fewer conversions is no storm.")
    ] = None,
    min_rate: Annotated[
        float | None, Query(gt=0, le=1e9, description="Conversions a second, at least.")
    ] = None,
    over_baseline: Annotated[
        float | None, Query(ge=1, le=1e9, description="Times the recording's own baseline.")
    ] = None,
    min_boot_calls: Annotated[
        int | None, Query(ge=1, description="As `min_calls`, while the guest boots.")
    ] = None,
    min_faults: Annotated[
        int | None, Query(ge=1, description="A burst of fewer page faults is no storm.")
    ] = None,
) -> StormRules:
    return StormRules().scaled(
        min_calls,
        min_rate,
        over_baseline,
        min_boot_calls=min_boot_calls,
        min_faults=min_faults,
    )


RulesOf = Annotated[StormRules, Depends(rules_of)]
