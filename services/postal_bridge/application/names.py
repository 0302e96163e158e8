"""Names of the places and people that ids stand for."""

from __future__ import annotations

from sqlmodel import Session, select

from services.postal_bridge.application.records import OfficeCopy, UnitCopy, WorkerCopy
from services.postal_bridge.domain.custody import Holder, HolderKind

KINDS = {"commune": "xã", "ward": "phường", "township": "thị trấn", "special_zone": "đặc khu"}


class NameBook:
    """Looks names up in the copies; an id without a copy is shown as it is."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def worker(self, worker_id: str) -> str:
        """A worker's name."""
        row = self._session.get(WorkerCopy, worker_id)
        return row.name if row else worker_id

    def office(self, office_id: str) -> str:
        """A post office's name."""
        row = self._session.get(OfficeCopy, office_id)
        return row.name if row else office_id

    def desk(self, unit_id: str) -> str:
        """The name of a unit's one-stop desk."""
        row = self._session.get(UnitCopy, unit_id)
        if row is None:
            return f"Một cửa {unit_id}"
        kind = KINDS.get(row.kind, "")
        # Units are published under their full name ("Xã Nam Phước"); within a sentence the kind is small.
        own = row.name[len(kind) :] if row.name.casefold().startswith(kind) else f" {row.name}"
        return f"Một cửa {kind}{own}" if kind else f"Một cửa {row.name}"

    def holder(self, holder: Holder) -> str:
        """Who holds, without naming a citizen."""
        if holder.kind is HolderKind.CITIZEN:
            return "Người dân"
        return {
            HolderKind.WORKER: self.worker,
            HolderKind.POST_OFFICE: self.office,
            HolderKind.DESK: self.desk,
        }[holder.kind](holder.id)

    def workers_of(self, office_id: str) -> list[WorkerCopy]:
        """The active workers of a post office by name."""
        rows = self._session.exec(select(WorkerCopy).where(WorkerCopy.office_id == office_id))
        return sorted((row for row in rows if row.active), key=lambda row: (row.name, row.worker_id))

    def offices_for(self, unit_id: str) -> list[OfficeCopy]:
        """Post offices, those that serve a unit first."""
        rows = self._session.exec(select(OfficeCopy))
        return sorted(rows, key=lambda row: (unit_id not in row.coverage, row.name))
