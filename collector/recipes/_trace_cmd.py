"""Commands that record everything with stock trace-cmd: event probes, no BPF, nothing installed.

The same events, probes and filters as a live recording has. The importer knows probes by their
fields, so group and event names are free; the fields are not.
"""

from collector.kvm.catalogue import EVENT_PROBES, PROCESS_EXIT, Probe, Recorded, recorded
from collector.recipes import _processes as processes, _running as running


def _add(probe: Probe) -> str:
    return f"add {probe.name} '{probe.place} {probe.fields} if {probe.condition}'"


def _want(event: str, condition: str | None) -> str:
    return f"want {event}" if condition is None else f"want {event} '{condition}'"


_PROBES = "\n".join(map(_add, EVENT_PROBES))
_NAMES = " ".join(probe.name for probe in EVENT_PROBES)
_WANTED = recorded(Recorded.ALWAYS, Recorded.FAULTS)
_EVENTS = "\n".join(_want(event, condition) for event, condition in _WANTED.items())
_LAST = PROCESS_EXIT.points[0].replace(":", "/")

SCRIPT = f"""#!/bin/sh
# Records, with stock trace-cmd, all that gmemscope can use, until Ctrl-C or for as long as a
# command given as arguments runs. Needs root, trace-cmd, and Linux 6.4 or later with event probes:
# CONFIG_EPROBE_EVENTS, before there was that option CONFIG_PROBE_EVENTS. Adds event probes and
# removes them again. Writes beside the recording which process each thread is of.
set -euf
tracing=${{TRACEFS:-/sys/kernel/tracing}}
output=${{OUTPUT:-recording.dat}}
events=
has_command=${{1:-}}

add() {{
    echo "-:gmemscope/$1" >> $tracing/dynamic_events 2>/dev/null || true # a recorder was killed
    if [ -d "$tracing/events/gmemscope/$1" ]; then
        echo "The event probe $1 is in use: another recording by this script runs." >&2
        return
    fi
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
{running.FUNCTIONS}
{processes.FUNCTION}
# Once events are recorded, so that none comes or goes unseen, and again at the end.
list_when_recording() {{
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ "$(cat $tracing/events/{_LAST}/enable 2>/dev/null)" != 1 ] || break
        sleep 0.2
    done
    list_processes
}}

# What the user's structs hold; the numbers are the ioctls' own, in hexadecimal.
{_PROBES}
if [ -d $tracing/events/gmemscope ]; then events='-e gmemscope'; fi

# KVM_CREATE_VM, KVM_CREATE_VCPU and the ioctls above; their exits; what the guest asked for; files
# and threads that come and go.
{_EVENTS}

list_when_recording > "$output{processes.ENDING}" &
lister=$!
status=0
run trace-cmd record -C mono -b 16384 -o "$output" $events "$@" || status=$?
wait "$lister" || true
list_processes >> "$output{processes.ENDING}"
exit $status
"""

HOW_TO = """\\
# Needs trace-cmd, root and Linux 6.4 or later on the KVM host. Records everything.
gmemscope recipe trace-cmd > gmemscope-record.sh   # here; copy it to the host
sudo sh gmemscope-record.sh                        # there; Ctrl-C ends it
gmemscope import recording.dat                     # here; with recording.dat.processes beside it
"""
