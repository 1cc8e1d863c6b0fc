"""The accounts of a simulated guest, whose left-over pages are known."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app import cli
from app.queries.history import Accounts, BackingView
from app.store.database import open_database
from app.store.read import Reader
from app.store.schema import Vm


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reader, Vm, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("backing")
    database, truth = folder / "b.db", folder / "b.json"
    arguments = ["simulate", "boot-and-storm", "--seed", "4", "--database", str(database)]
    assert CliRunner().invoke(cli.app, [*arguments, "--truth", str(truth)]).exit_code == 0
    reader = Reader(open_database(str(database)))
    return reader, reader.vms()[0], json.loads(Path(truth).read_text())["planted"]


@pytest.fixture(scope="module")
def before_the_loss(simulated: tuple[Reader, Vm, list[dict[str, Any]]]) -> BackingView:
    reader, vm, planted = simulated
    (loss,) = [one for one in planted if "lost" in one["kind"] or "loss" in one["kind"]][:1]
    return Accounts(reader).of(vm, None, loss["from_t"])


def test_sums_close_at_every_point(
    simulated: tuple[Reader, Vm, list[dict[str, Any]]],
) -> None:
    reader, vm, _ = simulated
    for point in Accounts(reader).of(vm, None, None).points:
        totals = reader.page_map_at(vm.id or 0, point.t).totals()
        assert (point.private, point.shared, point.unknown) == (
            totals.private,
            totals.shared,
            totals.unknown,
        )
        pages = point.private + point.shared + point.unknown
        assert point.hva_only + point.gmem_only + point.mixed == pages
        for bounds in (point.private_half, point.stale_private, point.stale_shared):
            assert 0 <= bounds.lower <= bounds.upper <= point.mixed
        assert point.stale_private.upper <= point.shared
        assert point.stale_shared.upper <= point.private


def test_what_was_never_punched_is_left_over(
    simulated: tuple[Reader, Vm, list[dict[str, Any]]], before_the_loss: BackingView
) -> None:
    _, _, planted = simulated
    (unpunched,) = [one for one in planted if one["kind"] == "not punched"]
    last = before_the_loss.points[-1]
    assert last.stale_private.upper == unpunched["pages"]
    assert last.stale_private.lower == 0
    assert before_the_loss.frees_are_seen
    largest = before_the_loss.stale_private[0]
    assert unpunched["from_t"] <= (largest.since_t or 0) <= unpunched["to_t"]
    first = before_the_loss.points[0]
    assert first.stale_private.upper == 0


def test_after_a_loss_the_bounds_are_open(
    simulated: tuple[Reader, Vm, list[dict[str, Any]]],
) -> None:
    reader, vm, _ = simulated
    points = Accounts(reader).of(vm, None, None).points
    blind = max(points, key=lambda point: point.unknown)
    assert blind.unknown > blind.private
    assert blind.private_half.lower == 0
    assert blind.private_half.upper > blind.mixed // 2
