"""Which recorder to use where: what each needs, and what its recording can show."""

COMPARISON = """\
# Record on a KVM host where nothing of ours is installed, import the recording here.
#
#             needs there                       memslots  ranges of conversions  causes
# trace-cmd   Linux 6.4 with event probes       seen      seen                   seen
# bpftrace    bpftrace 0.17                     seen      seen                   seen
# perf        Linux with KVM's tracepoints      not seen  seen from Linux 6.17   seen
#
# All of them see VMs, guest_memfds, calls, their results and times. Before Linux 6.17 perf has only
# the ranges that the guest asked for by a hypercall: they are marked inferred.
"""
