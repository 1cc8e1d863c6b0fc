"""Which call a return probe belongs to: its format tells only `ret`."""

from collections.abc import Iterable

from collector.ftrace.plan import EventPlan
from collector.ftrace.recognise import ReturnProbe
from collector.records import RecordCode


def name_returns(probes: Iterable[ReturnProbe]) -> list[EventPlan]:
    plans = []
    for probe in probes:
        code = _by_name(probe)
        if code is not None:
            plans.append(probe.plan(code))
    return plans


def _by_name(probe: ReturnProbe) -> RecordCode | None:
    name = probe.event.name
    if probe.function is None:
        return RecordCode.FALLOCATE_EXIT if "fallocate" in name else RecordCode.IOCTL_EXIT
    for part, code in (
        ("fallocate", RecordCode.GMEM_FALLOCATE_RETURN),
        ("create", RecordCode.GMEM_CREATE_RETURN),
        ("slot", RecordCode.SET_MEMSLOT_RETURN),
        ("region", RecordCode.SET_MEMSLOT_RETURN),
        ("ioctl", RecordCode.VM_IOCTL_RETURN),
    ):
        if part in name:
            return code
    return None
