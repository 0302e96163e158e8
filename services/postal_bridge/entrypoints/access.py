"""What both entrypoints share: the service behind a request, and executing commands in an actor's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from sqlmodel import Session

from services.postal_bridge.settings import Settings
from shared.messaging.commands import Command
from shared.service import Service
from shared.web.roles import CurrentActor


def service_of(request: Request) -> Service[Settings]:
    """The service that answers a request."""
    return cast("Service[Settings]", request.app.state.service)


PostalService = Annotated[Service[Settings], Depends(service_of)]
"""Parameter of an endpoint: the service."""


def reading(service: PostalService) -> Iterator[Session]:
    """A session that only looks."""
    with service.transactions.reading() as session:
        yield session


Reading = Annotated[Session, Depends(reading)]
"""Parameter of an endpoint that only looks.

One that also executes a command opens `service.transactions.reading()` itself, before and after: a
session that is held meanwhile keeps a second connection, and on SQLite an old picture.
"""


class Executor:
    """Executes commands for the signed-in person."""

    def __init__(self, service: PostalService, actor: CurrentActor) -> None:
        self.service, self.actor = service, actor

    def execute(self, command: Command, key: str | None = None) -> dict[str, Any]:
        """Runs a command once for its idempotency key."""
        return self.service.bus.execute(command, self.actor, key)


Acting = Annotated[Executor, Depends(Executor)]
"""Parameter of an endpoint that changes something."""
