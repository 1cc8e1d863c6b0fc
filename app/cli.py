"""The `gmemscope` command: one file per subcommand, errors become exit statuses here.

Exit status: 0 done; 1 the input was bad; 2 wrong usage; 3 this host cannot do it.
"""

import gc
import os
import sys

import typer

from app.commands import (
    check,
    collect,
    demo,
    doctor,
    export,
    import_,
    list_,
    recipe,
    report,
    serve,
    simulate,
    snapshot,
    storms,
    warm,
)
from app.commands.errors import CommandError
from app.commands.needs import lacking

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
app.command("demo")(demo.command)
app.command("serve")(serve.command)
app.command("collect")(collect.command)
app.command("doctor")(doctor.command)
app.command("snapshot")(snapshot.command)
app.command("simulate")(simulate.command)
app.command("import")(import_.command)
app.command("list")(list_.command)
app.command("check")(check.command)
app.command("export")(export.command)
app.command("storms")(storms.command)
app.command("report")(report.command)
app.command("recipe")(recipe.command)
app.command("warm")(warm.command)


def exit_status(error: Exception) -> int | None:
    """Say with which status an expected error ends the command, or None if it is a bug of ours.

    The error types are imported here, not above: they come with numpy and SQLAlchemy, which a
    command that succeeds may never need.
    """
    if isinstance(error, CommandError):
        return error.exit_status
    from collector.sources.base import InputError

    if isinstance(error, InputError):
        return 1
    from app.store.errors import StoreError

    return 1 if isinstance(error, StoreError) else None


def main() -> None:
    gc.set_threshold(MOST_NEW_OBJECTS, 10, 10)
    # Pydantic would look for plugins in what every installed package says of itself.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        app()
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
