"""Rows that are moved at once: the same rows, whatever numpy does with the items."""

import numpy as np
import numpy.typing as npt

from app.compiled import whole

ROW = np.dtype([("t", "<i8"), ("v", "<u8", (3,)), ("kind", "u1"), ("errno", "<i2")])


def some_rows(count: int) -> npt.NDArray[np.void]:
    content = np.random.default_rng(1).integers(0, 256, count * ROW.itemsize, np.uint8)
    return content.view(ROW)


def test_what_is_copied_joined_and_sorted_as_items_are_the_same_rows() -> None:
    rows, order = some_rows(50), np.random.default_rng(2).permutation(50)
    room = np.zeros(60, ROW)
    whole(room)[5:55] = whole(rows)
    assert (room[5:55] == rows).all()
    assert (np.concatenate([whole(rows), whole(rows[:7])]).view(ROW)[50:] == rows[:7]).all()
    assert (whole(rows)[order].view(ROW) == rows[order]).all()
    assert (np.take(rows, order) == rows[order]).all()
    assert (np.compress(order < 20, rows) == rows[order < 20]).all()


def test_items_are_the_rows_themselves_also_of_every_other_row_and_of_none() -> None:
    rows = some_rows(10)
    every_other = rows[::2]
    whole(every_other)[:] = whole(some_rows(5)[::-1])
    assert (rows[::2] == some_rows(5)[::-1]).all()
    assert (rows[1::2] == some_rows(10)[1::2]).all()
    assert whole(rows[:0]).copy().view(ROW).shape == (0,)
