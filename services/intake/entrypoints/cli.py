"""The command line of intake."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from services.intake.application.commands import (
    LinkIdentity,
    LockAccount,
    RegisterAccounts,
    UnlinkIdentity,
    UnlockAccount,
)
from services.intake.application.reference import publish_reference
from services.intake.bootstrap import bootstrap
from services.intake.settings import Settings
from shared.clock import system_clock
from shared.command_line import service_cli
from shared.contracts.envelope import ActorRef
from shared.errors import Problem
from shared.messaging.commands import Command
from shared.settings import SettingsRefused

app = service_cli("intake", Settings.load, bootstrap, "services.intake.entrypoints.app")

accounts = typer.Typer(no_args_is_help=True, help="Accounts that may sign in.")
app.add_typer(accounts, name="accounts")


@accounts.command("import")
def import_accounts(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON: a list of accounts")],
) -> None:
    """Makes the accounts of FILE exist: account, password, email, name, role, office, unit, worker, demo."""
    try:
        service = bootstrap(Settings.load())
        command = RegisterAccounts(accounts=json.loads(file.read_text(encoding="utf-8")))
        answer = service.bus.execute(command, ActorRef.system("intake"))
    except (ValueError, ValidationError, SettingsRefused, Problem) as error:
        typer.echo(f"intake: {getattr(error, 'message', None) or error}", err=True)
        sys.exit(1)
    typer.echo(f"{answer['registered']} accounts")


@accounts.command("link")
def link_account(
    account: Annotated[str, typer.Argument(help="the account here")],
    subject: Annotated[str, typer.Argument(help="the person's `sub` at the identity provider")],
) -> None:
    """Lets the person SUBJECT of the identity provider sign in as ACCOUNT."""
    _decide(lambda issuer: LinkIdentity(account=account, issuer=issuer, subject=subject))
    typer.echo(f"{account} is linked to {subject}")


@accounts.command("unlink")
def unlink_account(account: Annotated[str, typer.Argument(help="the account here")]) -> None:
    """Takes the person of the identity provider off ACCOUNT; whoever is signed in is out."""
    _decide(lambda issuer: UnlinkIdentity(account=account, issuer=issuer))
    typer.echo(f"{account} is linked to nobody")


@accounts.command("lock")
def lock_account(account: Annotated[str, typer.Argument(help="the account here")]) -> None:
    """Lets nobody sign in as ACCOUNT any more; whoever did is out in a second or two."""
    _do(lambda: LockAccount(account=account, now=system_clock()))
    typer.echo(f"{account} is locked")


@accounts.command("unlock")
def unlock_account(account: Annotated[str, typer.Argument(help="the account here")]) -> None:
    """Lets ACCOUNT be used again, after a new sign-in."""
    _do(lambda: UnlockAccount(account=account))
    typer.echo(f"{account} is open")


def _do(command: Callable[[], Command]) -> None:
    """Executes a command; one line and exit 1 when it is refused."""
    try:
        bootstrap(Settings.load()).bus.execute(command(), ActorRef.system("intake"))
    except (ValueError, ValidationError, SettingsRefused, Problem) as error:
        typer.echo(f"intake: {getattr(error, 'message', None) or error}", err=True)
        sys.exit(1)


def _decide(command: Callable[[str], Command]) -> None:
    """Executes what `command` makes of the issuer in force; one line and exit 1 when it is refused."""
    _do(lambda: command(_issuer(Settings.load())))


def _issuer(settings: Settings) -> str:
    if not settings.oidc_issuer:
        raise SettingsRefused("TANNHA_INTAKE_OIDC_ISSUER is not set")
    return settings.oidc_issuer


@app.command("load-reference")
def load_reference() -> None:
    """Publishes units, procedures and calendar days that are new or changed."""
    service = bootstrap(Settings.load())
    typer.echo(f"{publish_reference(service.transactions, service.bus.ports)} rows published")


if __name__ == "__main__":
    app()
