"""`gmemscope --version`."""

import subprocess
from importlib import metadata

import typer

from app import resources


def print_version(is_wanted: bool) -> None:
    """Print which gmemscope this is, and end."""
    if is_wanted:
        typer.echo(f"gmemscope {version()}")
        raise typer.Exit


def version() -> str:
    """That of the installed distribution. A checkout goes on after it was installed, so there it is
    what git calls the commit at hand, with `-dirty` if files differ from it."""
    if (resources.ROOT / ".git").exists() and (commit := _commit()):
        return commit
    try:
        return metadata.version("gmemscope")
    except metadata.PackageNotFoundError:
        return "unknown"


def _commit() -> str | None:
    """None where git is missing or refuses, as it does in other users' folders."""
    command = ("git", "-C", str(resources.ROOT), "describe", "--tags", "--always", "--dirty")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip().removeprefix("v")
