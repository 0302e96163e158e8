"""Reads the data files routing owns and loads them; run at every start, it publishes only what changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from services.routing.application.commands import LoadReference
from shared.contracts.envelope import ActorRef
from shared.messaging.commands import CommandBus


def load_reference_files(bus: CommandBus, folder: Path) -> dict[str, Any]:
    """Loads `offices.json` and `workers.json`; answers how many rows of each were new or changed."""
    offices = json.loads((folder / "offices.json").read_text())["offices"]
    workers = json.loads((folder / "workers.json").read_text())["workers"]
    command = LoadReference.model_validate({"offices": offices, "workers": workers})
    return bus.execute(command, ActorRef.system("routing"))
