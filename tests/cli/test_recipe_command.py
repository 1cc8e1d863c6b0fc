"""The programs that `gmemscope recipe` prints: what they record is what the importer reads."""

import re

import pytest

from app.commands.recording import _recipe as recipe
from app.errors import UsageError
from collector.codes import RecordCode
from collector.importing._bpftrace_log import BpftraceLog
from collector.recipes import _bpftrace as bpftrace, _perf as perf, _trace_cmd as trace_cmd
from collector.trace.bpftrace import SHAPES
from collector.trace.bpftrace._shapes import HEAD_FIELDS
from collector.trace.ring_buffer import match_formats, parse_event_format
from collector.trace.text import by_name


def test_every_line_of_the_bpftrace_program_is_one_that_is_read() -> None:
    formats = re.findall(r'printf\("([A-Z]) (.*?)\\n"', bpftrace.PROGRAM)
    assert {letter for letter, _ in formats} == {*SHAPES, "T"} - set("GJKL")  # those when asked for
    for letter, numbers in formats:
        fields = 2 if letter == "T" else HEAD_FIELDS + SHAPES[letter].values
        assert numbers.split() == ["%llx"] * fields


def test_bpftrace_program_states_which_version_its_lines_have() -> None:
    assert BpftraceLog.detects(bpftrace.FIRST_LINE.encode())
    assert f'printf("{bpftrace.FIRST_LINE};' in bpftrace.PROGRAM


def test_event_probes_of_the_script_are_recognised_by_their_fields() -> None:
    probes = re.findall(r"^add (\w+) 'syscalls\.\w+ (.*?) if ", trace_cmd.SCRIPT, re.MULTILINE)
    codes = {name: recognised_code(fields) for name, fields in probes}
    assert codes == {
        "set_attributes": RecordCode.USER_SET_ATTRIBUTES,
        "set_region": RecordCode.USER_REGION,
        "set_region2": RecordCode.USER_REGION,
        "create_guest_memfd": RecordCode.USER_GUEST_MEMFD,
        "enc_region": RecordCode.USER_ENC_REGION,
    }


def recognised_code(fetches: str) -> int:
    """What an event with these fields, as the kernel would lay them out, is taken for."""
    text, offset = "name: probe\nID: 2000\nformat:\n", 8
    common = ("unsigned short common_type", 0, 2), ("int common_pid", 4, 4)
    for declaration, at, size in common:
        text += f"\tfield:{declaration};\toffset:{at};\tsize:{size};\tsigned:0;\n"
    for fetch in fetches.split():
        name = fetch.split("=")[0]
        text += f"\tfield:u64 {name};\toffset:{offset};\tsize:8;\tsigned:0;\n"
        offset += 8
    (plan,) = match_formats([parse_event_format("gmemscope", text)]).plans
    return plan.code


def test_script_removes_every_probe_that_it_adds() -> None:
    added = re.findall(r"^add (\w+) ", trace_cmd.SCRIPT, re.MULTILINE)
    (removed,) = re.findall(r"for probe in (.*); do", trace_cmd.SCRIPT)
    assert removed.split() == added


def test_without_a_recorder_all_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    recipe.command()
    out = capsys.readouterr().out
    assert "gmemscope recipe trace-cmd >" in out
    assert "gmemscope recipe bpftrace >" in out
    assert "gmemscope recipe perf >" in out


def test_unknown_recorder_is_wrong_usage() -> None:
    with pytest.raises(UsageError):
        recipe.command("strace")


def test_perf_script_records_events_that_are_read() -> None:
    wanted = re.findall(r"^want (\S+)", perf.SCRIPT, re.MULTILINE)
    assert {"syscalls/sys_enter_ioctl", "kvm/kvm_vm_set_mem_attributes"} <= set(wanted)
    assert all(by_name(name.replace("/", ":")) for name in wanted)
