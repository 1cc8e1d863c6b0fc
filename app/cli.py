"""The `gmemscope` command: one file per subcommand, errors become exit statuses here.

Exit status: 0 done; 1 the input was bad; 2 wrong usage; 3 this host cannot do it.
"""

import atexit
import errno
import gc
import os
import sys
from typing import Annotated

import typer

from app.commands.dashboard import demo, serve
from app.commands.reading import export, list_, report, storms
from app.commands.recording import collect, import_, recipe, simulate, snapshot, trigger
from app.commands.upkeep import check, delete, doctor, prune, warm
from app.commands.usage import lacking, version
from app.errors import CommandError

MOST_NEW_OBJECTS = 100_000
"""So many come to stay with the libraries of a command. Looking through them after every 700, as
Python does, takes a tenth of the time of a short command."""

app = typer.Typer(
    name="gmemscope",
    help="See guest memory: which pages were private, which shared, and who converted them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=version.print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """What comes before a command's name."""


app.command("demo")(demo.command)
app.command("serve")(serve.command)
app.command("collect")(collect.command)
app.command("trigger")(trigger.command)
app.command("doctor")(doctor.command)
app.command("snapshot")(snapshot.command)
app.command("simulate")(simulate.command)
app.command("import")(import_.command)
app.command("list")(list_.command)
app.command("delete")(delete.command)
app.command("prune")(prune.command)
app.command("check")(check.command)
app.command("export")(export.command)
app.command("storms")(storms.command)
app.command("report")(report.command)
app.command("recipe")(recipe.command)
app.command("warm")(warm.command)


def exit_status(error: Exception) -> int | None:
    """The status by which an expected error ends the command, or None if it is a bug of ours.

    The error types are imported here, not above: they come with numpy and SQLAlchemy, which a
    command that succeeds may never need.
    """
    if isinstance(error, CommandError):
        return error.exit_status
    from collector.trace.errors import InputError

    if isinstance(error, InputError):
        return 1
    from app.store.errors import StoreError

    return 1 if isinstance(error, StoreError) or is_full(error) else None


def is_full(error: Exception) -> bool:
    """Is it that there is no room for what is printed?"""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(error, OSError) and error.errno in full


def print_the_rest() -> None:
    """Python would do so as it ends, and report a failure in its own words."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # there is something left to print
        if error.errno != errno.EPIPE:  # nobody reads any further
            raise


def main() -> None:
    gc.set_threshold(MOST_NEW_OBJECTS, 10, 10)
    atexit.register(gc.freeze)  # nor look through all of them at the end, for what nobody names
    # Pydantic would look for plugins in the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        try:
            app()
        finally:
            print_the_rest()
    except Exception as caught:
        error = caught
        if isinstance(caught, ModuleNotFoundError):
            error = lacking(caught) or caught
        status = exit_status(error)
        if status is None:
            raise
        print(f"gmemscope: {error}", file=sys.stderr)
        sys.exit(status)


if __name__ == "__main__":
    main()
