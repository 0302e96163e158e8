"""Reference data, accounts and the database itself."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.application.commands import NewAccount, RegisterAccounts
from services.intake.application.reference import publish_reference
from services.intake.bootstrap import MIGRATIONS
from services.intake.entrypoints.app import build_app
from shared.actor import Role
from shared.contracts.envelope import ActorRef
from shared.contracts.intake import CalendarDayPublished, OrgUnitPublished, ProcedurePublished
from shared.errors import Invalid, RuleBroken
from shared.persistence.migrations import check
from tests.integration.intake.conftest import Intake


def test_reference_data_is_published_once(intake: Intake) -> None:
    """Every start would flood the other services, or a late one would never hear of a unit."""
    transactions, ports = intake.service.transactions, intake.service.bus.ports
    first = publish_reference(transactions, ports)
    assert publish_reference(transactions, ports) == 0
    units = intake.published(OrgUnitPublished)
    procedures = intake.published(ProcedurePublished)
    days = intake.published(CalendarDayPublished)
    assert (len(units), len(procedures)) == (233 + 94, 30)
    assert first == len(units) + len(procedures) + len(days)
    old = next(unit for unit in units if unit["name"] == "Xã Duy Vinh")
    assert old["successors"] == ["new-20599"]
    marriage = next(row for row in procedures if row["procedure_code"] == "1.000894")
    assert (marriage["home_class"], marriage["limit"]["unit"]) == ("B", "sd")


def test_models_and_revisions_agree(intake: Intake) -> None:
    """A new installation would miss a column."""
    check(intake.service.engine, MIGRATIONS)


def account(**other: Any) -> RegisterAccounts:
    """One account."""
    body = {
        "account": "operator1",
        "password": "mat-khau-dai",
        "name": "Trần Thị Đài",
        "role": Role.OPERATOR,
    }
    return RegisterAccounts(accounts=(NewAccount.model_validate({**body, **other}),))


def test_an_account_without_its_place_is_refused(intake: Intake) -> None:
    """A cashier of no office could see every office's money, or none."""
    with pytest.raises(Invalid):
        intake.service.bus.execute(account(role=Role.CASHIER), ActorRef.system("intake"))


def test_demo_accounts_exist_only_in_a_demonstration(intake: Intake) -> None:
    """The printed passwords of the demonstration would open a real installation."""
    from dataclasses import replace

    bus = intake.service.bus
    bus.execute(account(demo=True), ActorRef.system("intake"))
    real = replace(bus, ports=replace(bus.ports, demo=False))
    with pytest.raises(RuleBroken):
        real.execute(account(demo=True, account="operator2"), ActorRef.system("intake"))
    closed = build_app(replace(intake.service, bus=real))
    from fastapi.testclient import TestClient

    body = {"account": "operator1", "password": "mat-khau-dai"}
    assert TestClient(closed).post("/api/session", json=body).status_code == 401
    assert intake.post("/api/session", body).status_code == 200
