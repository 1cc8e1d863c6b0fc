"""Commands run in this process: one of its own costs a second, most of it for what it imports."""

from pathlib import Path

from typer.testing import CliRunner

from app import cli


def run(*arguments: str | Path) -> str:
    """What a command that succeeds prints."""
    result = CliRunner().invoke(cli.app, [str(each) for each in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout
