"""Whom the provider knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from deploy.demo.accounts import SHOWN, demo_accounts
from deploy.fake_oidc.settings import Person


def load_people(file: Path | None) -> list[Person]:
    """The persons of a JSON list, or those of the demonstration."""
    if file is None:
        return demo_people()
    return [Person.model_validate(row) for row in json.loads(file.read_text(encoding="utf-8"))]


def demo_people() -> list[Person]:
    """One person behind each account of the demonstration, the best known first; addresses lead nowhere."""
    shown = [account for _role, account in SHOWN]
    people = [
        Person(
            sub=f"nguoi-{row['account']}",
            account=row["account"],
            name=row["name"],
            email=f"{row['account']}@tannha.example",
        )
        for row in demo_accounts()
    ]
    return sorted(people, key=lambda one: shown.index(one.account) if one.account in shown else len(shown))


def find(people: Sequence[Person], hint: str) -> Person | None:
    """The person with this `sub`, account or e-mail address."""
    return next((one for one in people if hint and hint in {one.sub, one.account, one.email}), None)
