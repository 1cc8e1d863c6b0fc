"""A storm that begins, and one that ended, in a line each: what a journal has of it."""

from app.queries.figures import duration
from app.queries.live._vm_storms import LiveStorm
from app.queries.storms import IntervalView, headline, plain_rate
from app.store.schema import Vm


def begun_line(vm: Vm, storm: LiveStorm) -> str:
    boot = ", while the guest boots" if storm.in_boot else ""
    return (
        f"{_which(vm, storm)} has begun at t+{storm.from_t / 1e9:.6f} s{boot}: "
        f"{storm.calls:,} {storm.kind} so far"
    )


def ended_line(vm: Vm, storm: LiveStorm, facts: IntervalView | None) -> str:
    """With the sentence that its page has above all else; `facts` is None where nobody counted."""
    what = headline(facts) if facts is not None else f"Its page counts it: /vms/{vm.id}/storms"
    return (
        f"{_which(vm, storm)} has ended at t+{storm.to_t / 1e9:.6f} s: {storm.calls:,} "
        f"{storm.kind} in {duration(storm.to_t - storm.from_t)}, {plain_rate(storm.per_second)}. "
        f"{what}"
    )


def withdrawn_line(storm: LiveStorm) -> str:
    return (
        f"storm {storm.id} of vm {storm.vm_id} is none any more: by what came since, so much is "
        "usual here"
    )


def _which(vm: Vm, storm: LiveStorm) -> str:
    return f"storm {storm.id} of {vm.name} (vm {storm.vm_id})"
