"""The command `tannha`: the broker, and the commands of every service that is installed."""

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
        if wanted in commands and name != wanted:
            continue
        app.add_typer(entry.load(), name=name)
    if len(commands) == 1:
        app.callback()(lambda: None)
    app()


if __name__ == "__main__":
    main()
