"""The command line of postal_bridge."""

from __future__ import annotations

from services.postal_bridge.bootstrap import bootstrap
from services.postal_bridge.settings import Settings
from shared.command_line import service_cli

app = service_cli("postal_bridge", Settings.load, bootstrap, "services.postal_bridge.entrypoints.app")

if __name__ == "__main__":
    app()
