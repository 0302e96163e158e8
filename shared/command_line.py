"""The command line of a service, the same for all three: `api`, `worker`, `migrate`, `parked`, …

Each command loads only its own half: a worker needs no web server, an API no Faust. On two cores that is
seconds of every start.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from shared.contracts.topics import Service as ServiceName
from shared.contracts.topics import consumed_by
from shared.errors import Problem
from shared.messaging.tables import ParkedEvent
from shared.observability.logs import configure_logs
from shared.service import Service, SettingsT
from shared.settings import ServiceSettings, SettingsRefused

ALIVE_SECONDS = 15


def service_cli(
    name: ServiceName,
    load: Callable[[], SettingsT],
    bootstrap: Callable[[SettingsT], Service[SettingsT]],
    app: str,
) -> typer.Typer:
    """The commands of a service. `app` names the module whose `build_app(service)` makes the HTTP side."""
    cli = typer.Typer(no_args_is_help=True, help=f"Service {name}.")

    @contextmanager
    def started() -> Iterator[Service[SettingsT]]:
        try:
            settings = load()
            configure_logs(name, settings.log_level)
            yield bootstrap(settings)
        except (SettingsRefused, Problem, SQLAlchemyError, OSError) as error:
            typer.echo(f"{name}: {getattr(error, 'message', None) or error}", err=True)
            sys.exit(1)

    @cli.command()
    def api() -> None:
        """Serves pages and API, and sends what was published."""
        with started() as service:
            service.declare_topics()
            serve(service, import_module(app).build_app(service))

    @cli.command()
    def worker() -> None:
        """Listens to the other services' events."""
        with started() as service:
            service.declare_topics()
            listen(service)

    @cli.command("migrate")
    def migrate_command() -> None:
        """Brings the database to the newest revision."""
        with started() as service:
            service.migrate()

    @cli.command("settings")
    def settings_command() -> None:
        """Prints the settings in force, secrets masked."""
        with started() as service:
            for key, value in service.settings.model_dump().items():
                typer.echo(f"{key} = {value}")

    _add_operations(cli, name, started)
    return cli


def _add_operations(
    cli: typer.Typer, name: str, started: Callable[[], AbstractContextManager[Service[SettingsT]]]
) -> None:
    """What the people who run a service need: parked events, and a sign of life."""

    @cli.command()
    def parked() -> None:
        """Lists the events that could not be applied, and why."""
        with started() as service, service.transactions.reading() as session:
            for row in session.exec(select(ParkedEvent).order_by(col(ParkedEvent.parked_at))):
                typer.echo(
                    f"{row.event_id}  {row.state:<8} {row.topic} {row.key} #{row.sequence}  {row.reason}"
                )

    @cli.command()
    def replay(event_id: str) -> None:
        """Tries a parked event again, and then what waited behind it."""
        with started() as service:
            try:
                typer.echo(service.guard.replay(event_id))
            except KeyError:
                typer.echo(f"{name}: no event {event_id} is parked", err=True)
                sys.exit(1)

    @cli.command()
    def alive() -> None:
        """Exit 0 when this machine's worker turned its loop lately, else 1."""
        with started() as service:
            beat = heartbeat_file(service.settings, name)
            fresh = beat.exists() and time.time() - beat.stat().st_mtime < ALIVE_SECONDS
            sys.exit(0 if fresh else 1)


def serve(service: Service[Any], app: Any) -> None:
    """Serves the HTTP side until SIGTERM; requests under way get a few seconds to finish."""
    import uvicorn  # noqa: PLC0415 - see the module's docstring

    from shared.web.app import server_options  # noqa: PLC0415

    uvicorn.run(
        app,
        host=service.settings.host,
        port=service.settings.port,
        log_config=None,
        **server_options(service.settings.trusted_proxies),
    )


def listen(service: Service[Any]) -> None:
    """Runs the Faust worker until SIGTERM, with a heartbeat file that `alive` reads."""
    from shared.messaging.worker import build_worker, run_worker  # noqa: PLC0415 - see the module's docstring

    app = build_worker(
        f"tannha-{service.name}",
        service.settings.broker_address(),
        consumed_by(service.name),
        service.guard,
        service.settings.data_dir / f"{service.name}-faust",
    )
    beat = heartbeat_file(service.settings, service.name)
    beat.parent.mkdir(parents=True, exist_ok=True)

    async def heartbeat() -> None:
        beat.touch()

    app.timer(interval=3.0)(heartbeat)
    run_worker(app)


def heartbeat_file(settings: ServiceSettings, name: str) -> Path:
    """Touched every few seconds by a worker whose loop turns."""
    return settings.data_dir / f"{name}-worker.alive"
