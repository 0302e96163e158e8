"""The command line of routing: `tannha routing …`."""

from __future__ import annotations

import typer

from services.routing.application.reference import load_reference_files
from services.routing.bootstrap import NAME, bootstrap
from services.routing.settings import Settings
from shared.command_line import service_cli

app = service_cli(NAME, Settings.load, bootstrap, "services.routing.entrypoints.app")


@app.command("load-reference")
def load_reference() -> None:
    """Loads post offices and workers from the data files; what changed is published by the next start."""
    settings = Settings.load()
    loaded = load_reference_files(bootstrap(settings).bus, settings.reference_dir)
    typer.echo(f"{loaded['offices']} offices, {loaded['workers']} workers changed")


if __name__ == "__main__":
    app()
