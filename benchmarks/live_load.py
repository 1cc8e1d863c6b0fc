"""The traced program: asks KVM for conversions at a given rate, as a VMM in a storm does.

    python -m benchmarks.live_load

Reads lines `CALLS_PER_SECOND SECONDS` (0: as fast as can be); for each it makes a VM of its own,
calls KVM_SET_MEMORY_ATTRIBUTES and prints one JSON object. Kernels that know no private memory
refuse the call; it is entered and left, and so traced, all the same.
"""

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from typing import cast

import numba
import numpy as np

from collector.kvm.uapi import KVM_CREATE_VM, KVM_SET_MEMORY_ATTRIBUTES

TICK_S = 0.001
MOST_AT_ONCE = 20_000
PAGE = 4096

ioctl = ctypes.CDLL(None).ioctl
ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong]
ioctl.restype = ctypes.c_int


def _convert(vm: int, address: int, count: int) -> None:
    for _ in range(count):
        ioctl(vm, KVM_SET_MEMORY_ATTRIBUTES, address)


convert = cast(Callable[[int, int, int], None], numba.njit(_convert))


def play(rate: int, seconds: float) -> dict[str, float]:
    kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    vm = ioctl(kvm, KVM_CREATE_VM, 0)
    asked = np.array([0, PAGE, 8, 0], np.uint64)  # struct kvm_memory_attributes
    begin, calls, calling_ns = time.monotonic(), 0, 0
    while (elapsed := time.monotonic() - begin) < seconds:
        due = int(rate * elapsed) - calls if rate else MOST_AT_ONCE
        entered = time.thread_time_ns()
        convert(vm, asked.ctypes.data, min(due, MOST_AT_ONCE))
        calling_ns += time.thread_time_ns() - entered
        calls += max(0, min(due, MOST_AT_ONCE))
        if rate:
            time.sleep(TICK_S)
    return {"fd": vm, "calls": calls, "elapsed": elapsed, "call_ns": calling_ns / calls}


def main() -> None:
    convert(-1, 0, 1)  # compiled before it is measured
    print("ready", flush=True)
    for line in sys.stdin:
        rate, seconds = line.split()
        print(json.dumps(play(int(rate), float(seconds))), flush=True)


if __name__ == "__main__":
    main()
