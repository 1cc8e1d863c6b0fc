"""Which events: a window, and the parameters that filter them, wherever events are asked for."""

from typing import Annotated

from fastapi import Depends, Query

from app.http.answers import BadParameter
from app.http.dependencies import ReaderOf, VmId
from app.http.parameters._windows import GfnsOf, TimesOf
from app.model.stats import EventFilter, EventQuery
from app.queries.events import EventFilters, FilterError, event_filter


def events_wanted(
    reader: ReaderOf, vm_id: VmId, filters: Annotated[EventFilters, Query()]
) -> EventFilter:
    """An event must be one of those named under each parameter that is given."""
    try:
        return event_filter(reader, vm_id, filters)
    except FilterError as error:
        raise BadParameter(error.name, str(error)) from error


def event_query(
    times: TimesOf, gfns: GfnsOf, where: Annotated[EventFilter, Depends(events_wanted)]
) -> EventQuery:
    return EventQuery(times.first, times.end, gfns.first, gfns.end, where)


EventQueryOf = Annotated[EventQuery, Depends(event_query)]
