"""What the documents promise is there: commands, options, make targets, files, REST resources."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from app.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]

COMMAND_LINE = re.compile(r"(?:^|[`/ ])gmemscope ([a-z-]+(?: +[^`|#\n]+)?)", re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`|^    .+$", re.MULTILINE)


def code_of(document: Path) -> str:
    """The inline code and the indented blocks of a Markdown file, a line each."""
    return "\n".join(CODE.findall(document.read_text()))


@cache
def help_of(command: str) -> str | None:
    """What `gmemscope COMMAND --help` prints, None if there is no such command."""
    runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
    result = runner.invoke(cli, [command, "--help"])
    return result.output if result.exit_code == 0 else None


def command_lines() -> Iterator[tuple[str, str]]:
    """Yield (document, what follows `gmemscope`) for everything shown as code."""
    for document in DOCUMENTS:
        for match in COMMAND_LINE.finditer(code_of(document)):
            yield document.name, match.group(1)


@pytest.mark.parametrize(("document", "line"), sorted(set(command_lines())))
def test_documented_command_and_its_options_exist(document: str, line: str) -> None:
    name, *arguments = line.split()
    text = help_of(name)
    assert text is not None, f"{document}: gmemscope has no command {name}"
    known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))
    used = {word.split("=")[0] for word in arguments if word.startswith("-")}
    assert used <= known, document


def test_readme_shows_the_commands_that_people_start_with() -> None:
    shown = {line.split()[0] for document, line in command_lines() if document == "README.md"}
    assert {"import", "list", "serve", "recipe", "simulate", "export"} <= shown


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documented_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|[` ])make ([a-z]+)\b", code_of(document))) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_headings(document: Path) -> None:
    """A heading that was renamed leaves links to nowhere in particular."""
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text())
    missing = [
        f"{path}#{anchor}"
        for path, anchor in links
        if (target := document.parent / path if path else document).suffix == ".md"
        and anchor not in anchors_of(target)
    ]
    assert missing == []


def anchors_of(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_decision_is_in_the_index_and_answers_the_same_questions() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = {path.name: path.read_text() for path in folder.glob("[0-9]*.md")}
    assert set(re.findall(r"\]\((\d{3}-[\w-]+\.md)\)", (folder / "README.md").read_text())) == set(
        pages
    )
    parts = ("**Question.**", "**Decision.**", "**Why.**", "**Costs.**")
    assert [name for name, text in pages.items() if not all(part in text for part in parts)] == []


def test_files_of_the_walk_through_the_rooms_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:app|collector|static|templates|docs)/[\w/.]*)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_documented_resources_are_served(tmp_path: Path) -> None:
    from app.main import create_app
    from app.settings import Settings

    app = create_app(Settings(database_url=str(tmp_path / "empty.db")))
    served = {*app.openapi()["paths"], app.openapi_url}
    shown = (ROOT / "docs" / "rest.md").read_text() + (ROOT / "README.md").read_text()
    paths = {
        re.sub(r"/\d+(?=/|$)", "/{id}", path) for path in re.findall(r"/api/v1/[^?`' \n]+", shown)
    }
    unserved = {path for path in paths if not any(is_path(path, known) for known in served)}
    assert unserved == set()


def is_path(shown: str, served: str) -> bool:
    """Do they name the same resource? Parameters may be called differently, suffixes may follow."""
    pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(served))
    return re.fullmatch(pattern + r"(\.\w+)?", shown) is not None


def test_every_setting_of_the_dashboard_is_documented() -> None:
    text = (ROOT / "docs" / "serving.md").read_text() + (ROOT / "Dockerfile").read_text()
    by_options = {"host", "port"}
    for name in set(Settings.model_fields) - by_options:
        assert f"GMEMSCOPE_{name.upper()}" in text, name
