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


def ended_line(vm: Vm, storm: LiveStorm, facts: IntervalView) -> str:
    """With the sentence that its page has above all else."""
    length = storm.to_t - storm.from_t
    return (
        f"{_which(vm, storm)} has ended at t+{storm.to_t / 1e9:.6f} s: {storm.calls:,} "
        f"{storm.kind} in {duration(length)}, {plain_rate(storm.per_second)}. {headline(facts)}"
    )


def _which(vm: Vm, storm: LiveStorm) -> str:
    return f"storm {storm.id} of {vm.name} (vm {storm.vm_id})"
