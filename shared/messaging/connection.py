"""How to reach the broker, in the words of each client library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BrokerAddress:
    """One or several `host:port`, comma separated, of the embedded broker or of Apache Kafka."""

    bootstrap: str

    def client_settings(self) -> dict[str, Any]:
        """For kafka-python's producer, consumer and admin client."""
        return {"bootstrap_servers": self.bootstrap.split(",")}

    def faust_url(self) -> str:
        """For a Faust app."""
        return ";".join(f"kafka://{address}" for address in self.bootstrap.split(","))
