"""Commands that record with stock perf and make of it the text that can be imported."""

from collector.kvm.catalogue import Recorded, recorded
from collector.recipes import _running as running

EVENTS = recorded(Recorded.ALWAYS, Recorded.FAULTS)


def _want(event: str, condition: str | None) -> str:
    return f"want {event}" if condition is None else f"want {event} '{condition}'"


_EVENTS = "\n".join(_want(event, condition) for event, condition in EVENTS.items())

SCRIPT = f"""\
#!/bin/sh
# Records, with stock perf, what tracepoints record, until Ctrl-C or for as long as a command given
# as arguments runs. Needs root and perf (Debian: linux-perf). Adds nothing to the kernel.
set -euf
output=${{OUTPUT:-recording.txt}}
tracing=${{TRACEFS:-/sys/kernel/tracing}}
events=
has_command=${{1:-}}
trap 'rm -f "$output.data"' EXIT
{running.FUNCTIONS}
# Kernels differ in which events they have.
want() {{
    if [ -d "$tracing/events/$1" ]; then
        events="$events -e ${{1%%/*}}:${{1#*/}}${{2:+ --filter $2}}"
    fi
}}

# KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_RUN, and what lays out guest memory and converts it; their
# returns; what the guest asked for; files and threads that come and go.
[ -d $tracing/events ] || mount -t tracefs nodev $tracing
{_EVENTS}

# perf ends by the signal that ended it, or as the command did: neither is to end us.
[ $# -eq 0 ] || set -- -- "$@"
# shellcheck disable=SC2086 # one option after the other
run perf record -q -k CLOCK_MONOTONIC -a -m 8M -o "$output.data" $events "$@" || true
perf script --header --ns --show-lost-events -F trace:comm,pid,tid,cpu,time,event,trace \\
    -i "$output.data" > "$output"
"""

HOW_TO = """\
# Needs perf and root on the KVM host. Records no memslots; ranges of conversions from Linux 6.17
# on, before that what the guest asked for, marked inferred.
gmemscope recipe perf > gmemscope-record.sh    # here; copy it to the host
sudo sh gmemscope-record.sh                    # there; Ctrl-C ends it
gmemscope import recording.txt                 # here
"""
