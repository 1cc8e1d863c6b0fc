"""Each number of the ABI is the one in the C headers of this machine, or is in none of them."""

import re
import subprocess
from functools import cache
from pathlib import Path
from shutil import which

import pytest

from collector.kvm import uapi

HEADERS = (
    "linux/kvm.h",
    "linux/kvm_para.h",
    "linux/falloc.h",
    "linux/sched.h",
    "linux/fcntl.h",
    "asm/unistd.h",
)
KVM_HEADER = Path("/usr/include/linux/kvm.h")
ANSWER = re.compile(r"^\s*\.answer (\w+) [$#]?(-?\d+)$", re.MULTILINE)
NAMES = {name: value for name, value in vars(uapi).items() if isinstance(value, int)}
OURS = {"RUN_IMMEDIATE_EXIT"}
"""A name that is not the kernel's own."""


def answers(questions: str) -> dict[str, int]:
    """What the compiler makes of constant expressions, as the kernel's own asm-offsets.c asks it:
    it only compiles, so that nothing but gcc and the headers of linux-libc-dev is needed."""
    compiler = which("gcc")
    if compiler is None or not KVM_HEADER.exists():
        pytest.skip("gcc or linux-libc-dev is missing")
    lines = [f"#include <{header}>" for header in HEADERS]
    lines += [
        "#define ASK(name, number) "
        'asm volatile(".answer " #name " %0" : : "i"((unsigned long long)(number)))',
        f"void ask(void) {{\n{questions}}}",
    ]
    done = subprocess.run(
        [compiler, "-S", "-x", "c", "-o", "-", "-"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name: int(number) % (1 << 64) for name, number in ANSWER.findall(done.stdout)}


@cache
def of_headers() -> dict[str, int]:
    """Of those names that the headers have."""
    return answers("".join(f"#ifdef {name}\nASK({name}, {name});\n#endif\n" for name in NAMES))


def test_every_number_is_the_header_s() -> None:
    differing = {name: (NAMES[name], number) for name, number in of_headers().items()}
    assert {name: pair for name, pair in differing.items() if pair[0] != pair[1]} == {}


def test_what_a_header_lacks_has_another_origin() -> None:
    assert set(NAMES) - set(of_headers()) - OURS <= set(uapi.ORIGIN)


def test_every_system_call_has_the_header_s_number() -> None:
    numbers = uapi.SYSTEM_CALL_NUMBERS
    asked = (f"#ifdef __NR_{one}\nASK({one}, __NR_{one});\n#endif\n" for one in numbers)
    found = answers("".join(asked))
    assert "pidfd_getfd" in found
    assert found == {name: numbers[name] for name in found}


def test_every_origin_is_that_of_a_number() -> None:
    assert set(uapi.ORIGIN) <= set(NAMES)


def test_every_field_of_a_struct_is_where_the_header_has_it() -> None:
    structs = {struct.name: struct for struct in uapi.STRUCT_OF.values()}
    guards = {
        uapi.STRUCT_OF[number].name: name
        for name, number in NAMES.items()
        if number in uapi.STRUCT_OF
    }
    questions = ["ASK(immediate_exit, __builtin_offsetof(struct kvm_run, immediate_exit));\n"]
    expected = {"immediate_exit": uapi.RUN_IMMEDIATE_EXIT}
    for name, struct in structs.items():
        questions.append(f"#ifdef {guards[name]}\nASK({name}, sizeof(struct {name}));\n")
        expected[name] = struct.size
        for field, offset in struct.offsets.items():
            place = f"__builtin_offsetof(struct {name}, {field})"
            questions.append(f"ASK({name}__{field}, {place});\n")
            expected[f"{name}__{field}"] = offset
        questions.append("#endif\n")
    found = answers("".join(questions))
    assert "kvm_userspace_memory_region" in found
    assert found == {name: expected[name] for name in found}


def test_an_ioctl_s_number_holds_the_size_of_its_struct() -> None:
    """_IOC(): bits 16 to 29 (include/uapi/asm-generic/ioctl.h)."""
    assert {number: number >> 16 & 0x3FFF for number in uapi.STRUCT_OF} == {
        number: struct.size for number, struct in uapi.STRUCT_OF.items()
    }
