"""The one place where postal_bridge is wired together."""

from __future__ import annotations

from pathlib import Path

from services.postal_bridge.application.handlers import COMMANDS, EVENTS
from services.postal_bridge.application.ports import Ports
from services.postal_bridge.settings import Settings
from shared.service import Service, assemble

HERE = Path(__file__).parent


def bootstrap(settings: Settings) -> Service[Settings]:
    """The service on its database; nothing runs yet."""
    return assemble(
        "postal_bridge",
        settings,
        commands=COMMANDS,
        events=EVENTS,
        ports=Ports(),
        migrations=HERE / "migrations",
    )
