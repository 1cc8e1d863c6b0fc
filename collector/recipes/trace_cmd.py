"""Commands that record everything with stock trace-cmd: event probes, no BPF, nothing installed.

The same events, probes and filters as a live recording has. The importer knows probes by their
fields, so group and event names are free; the fields are not.
"""

from collector.ftrace.probes import EVENT_PROBES, Probe
from collector.ftrace.tracepoints import BASIC, FAULTS


def _add(probe: Probe) -> str:
    return f"add {probe.name} '{probe.place} {probe.fields} if {probe.condition}'"


def _want(event: str, condition: str | None) -> str:
    return f"want {event}" if condition is None else f"want {event} '{condition}'"


_PROBES = "\n".join(map(_add, EVENT_PROBES))
_NAMES = " ".join(probe.name for probe in EVENT_PROBES)
_EVENTS = "\n".join(_want(event, condition) for event, condition in (BASIC | FAULTS).items())

SCRIPT = f"""#!/bin/sh
# Records, with stock trace-cmd, all that gmemscope can use, until Ctrl-C or for as long as a
# command given as arguments runs. Needs root, trace-cmd, and Linux 6.4 or later with event probes:
# CONFIG_EPROBE_EVENTS, before there was that option CONFIG_PROBE_EVENTS. Adds event probes and
# removes them again.
set -euf
tracing=/sys/kernel/tracing
output=${{OUTPUT:-recording.dat}}
events=

add() {{
    echo "e:gmemscope/$1 $2" >> $tracing/dynamic_events ||
        echo "The kernel refused the event probe $1: what it reads will be missing." >&2
}}
remove() {{
    for probe in {_NAMES}; do
        echo "-:gmemscope/$probe" >> $tracing/dynamic_events 2>/dev/null || true
    done
}}
want() {{
    if [ -d "$tracing/events/$1" ]; then
        events="$events -e ${{1%%/*}}:${{1#*/}}${{2:+ -f $2}}"
    else
        echo "This kernel has no event $1." >&2
    fi
}}
trap remove EXIT

# What the user's structs hold; the numbers are the ioctls' own, in hexadecimal.
{_PROBES}
if [ -d $tracing/events/gmemscope ]; then events='-e gmemscope'; fi

# KVM_CREATE_VM, KVM_CREATE_VCPU and the ioctls above; their exits; what the guest asked for; files
# and threads that come and go.
{_EVENTS}

trace-cmd record -C mono -b 16384 -o "$output" $events "$@"
"""

HOW_TO = """\\
# Needs trace-cmd, root and Linux 6.4 or later on the KVM host. Records everything.
gmemscope recipe trace-cmd > gmemscope-record.sh   # here; copy it to the host
sudo sh gmemscope-record.sh                        # there; Ctrl-C ends it
gmemscope import recording.dat                     # here
"""
