"""The command line of a service, the same for all three: `api`, `worker`, `migrate`, `settings`, `alive`.

Each command loads only its own half: a worker needs no web server, an API no Faust. On two cores that is
seconds of every start.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from sqlalchemy.exc import SQLAlchemyError

from shared.contracts.topics import Service as ServiceName
from shared.contracts.topics import consumed_by
from shared.errors import Problem
from shared.messaging.readings import GuardReadings
from shared.observability.exposition import serve_beside
from shared.observability.logs import configure_logs
from shared.observability.tracing import configure_tracing
from shared.service import Service, SettingsT
from shared.settings import ServiceSettings, SettingsRefused

ALIVE_SECONDS = 15

OPENERS: dict[str, Callable[[], AbstractContextManager[Service[Any]]]] = {}
"""How to open each service whose commands are loaded; on failure that says one line and ends with exit 1."""


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
            typer.echo(f"{name}: {_in_one_line(error)}", err=True)
            sys.exit(1)

    OPENERS[name] = started

    @cli.command()
    def api() -> None:
        """Serves pages and API, and sends what was published."""
        with started() as service:
            service.prepare_database()
            service.declare_topics()
            serve(service, import_module(app).build_app(service))

    @cli.command()
    def worker() -> None:
        """Listens to the other services' events."""
        with started() as service:
            service.prepare_database()
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


def _in_one_line(error: Exception) -> str:
    """What a supervisor's log should say: drivers and SQLAlchemy add lines of advice to their messages."""
    said = getattr(error, "message", None) or str(getattr(error, "orig", None) or error)
    return str(said).strip().splitlines()[0] if str(said).strip() else type(error).__name__


def _add_operations(
    cli: typer.Typer, name: str, started: Callable[[], AbstractContextManager[Service[SettingsT]]]
) -> None:
    """What the machines that watch over a service need. People have `tannha events` (`shared.events_cli`)."""

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

    configure_tracing(f"{service.name}-api")
    uvicorn.run(
        app,
        host=service.settings.host,
        port=service.settings.port,
        log_config=None,
        **server_options(service.settings.trusted_proxies),
    )


def listen(service: Service[Any]) -> None:
    """Runs the Faust worker until SIGTERM, with a heartbeat file that `alive` reads."""
    from shared.messaging.worker import (  # noqa: PLC0415 - see the module's docstring
        PATIENCE_SECONDS,
        build_worker,
        run_worker,
    )

    configure_tracing(f"{service.name}-worker")
    if service.settings.worker_metrics_port is not None:
        port, token_file = service.settings.worker_metrics_port, service.settings.metrics_token_file
        serve_beside(service.settings.host, port, token_file)
    app = build_worker(
        f"tannha-{service.name}",
        service.settings.broker_address(),
        consumed_by(service.name),
        replace(service.guard, patience=PATIENCE_SECONDS),
        service.settings.data_dir / f"{service.name}-faust",
    )
    beat = heartbeat_file(service.settings, service.name)
    beat.parent.mkdir(parents=True, exist_ok=True)

    readings = GuardReadings(service.guard.counts)

    async def heartbeat() -> None:
        beat.touch()
        readings.take()

    app.timer(interval=3.0)(heartbeat)
    run_worker(app)


def heartbeat_file(settings: ServiceSettings, name: str) -> Path:
    """Touched every few seconds by a worker whose loop turns."""
    return settings.data_dir / f"{name}-worker.alive"
