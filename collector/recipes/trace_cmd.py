"""Commands that record everything with stock trace-cmd: event probes, no BPF, nothing installed.

The importer knows probes by their fields, so group and event names are free; the fields are not.
"""

# ruff: noqa: E501 -- programs for others, which do not break lines

SCRIPT = r"""#!/bin/sh
# Records, with stock trace-cmd, all that gmemscope can use, until Ctrl-C or for as long as a
# command given as arguments runs. Needs root, Linux 6.4 or later with CONFIG_EPROBE_EVENTS (event
# probes with filters), and trace-cmd. Adds four event probes and removes them again.
set -eu
tracing=/sys/kernel/tracing
output=${OUTPUT:-recording.dat}

add() { echo "e:gmemscope/$1 $2" >> $tracing/dynamic_events; }
remove() {
    for probe in set_attributes set_region set_region2 create_guest_memfd; do
        echo "-:gmemscope/$probe" >> $tracing/dynamic_events 2>/dev/null || true
    done
}
trap remove EXIT

# What the user's structs hold; the numbers are the ioctls' own, in hexadecimal.
add set_attributes 'syscalls.sys_enter_ioctl fd=$fd:s32 address=+u0($arg):x64 size=+u8($arg):x64 attributes=+u16($arg):x64 flags=+u24($arg):x64 if cmd==0x4020aed2'
add set_region 'syscalls.sys_enter_ioctl fd=$fd:s32 slot=+u0($arg):u32 flags=+u4($arg):x32 gpa=+u8($arg):x64 size=+u16($arg):x64 hva=+u24($arg):x64 if cmd==0x4020ae46'
add set_region2 'syscalls.sys_enter_ioctl fd=$fd:s32 slot=+u0($arg):u32 flags=+u4($arg):x32 gpa=+u8($arg):x64 size=+u16($arg):x64 hva=+u24($arg):x64 gmem_off=+u32($arg):x64 gmem_fd=+u40($arg):s32 if cmd==0x40a0ae49'
add create_guest_memfd 'syscalls.sys_enter_ioctl fd=$fd:s32 size=+u0($arg):x64 gflags=+u8($arg):x64 if cmd==0xc040aed4'

# KVM_CREATE_VM, KVM_CREATE_VCPU and the ioctls above; their exits; what the guest asked for; files
# and threads that come and go.
trace-cmd record -C mono -b 16384 -o "$output" \
    -e gmemscope \
    -e syscalls:sys_enter_ioctl -f 'cmd==0xae01||cmd==0xae41||cmd==0x4020aed2||cmd==0x4020ae46||cmd==0x40a0ae49||cmd==0xc040aed4' \
    -e syscalls:sys_exit_ioctl \
    -e syscalls:sys_enter_fallocate -e syscalls:sys_exit_fallocate \
    -e syscalls:sys_enter_close -e syscalls:sys_exit_close \
    -e syscalls:sys_enter_dup -e syscalls:sys_exit_dup \
    -e kvm:kvm_hypercall -e kvm:kvm_userspace_exit -e kvm:kvm_page_fault \
    -e kvm:kvm_unmap_hva_range \
    -e task:task_newtask -e sched:sched_process_exit \
    "$@"
"""

HOW_TO = """\
# Needs trace-cmd, root and Linux 6.4 or later on the KVM host. Records everything.
gmemscope recipe trace-cmd > gmemscope-record.sh   # here; copy it to the host
sudo sh gmemscope-record.sh                        # there; Ctrl-C ends it
gmemscope import recording.dat                     # here
"""
