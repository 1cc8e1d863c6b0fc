"""Shell that lists which thread is of which process, and who has VMs: collector/capture/inventory/_listing.py
reads it. A trace.dat names neither of what was there before it began."""

# ruff: noqa: E501 -- programs for others, which do not break lines

PROCESSES_FIRST_LINE = "# gmemscope processes v1"
ENDING = ".processes"
"""What a recording's name and this name the list that lies beside it."""

FUNCTION = f"""\
# Which thread is of which process, and who has VMs: what a trace does not name of those that were
# there before. One look each; whoever goes meanwhile is left out. (timer_list has CLOCK_MONOTONIC.)
list_processes() (
    set +f
    echo '{PROCESSES_FIRST_LINE}'
    echo "at $(sed -n '/^now at/{{s/[^0-9]//g;p;q;}}' /proc/timer_list 2>/dev/null || true)" \\
        "$(cut -d ' ' -f 1 /proc/uptime) $(date +%s) $(getconf CLK_TCK) $(uname -n)"
    printf '%s\\n' /proc/[0-9]*/task/[0-9]*/stat | xargs grep -sH . |
        sed -nE 's,^/proc/([0-9]+)/task/([0-9]+)/stat:[0-9]+ \\((.*)\\) . ([0-9]+) ([-0-9]+ ){{17}}([0-9]+) .*$,thread \\1 \\2 \\6 \\4 \\3,p'
    printf '%s\\n' /proc/[0-9]*/fd |
        xargs sh -c 'exec find "$@" -lname "anon_inode:kvm-v*" -printf "fd %h %f %l\\n" 2>/dev/null' find |
        sed -n 's,^fd /proc/\\([0-9]*\\)/fd ,fd \\1 ,p'
    echo end
)
"""

SCRIPT = f"""\
#!/bin/sh
# Lists which thread is of which process, and which processes have VMs: put it beside a trace that
# was recorded on this host while they ran, as its name and {ENDING}. Needs root.
set -eu

{FUNCTION}
list_processes
"""

HOW_TO = """\
# For a trace by trace-cmd that was made otherwise: names the processes that still run.
gmemscope recipe processes > gmemscope-processes.sh           # here; copy it to the host
sudo sh gmemscope-processes.sh > trace.dat.processes          # there; keep it beside trace.dat
gmemscope import trace.dat                                    # here
"""
