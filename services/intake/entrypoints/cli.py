"""The command line of intake."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from services.intake.application.commands import RegisterAccounts
from services.intake.application.reference import publish_reference
from services.intake.bootstrap import bootstrap
from services.intake.settings import Settings
from shared.command_line import service_cli
from shared.contracts.envelope import ActorRef
from shared.errors import Problem
from shared.settings import SettingsRefused

app = service_cli("intake", Settings.load, bootstrap, "services.intake.entrypoints.app")

accounts = typer.Typer(no_args_is_help=True, help="Accounts that may sign in.")
app.add_typer(accounts, name="accounts")


@accounts.command("import")
def import_accounts(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON: a list of accounts")],
) -> None:
    """Makes the accounts of FILE exist: account, password, name, role, office, unit, worker, demo."""
    try:
        service = bootstrap(Settings.load())
        command = RegisterAccounts(accounts=json.loads(file.read_text(encoding="utf-8")))
        answer = service.bus.execute(command, ActorRef.system("intake"))
    except (ValueError, ValidationError, SettingsRefused, Problem) as error:
        typer.echo(f"intake: {getattr(error, 'message', None) or error}", err=True)
        sys.exit(1)
    typer.echo(f"{answer['registered']} accounts")


@app.command("load-reference")
def load_reference() -> None:
    """Publishes units, procedures and calendar days that are new or changed."""
    service = bootstrap(Settings.load())
    typer.echo(f"{publish_reference(service.transactions, service.bus.ports)} rows published")


if __name__ == "__main__":
    app()
