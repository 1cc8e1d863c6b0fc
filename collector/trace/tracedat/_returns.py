"""Which call a return probe belongs to. Its format holds only `ret`, so its records must show it.

A kretprobe's records carry the address of their function: that of a kprobe known by its fields, or
else a symbol in the recording's kallsyms. A probe on the exit of a system call is fallocate's if
its records follow an entry into fallocate on their thread, else ioctl's. Names are the last resort.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from collector.codes import RecordCode
from collector.kvm.catalogue import EVENTS
from collector.records import RecordArray
from collector.trace.ring_buffer import (
    ENTRY_ADDRESS,
    DecodePlan,
    EventPlan,
    Matched,
    ReturnProbe,
    Value,
    decode_plan,
)

_NEAR = 16  # bytes: a probe may sit behind the ENDBR and the tracing hook at a function's start
_FIRST_KPROBE = 64  # codes that only the survey uses
_FIRST_RETURN = 128
_MOST = 64  # probes of each kind that can be distinguished

_ENOUGH_VOTES = 256

_PROBED = [event for event in EVENTS if event.functions]
RETURN_OF_ENTRY = {event.code: event.returns for event in _PROBED if event.returns}
_RETURN_OF_SYMBOL = {
    symbol: event.returns for event in _PROBED if event.returns for symbol in event.functions
}
_RETURN_OF_NAME = (
    ("fallocate", RecordCode.GMEM_FALLOCATE_RETURN),
    ("create", RecordCode.GMEM_CREATE_RETURN),
    ("memslot", RecordCode.SET_MEMSLOT_RETURN),
    ("memory_region", RecordCode.SET_MEMSLOT_RETURN),
    ("ioctl", RecordCode.VM_IOCTL_RETURN),
)
_SYSTEM_CALL_ENTRIES = tuple(event.code for event in EVENTS if event.has_event_probe)

Decode = Callable[[DecodePlan], Iterator[RecordArray]]


def settle_returns(
    matched: Matched, decode: Decode, kallsyms: Callable[[], Iterable[str]]
) -> list[EventPlan]:
    """Plans for the return probes, after a look at their records.

    `decode` reads the recording by a given plan; it is called only if there are return probes,
    and read only as far as they need. `kallsyms` yields lines of /proc/kallsyms.
    """
    if not matched.returns:
        return []
    survey = _Survey(matched)
    for batch in decode(survey.plan):
        survey.look_at(batch)
        if survey.is_settled:
            break
    codes = [survey.code_of(i) for i in range(len(survey.returns))]
    if missing := {survey.functions[i] for i, code in enumerate(codes) if code is None} - {0}:
        symbols = symbols_at(missing, kallsyms())
        codes = [
            code or _RETURN_OF_SYMBOL.get(symbols.get(survey.functions[i], ""))
            for i, code in enumerate(codes)
        ]
    named = [code or _by_name(probe) for code, probe in zip(codes, survey.returns, strict=True)]
    return [p.plan(code) for p, code in zip(survey.returns, named, strict=True) if code]


class _Survey:
    """Gathers, per probe, the address of its function, or after which calls it fires."""

    def __init__(self, matched: Matched) -> None:
        self.kprobes = matched.kprobes[:_MOST]
        self.returns = matched.returns[:_MOST]
        self.plan = decode_plan(self._plans(matched))
        self.entries = [0] * len(self.kprobes)  # addresses, 0 until seen
        self.functions = [0] * len(self.returns)
        self._votes = np.zeros((len(self.returns), 2), np.int64)  # ioctl, fallocate

    def _plans(self, matched: Matched) -> Iterator[EventPlan]:
        yield from (plan for plan in matched.plans if plan.code in _SYSTEM_CALL_ENTRIES)
        for i, plan in enumerate(self.kprobes):
            address = plan.event.field(ENTRY_ADDRESS)
            yield EventPlan(plan.event, _FIRST_KPROBE + i, (Value(0, address),))
        for i, probe in enumerate(self.returns):
            values = () if probe.function is None else (Value(0, probe.function),)
            yield EventPlan(probe.event, _FIRST_RETURN + i, values)

    @property
    def is_settled(self) -> bool:
        return all(self._is_settled(i) for i in range(len(self.returns)))

    def _is_settled(self, i: int) -> bool:
        if self.returns[i].function is None:
            return bool(self._votes[i].sum() >= _ENOUGH_VOTES)
        return self.code_of(i) is not None

    def look_at(self, batch: RecordArray) -> None:
        for first, addresses in ((_FIRST_KPROBE, self.entries), (_FIRST_RETURN, self.functions)):
            for i, address in enumerate(addresses):
                if not address:
                    records = batch[batch["code"] == first + i]
                    addresses[i] = int(records["v"][0, 0]) if len(records) else 0
        self._count_votes(batch)

    def _count_votes(self, batch: RecordArray) -> None:
        """Of each exit's record: which call did its thread enter before?"""
        exits = [_FIRST_RETURN + i for i, p in enumerate(self.returns) if p.function is None]
        if not exits:
            return
        calls = batch[np.isin(batch["code"], [*_SYSTEM_CALL_ENTRIES, *exits])]
        calls = calls[np.argsort(calls["tid"], kind="stable")]
        same = calls["tid"][1:] == calls["tid"][:-1]
        self._add_votes(calls["code"][1:][same], calls["code"][:-1][same])

    def _add_votes(self, codes: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8]) -> None:
        for i in range(len(self.returns)):
            met = before[codes == _FIRST_RETURN + i]
            fallocate = int((met == RecordCode.FALLOCATE_ENTER).sum())
            entries = int(np.isin(met, _SYSTEM_CALL_ENTRIES).sum())
            self._votes[i] += (entries - fallocate, fallocate)

    def code_of(self, i: int) -> RecordCode | None:
        """What the records seen so far show of return probe `i`."""
        if self.returns[i].function is None:
            ioctl, fallocate = self._votes[i].tolist()
            if ioctl == fallocate:
                return None
            return RecordCode.FALLOCATE_EXIT if fallocate > ioctl else RecordCode.IOCTL_EXIT
        for plan, entry in zip(self.kprobes, self.entries, strict=True):
            if entry and abs(entry - self.functions[i]) <= _NEAR:
                return RETURN_OF_ENTRY.get(RecordCode(plan.code))
        return None


def _by_name(probe: ReturnProbe) -> RecordCode | None:
    name = probe.event.name
    if probe.function is None:
        return RecordCode.FALLOCATE_EXIT if "fallocate" in name else RecordCode.IOCTL_EXIT
    return next((code for part, code in _RETURN_OF_NAME if part in name), None)


def symbols_at(addresses: Iterable[int], kallsyms: Iterable[str]) -> dict[int, str]:
    """The function that begins at or just before each address, where kallsyms has one."""
    wanted = sorted(addresses)
    found: dict[int, tuple[int, str]] = {}
    for line in kallsyms:
        words = line.split()
        if len(words) < 3 or words[1] not in "tTwW":
            continue
        start = _hexadecimal(words[0])
        for address in wanted:
            if start <= address <= start + _NEAR and start >= found.get(address, (0, ""))[0]:
                found[address] = (start, words[2])
    return {address: name for address, (_, name) in found.items()}


def _hexadecimal(word: str) -> int:
    try:
        return int(word, 16)
    except ValueError:
        return 0
