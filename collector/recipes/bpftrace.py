"""The bpftrace program whose log collector.sources.bpftrace_log reads, and how to run it."""

# ruff: noqa: E501 -- programs for others, which do not break lines

import re
from collections.abc import Sequence

PROGRAM = r"""#!/usr/bin/env bpftrace
/*
 * Records the system calls that make virtual machines, lay out their memory and convert it between
 * private and shared: their arguments, the user's structs, their results.
 * One line a call, written at its return:
 *   ts_enter ts_exit tgid tid comm NAME fd=... ... ret=...
 * Only tracepoints of system calls are used. Stop it with Ctrl-C.
 */

BEGIN
{
  printf("# conv.bt v1; times are bpftrace nsecs (boot clock); ret<0 is -errno\n");
}

/* KVM_SET_MEMORY_ATTRIBUTES, KVM_SET_USER_MEMORY_REGION, KVM_SET_USER_MEMORY_REGION2,
   KVM_CREATE_GUEST_MEMFD: the argument points to a struct. */
tracepoint:syscalls:sys_enter_ioctl
/args->cmd == 0x4020aed2 || args->cmd == 0x4020ae46 || args->cmd == 0x40a0ae49 ||
 args->cmd == 0xc040aed4/
{
  @entered[tid] = nsecs;
  @fd[tid] = (uint64)args->fd;
  @cmd[tid] = (uint64)args->cmd;
  @word0[tid] = *(uint64*)uptr(args->arg);
  @word1[tid] = *(uint64*)uptr(args->arg + 8);
  if (args->cmd != 0xc040aed4) {
    @word2[tid] = *(uint64*)uptr(args->arg + 16);
    @word3[tid] = *(uint64*)uptr(args->arg + 24);
  }
  if (args->cmd == 0x40a0ae49) {
    @word4[tid] = *(uint64*)uptr(args->arg + 32);
    @word5[tid] = *(uint32*)uptr(args->arg + 40);
  }
}

/* KVM_CREATE_VM, KVM_CREATE_VCPU: the argument is a number. */
tracepoint:syscalls:sys_enter_ioctl
/args->cmd == 0xae01 || args->cmd == 0xae41/
{
  @entered[tid] = nsecs;
  @fd[tid] = (uint64)args->fd;
  @cmd[tid] = (uint64)args->cmd;
  @word0[tid] = (uint64)args->arg;
}

tracepoint:syscalls:sys_exit_ioctl
/@cmd[tid]/
{
  if (@cmd[tid] == 0x4020aed2) {
    printf("%llu %llu %d %d %s SET_MEMORY_ATTRIBUTES fd=%d address=0x%llx size=0x%llx attributes=0x%llx flags=0x%llx ret=%d\n",
           @entered[tid], nsecs, pid, tid, comm, @fd[tid],
           @word0[tid], @word1[tid], @word2[tid], @word3[tid], args->ret);
  }
  if (@cmd[tid] == 0x4020ae46) {
    printf("%llu %llu %d %d %s SET_USER_MEMORY_REGION fd=%d slot=%u flags=0x%x gpa=0x%llx size=0x%llx hva=0x%llx ret=%d\n",
           @entered[tid], nsecs, pid, tid, comm, @fd[tid], @word0[tid] & 0xffffffff,
           @word0[tid] >> 32, @word1[tid], @word2[tid], @word3[tid], args->ret);
  }
  if (@cmd[tid] == 0x40a0ae49) {
    printf("%llu %llu %d %d %s SET_USER_MEMORY_REGION2 fd=%d slot=%u flags=0x%x gpa=0x%llx size=0x%llx hva=0x%llx gmem_offset=0x%llx gmem_fd=%d ret=%d\n",
           @entered[tid], nsecs, pid, tid, comm, @fd[tid], @word0[tid] & 0xffffffff,
           @word0[tid] >> 32, @word1[tid], @word2[tid], @word3[tid], @word4[tid], @word5[tid],
           args->ret);
  }
  if (@cmd[tid] == 0xc040aed4) {
    printf("%llu %llu %d %d %s CREATE_GUEST_MEMFD fd=%d size=0x%llx flags=0x%llx ret=%d\n",
           @entered[tid], nsecs, pid, tid, comm, @fd[tid], @word0[tid], @word1[tid], args->ret);
  }
  if (@cmd[tid] == 0xae01) {
    printf("%llu %llu %d %d %s CREATE_VM fd=%d type=%d ret=%d\n",
           @entered[tid], nsecs, pid, tid, comm, @fd[tid], @word0[tid], args->ret);
  }
  if (@cmd[tid] == 0xae41) {
    printf("%llu %llu %d %d %s CREATE_VCPU fd=%d vcpu_id=%d ret=%d\n",
           @entered[tid], nsecs, pid, tid, comm, @fd[tid], @word0[tid], args->ret);
  }
  delete(@entered[tid]);
  delete(@fd[tid]);
  delete(@cmd[tid]);
  delete(@word0[tid]);
  delete(@word1[tid]);
  delete(@word2[tid]);
  delete(@word3[tid]);
  delete(@word4[tid]);
  delete(@word5[tid]);
}

/* fallocate: allocates or punches pages of a guest_memfd. */
tracepoint:syscalls:sys_enter_fallocate
{
  @fallocate[tid] = nsecs;
  @file[tid] = (uint64)args->fd;
  @mode[tid] = (uint64)args->mode;
  @offset[tid] = (uint64)args->offset;
  @length[tid] = (uint64)args->len;
}

tracepoint:syscalls:sys_exit_fallocate
/@fallocate[tid]/
{
  printf("%llu %llu %d %d %s FALLOCATE fd=%d mode=0x%x offset=0x%llx len=0x%llx ret=%d\n",
         @fallocate[tid], nsecs, pid, tid, comm, @file[tid], @mode[tid], @offset[tid],
         @length[tid], args->ret);
  delete(@fallocate[tid]);
  delete(@file[tid]);
  delete(@mode[tid]);
  delete(@offset[tid]);
  delete(@length[tid]);
}

END
{
  clear(@entered); clear(@fd); clear(@cmd);
  clear(@word0); clear(@word1); clear(@word2); clear(@word3); clear(@word4); clear(@word5);
  clear(@fallocate); clear(@file); clear(@mode); clear(@offset); clear(@length);
}
"""

HOW_TO = """\
# Needs bpftrace 0.17 or later and root on the KVM host. Records everything but why the VMM
# converted: kvm_userspace_exit is not in it.
gmemscope recipe bpftrace > gmemscope.bt        # here; copy it to the host
sudo BPFTRACE_PERF_RB_PAGES=4096 bpftrace gmemscope.bt > recording.txt   # there; Ctrl-C ends it
gmemscope import recording.txt                  # here
"""

_HEARTBEAT = r"""
interval:ms:250
{
  printf("# at %llu\n", nsecs);
}
"""

_ENTRY = re.compile(r"^(tracepoint:syscalls:sys_enter_\w+)\n(?:/([^/]*)/\n)?", re.MULTILINE)


def live_program(pids: Sequence[int] = ()) -> str:
    """PROGRAM with a sign of life four times a second, for these processes only if any are named.

    A call whose entry is left out leaves no line at its return.
    """
    if not pids:
        return PROGRAM + _HEARTBEAT
    ours = " || ".join(f"pid == {int(pid)}" for pid in pids)

    def narrowed(entry: re.Match[str]) -> str:
        also = f" && ({entry[2]})" if entry[2] else ""
        return f"{entry[1]}\n/({ours}){also}/\n"

    return _ENTRY.sub(narrowed, PROGRAM) + _HEARTBEAT
