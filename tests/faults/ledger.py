"""What the clients asked and what they were promised: their own book, kept outside of the product.

One JSON line per fact, written before the question goes out and after its answer came in. The judge
compares it with the databases: what was acknowledged must be there, what was never asked must not.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Ask:
    """One intention under one idempotency key, with every answer that came, however often it was sent."""

    key: str
    service: str
    path: str
    body: Mapping[str, Any]
    account: str
    answers: list[Any] = field(default_factory=list)
    refusal: str = ""

    @property
    def acknowledged(self) -> bool:
        """Whether the product said that it is done."""
        return bool(self.answers)

    @property
    def answer(self) -> Any:
        """The first answer. Raises IndexError when none came."""
        return self.answers[0]


class Ledger:
    """An append-only file of facts; several threads may write."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def asked(self, key: str, service: str, path: str, body: Mapping[str, Any], account: str) -> None:
        """Somebody is about to ask for something."""
        self._write(fact="asked", key=key, service=service, path=path, body=body, account=account)

    def acknowledged(self, key: str, answer: Any) -> None:
        """The product answered 2xx: from now on it has to keep its word."""
        self._write(fact="acknowledged", key=key, answer=answer)

    def refused(self, key: str, reason: str) -> None:
        """The product said no, for a reason that repeating cannot change."""
        self._write(fact="refused", key=key, reason=reason)

    def asks(self) -> list[Ask]:
        """Everything that was asked so far, in the order of the first time."""
        with self._lock:
            lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        asks: dict[str, Ask] = {}
        for line in lines:
            entry = json.loads(line)
            fact, key = entry.pop("fact"), entry["key"]
            if fact == "asked":
                asks[key] = Ask(**entry)
            elif fact == "acknowledged":
                asks[key].answers.append(entry["answer"])
            else:
                asks[key].refusal = entry["reason"]
        return list(asks.values())

    def _write(self, **entry: Any) -> None:
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
