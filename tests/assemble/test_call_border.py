"""Calls of any values: what passes into assembly is such that all that follows can rely on it."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from app.model.guest import GFN_LIMIT, PAGE_SHIFT
from collector.assemble._border import CallBorder
from collector.assemble.floods import distrust_unread_structs, event_rows
from collector.assemble.identity import changes_layout, is_internal, region_of
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_GMEM, SAW_STRUCT, CallCode
from collector.records import CALL, CallArray

WORDS = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.sampled_from([0, 1, 4096, (1 << 31) - 1, 1 << 31, 1 << 40, 1 << 52, 1 << 62, 1 << 63]),
    st.integers(0, 1 << 30).map(lambda pages: pages << PAGE_SHIFT),
)
WHOLE = SAW_ENTER | SAW_EXIT | SAW_STRUCT
FLAGS = st.sampled_from([SAW_ENTER, SAW_EXIT, SAW_ENTER | SAW_EXIT, WHOLE, WHOLE | SAW_GMEM])
TIMES = st.one_of(st.integers(0, 10_000), st.integers(0, (1 << 64) - 1))


@st.composite
def any_calls(draw: st.DrawFn) -> CallArray:
    calls = np.zeros(draw(st.integers(0, 12)), CALL)
    for call in calls:
        call["code"], call["flags"] = draw(st.sampled_from(list(CallCode))), draw(FLAGS)
        call["ts_exit"] = draw(TIMES)
        call["ts_enter"] = draw(st.one_of(st.just(call["ts_exit"]), TIMES))
        call["tid"], call["tgid"] = draw(st.integers(-2, 9)), draw(st.integers(-2, 9))
        call["vcpu"], call["fd"] = draw(st.integers(-3, 9)), draw(st.integers(-2, 9))
        call["ret"] = draw(st.sampled_from([0, 0, 0, 5, -22, 1 << 31, (1 << 63) - 1]))
        call["v"] = draw(st.lists(WORDS, min_size=7, max_size=7))
    return calls


@settings(max_examples=200, deadline=None)
@given(st.lists(any_calls(), max_size=3))
def test_what_passes_is_in_order_and_within_limits(batches: list[CallArray]) -> None:
    border, reached, given_count = CallBorder(), 0, 0
    for calls in batches:
        passed = border.passed(calls.copy())
        ends = passed["ts_exit"].astype(object).tolist()
        assert ends == sorted(ends)
        assert not ends or (ends[0] >= reached and ends[-1] < 1 << 62)
        reached = max(reached, *ends, 0)
        for call in passed[changes_layout(passed)]:
            region = region_of(call)
            assert is_internal(region) or region.base_gfn + region.npages <= GFN_LIMIT
        losses = np.isin(passed["code"], (CallCode.LOSS_BEGIN, CallCode.LOSS_END))
        assert (passed["v"][losses, 0] < 1 << 42).all()
        rows = event_rows(distrust_unread_structs(passed), 0)
        assert (rows["gfn"] <= 1 << 52).all()
        assert (rows["npages"] <= 1 << 52).all()
        given_count += len(calls)
    assert border.refused <= given_count
    assert (border.damage is None) == (border.refused == 0)


def call(code: CallCode, ts: int, **values: object) -> CallArray:
    made = np.zeros(1, CALL)
    made["code"], made["ts_enter"], made["ts_exit"], made["vcpu"] = code, ts, ts, -1
    made["flags"] = SAW_ENTER | SAW_EXIT | SAW_STRUCT
    for name, value in values.items():
        made[name] = value
    return made


def region(ts: int, gpa: int, size: int) -> CallArray:
    return call(CallCode.SET_REGION, ts, v=[0, gpa, size, 0, 0, 0, 0])


def test_calls_that_are_refused_become_a_loss_in_their_place() -> None:
    good, bad = region(10, 0, 1 << 30), region(20, 0, 1 << 52)
    border = CallBorder()
    passed = border.passed(np.concatenate((good, bad, region(30, 1 << 60, 4096), region(40, 0, 0))))
    assert [CallCode(int(code)).name for code in passed["code"]] == [
        "SET_REGION",
        "LOSS_BEGIN",
        "LOSS_END",
        "SET_REGION",
    ]
    assert passed["ts_exit"].tolist() == [10, 10, 30, 40]
    assert passed["v"][1:3, :2].tolist() == [[2, 30], [2, 10]]
    assert border.damage == (
        "2 calls cannot be right; of the first, a SET_REGION: KVM would have refused such a memslot"
    )


@pytest.mark.parametrize("size", [(1 << 31) << 12, 1 << 52, 4097, (1 << 64) - 4096])
def test_a_memslot_that_kvm_refuses_is_none(size: int) -> None:
    border = CallBorder()
    border.passed(region(10, 0, size))
    assert border.refused == 1
    failed = region(10, 0, size)
    failed["ret"] = -22  # whatever a VMM asked for in vain is told as it was
    assert CallBorder().passed(failed)["code"].tolist() == [CallCode.SET_REGION]
    largest = region(10, 0, ((1 << 31) - 1) << 12)
    assert CallBorder().passed(largest)["code"].tolist() == [CallCode.SET_REGION]
