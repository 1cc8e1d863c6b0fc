"""A compiled loop gives what the Python that it was made of gives."""

import numpy as np
import pytest

from app.compiled import hot_in_place

ROW = np.dtype([("t", "<i8"), ("kind", "u1"), ("gfn", "<u8")])


@hot_in_place
def weigh(
    rows: np.ndarray, grid: np.ndarray, window: tuple[int, int], by: int, doubled: bool
) -> int:
    total = 0
    for i in range(rows.size):
        row = rows[i]
        if window[0] <= row.t < window[1]:
            total += by if row.kind > 3 else 1
    for i in range(grid.shape[0]):
        for k in range(grid.shape[1]):
            total += grid[i, k] * (i + 1)
    return 2 * total if doubled else total


@hot_in_place
def bounds(numbers: np.ndarray) -> tuple[int, int]:
    low, high = numbers[0], numbers[0]
    for i in range(numbers.size):
        low, high = min(low, numbers[i]), max(high, numbers[i])
    return low, high


@hot_in_place
def is_sorted(numbers: np.ndarray) -> bool:
    count = 0
    for i in range(1, numbers.size):
        count += numbers[i] < numbers[i - 1]
    return count == 0


@hot_in_place
def negate(numbers: np.ndarray) -> None:
    for i in range(numbers.size):
        numbers[i] = -numbers[i]


@hot_in_place
def half(number: int) -> float:
    return number / 2


@hot_in_place
def ratio(number: int, by: int) -> int:
    return number // by


def some_rows() -> np.ndarray:
    rows = np.zeros(40, ROW)
    rows["t"], rows["kind"] = np.arange(40) - 20, np.arange(40) % 7
    return rows


def test_arrays_of_every_layout_are_read_as_they_are() -> None:
    grid = np.arange(-60, 60).reshape(10, 12)
    frozen = grid.copy()
    frozen.flags.writeable = False
    for one in (grid, grid.T, grid[::2, ::-3], np.asfortranarray(grid), grid[:0], frozen):
        for rows in (some_rows(), some_rows()[::3]):
            for by in (3, np.int64(-4), 1 << 40):
                args = rows, one, (-5, 12), by, True
                in_python = weigh.__wrapped__(rows.view(np.recarray), *args[1:])  # type: ignore[attr-defined]
                assert weigh(*args) == in_python  # type: ignore[arg-type]


def test_what_a_function_returns_is_python() -> None:
    numbers = np.array([3, -9, 1 << 62])
    assert bounds(numbers) == (-9, 1 << 62)
    assert is_sorted(numbers) is False
    assert is_sorted(np.sort(numbers)) is True
    assert negate(numbers) is None
    assert numbers.tolist() == [-3, 9, -(1 << 62)]


def test_fractions_and_unsigned_numbers_are_taken_as_they_are() -> None:
    assert half(5) == 2.5
    assert bounds(np.array([2.5, -1.0])) == (-1.0, 2.5)
    assert ratio(np.uint64(1 << 63), np.uint64(2)) == 1 << 62  # type: ignore[arg-type]


def test_a_division_by_zero_is_an_error() -> None:
    assert ratio(7, 2) == 3
    with pytest.raises(ArithmeticError):
        ratio(7, 0)
