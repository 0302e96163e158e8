"""The database and its rows."""

from __future__ import annotations

from sqlmodel import select

from services.postal_bridge.application.parcels import fault_of
from services.postal_bridge.application.records import (
    CustodyEntryRow,
    ParcelRow,
    VisitRow,
)
from shared.persistence.migrations import check
from tests.integration.postal_bridge.conftest import (
    World,
)


def test_revisions_and_rows_agree(world: World) -> None:
    """If this fails the database that the migrations build is not the one the code expects."""
    check(world.service.engine, world.service.migrations)


def test_the_stored_index_is_the_fold(world: World) -> None:
    """If this fails lists show another holder than the ledger."""
    world.appoint("visit-1")
    world.to_desk(world.pick_up()["parcel_id"])
    with world.service.transactions.reading() as session:
        assert [fault_of(session, row) for row in session.exec(select(ParcelRow))] == [None]
        assert len(session.exec(select(CustodyEntryRow)).all()) == 7
        assert session.exec(select(VisitRow)).one().state == "completed"
