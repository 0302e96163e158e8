"""The command `tannha`: the broker, the commands of every service that is installed, and those across all."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer


def main() -> None:
    """Loads only the part that is called: the broker must start without a service's libraries."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    app = typer.Typer(no_args_is_help=True, help="Tận Nhà: dịch vụ hành chính công đến tận nhà.")
    commands = {entry.name: entry for entry in entry_points(group="tannha.commands")}
    for name, entry in sorted(commands.items()):
        if wanted in {*commands, "events"} - {name}:
            continue
        _mount(app, name, entry.load())
    if wanted not in commands:
        from shared.events_cli import app as events  # noqa: PLC0415 - the broker needs no database layer

        app.add_typer(events, name="events")
    app.callback()(lambda: None)  # keeps the subcommand's name even when there is only one
    app()


def _mount(app: typer.Typer, name: str, part: typer.Typer) -> None:
    """A part with one command is called by its own name: `tannha broker`, not `tannha broker broker`."""
    if len(part.registered_commands) == 1 and part.registered_commands[0].callback:
        app.command(name)(part.registered_commands[0].callback)
    else:
        app.add_typer(part, name=name)


if __name__ == "__main__":
    main()
