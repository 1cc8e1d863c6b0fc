"""`gmemscope serve`: the dashboard."""

from typing import Annotated

import typer

from app.commands.usage import Database, check_libraries, require_database

Host = Annotated[str, typer.Option(help="Address to listen on. Beyond this machine: set a token.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]


def command(host: Host = "127.0.0.1", port: Port = 8000, database: Database = None) -> None:
    """Show what was recorded, in the browser.

    Other machines may read only with the token in GMEMSCOPE_TOKEN.
    """
    from app.serving import bind, load_settings, run, url_of

    settings = load_settings(host, port, database)
    check_libraries()
    if database is not None:
        require_database(database)
    with bind(host, port) as listener:
        from app.main import create_app  # slow to load: only once the port is ours

        app = create_app(settings)
        print(f"gmemscope: the dashboard is at {url_of(listener)} (Ctrl-C ends it)", flush=True)
        run(app, listener)
