"""contrib/prometheus: rules that alert when they are to, and names that /metrics really has."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as plain_text

from app.model.guest import Backing, Certainty, Memslot, PageState, VmIdentity
from app.settings import Settings
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.write import RecordingWriter
from collector.capture.agent._counters import Counters
from tests.bursting import burst

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
FOLDER = Path(__file__).parents[2] / "contrib" / "prometheus"
RULES, TESTS, BOARD = (
    FOLDER / name
    for name in ("gmemscope.rules.yml", "gmemscope.test.yml", "gmemscope.dashboard.json")
)
SELECTOR = re.compile(r"\b((?:gmemscope|process)_[a-z_0-9]+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'([a-z]+)\s*(=~|!=|=)\s*"([^"]*)"')


@pytest.fixture(scope="module")
def given(
    serve_module: Serve, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[dict[str, str]]]]:
    """The labels of all samples, by name, while a collector records a guest."""
    path = tmp_path_factory.mktemp("prometheus") / "live.db"
    engine = open_database(path)
    header = RecordingHeader("live", "tracefs", "kvm7", "mono", 0, wall_start_ns=1)
    identity = VmIdentity("web-1", 70, 9, 0, Certainty.SEEN, PageState.SHARED)
    with (
        serve_module(Settings(database_url=str(path))) as client,
        RecordingWriter(engine, header, is_live=True) as writer,
    ):
        client.get("/metrics")
        vm_id = writer.add_vm(identity)
        backed = (Backing.MIXED, Certainty.SEEN, 0)
        writer.set_memslot(vm_id, Memslot(0, 0, 512, 4, *backed, guest_memfd=5))
        writer.append(vm_id, burst(1, 1.01))
        writer.update_coverage({"collector": asdict(Counters())})
        writer._commit()
        found: dict[str, list[dict[str, str]]] = {}
        for family in plain_text(client.get("/metrics").text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.labels)
        yield found
    engine.dispose()


def expressions_of_rules() -> list[str]:
    return re.findall(r"^ +expr: (.+)$", RULES.read_text(), re.MULTILINE)


def strings_of(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from strings_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings_of(one)
    elif isinstance(value, str):
        yield value


def expressions_of_board() -> list[str]:
    return [text for text in strings_of(json.loads(BOARD.read_text())) if "gmemscope_" in text]


def test_there_is_something_to_look_at() -> None:
    assert len(expressions_of_rules()) == RULES.read_text().count("- alert:") == 6
    assert len(expressions_of_board()) > 20


@pytest.mark.parametrize("expression", [*expressions_of_rules(), *expressions_of_board()])
def test_every_metric_that_is_named_is_given(
    given: dict[str, list[dict[str, str]]], expression: str
) -> None:
    """With its labels; and with their values, where those are few."""
    named = SELECTOR.findall(expression)
    assert named
    for name, selector in named:
        assert name in given, f"/metrics has no {name}"
        for label, operator, value in LABEL.findall(selector):
            values = {labels[label] for labels in given[name]}  # KeyError: no such label
            assert operator == "=~" or value in values, f"{name} has no {label} of {value!r}"


@pytest.mark.parametrize("expression", expressions_of_board())
def test_legends_and_groups_are_by_labels_that_are_given(
    given: dict[str, list[dict[str, str]]], expression: str
) -> None:
    for group, name in re.findall(r"by \(([^)]*)\) .*?((?:gmemscope)_[a-z_0-9]+)", expression):
        for label in re.split(r",\s*", group):
            assert all(label in labels for labels in given[name]), (name, label)


def test_alerts_are_given_when_they_are_to_be() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: Debian has it in its package prometheus")
    for command in (["check", "rules", RULES.name], ["test", "rules", TESTS.name]):
        done = subprocess.run(
            [promtool, *command], cwd=FOLDER, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_test() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    raised = re.findall(r"alertname: (\w+)\n +exp_alerts:", TESTS.read_text())
    calm = re.findall(r"alertname: (\w+)\n(?! +exp_alerts)", TESTS.read_text())
    assert set(raised) == alerts
    assert set(calm) == alerts
