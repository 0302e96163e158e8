"""The custody ledger of one sealed parcel: two-sided hand-overs in a chain that betrays tampering.

A holder offers, the receiver accepts or disputes; until then the holder holds. Who has the parcel is
never stored, it is the fold over the entries. Each entry carries the hash of the one before.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from shared.errors import Invalid, RuleBroken

START_OF_CHAIN = "0" * 64


class HolderKind(StrEnum):
    """Who can have a parcel in hand."""

    CITIZEN = "citizen"
    WORKER = "worker"
    POST_OFFICE = "post_office"
    DESK = "desk"

    @property
    def label(self) -> str:
        """In words."""
        return _HOLDER_LABELS[self]


_HOLDER_LABELS = {
    HolderKind.CITIZEN: "người dân",
    HolderKind.WORKER: "nhân viên bưu chính",
    HolderKind.POST_OFFICE: "bưu cục",
    HolderKind.DESK: "bộ phận Một cửa",
}

_WAYS = {
    (HolderKind.CITIZEN, HolderKind.WORKER),
    (HolderKind.WORKER, HolderKind.POST_OFFICE),
    (HolderKind.POST_OFFICE, HolderKind.DESK),
    (HolderKind.DESK, HolderKind.POST_OFFICE),
    (HolderKind.POST_OFFICE, HolderKind.WORKER),
    (HolderKind.WORKER, HolderKind.CITIZEN),
}
"""Which hand may give to which: the way to the desk and back, nothing beside it."""


@dataclass(frozen=True)
class Holder:
    """A request's citizen, a worker, a post office or a unit's desk, by kind and id."""

    kind: HolderKind
    id: str


class Act(StrEnum):
    """What an entry says."""

    SEALED = "sealed"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DISPUTED = "disputed"
    OPENED = "opened"
    RESEALED = "resealed"


@dataclass(frozen=True)
class By:
    """Who acts, in which role, and when (aware)."""

    account: str
    role: str
    at: datetime


@dataclass(frozen=True)
class Entry:
    """One line of the ledger. `digest` is the SHA-256 of `previous` and of everything else in it."""

    parcel_id: str
    position: int
    act: Act
    giver: Holder
    receiver: Holder
    seal: str
    paper_count: int
    by: By
    note: str
    previous: str
    digest: str = ""

    def computed_digest(self) -> str:
        """What `digest` must be."""
        body = {
            "parcel_id": self.parcel_id,
            "position": self.position,
            "act": self.act.value,
            "giver": [self.giver.kind.value, self.giver.id],
            "receiver": [self.receiver.kind.value, self.receiver.id],
            "seal": self.seal,
            "paper_count": self.paper_count,
            "account": self.by.account,
            "role": self.by.role,
            "at": self.by.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "note": self.note,
        }
        canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256((self.previous + canonical).encode()).hexdigest()


@dataclass(frozen=True)
class Chain:
    """The ledger of one parcel. Every act returns a longer chain; none changes an entry."""

    parcel_id: str
    entries: tuple[Entry, ...] = ()

    @property
    def holder(self) -> Holder:
        """The one who has the parcel. Raises ValueError for an empty chain."""
        if not self.entries:
            raise ValueError("a parcel begins with its sealing")
        last = self.entries[-1]
        return last.receiver if last.act is Act.ACCEPTED else last.giver

    @property
    def offered_to(self) -> Holder | None:
        """The receiver of an offer that is neither accepted nor disputed yet."""
        last = self.entries[-1]
        return last.receiver if last.act is Act.OFFERED else None

    @property
    def seal(self) -> str:
        """The serial in force."""
        return self.entries[-1].seal

    @property
    def opened(self) -> bool:
        """Whether the seal was broken by the desk and no new one put on."""
        broken = [e.act for e in self.entries if e.act in {Act.OPENED, Act.SEALED, Act.RESEALED}]
        return broken[-1] is Act.OPENED

    @property
    def paper_count(self) -> int:
        """The papers in it now; none once they were put into another parcel."""
        return self.entries[-1].paper_count

    @property
    def head(self) -> str:
        """The digest of the last entry."""
        return self.entries[-1].digest if self.entries else START_OF_CHAIN

    def sealed(self, holder: Holder, seal: str, paper_count: int, by: By) -> Chain:
        """The first entry. Raises Invalid without a paper, RuleBroken when there is one already."""
        if self.entries:
            raise RuleBroken("Túi hồ sơ này đã được niêm phong.", code="custody.sealed_already")
        if paper_count < 1:
            raise Invalid("Túi hồ sơ phải có ít nhất một giấy tờ.", code="custody.empty")
        return self._append(Act.SEALED, holder, holder, by, seal=read_seal(seal), paper_count=paper_count)

    def offer(self, receiver: Holder, by: By) -> Chain:
        """The holder offers. Raises RuleBroken for a second offer, no such way, or an open parcel."""
        if self.offered_to is not None:
            raise RuleBroken(
                f"Túi hồ sơ đang chờ {self.offered_to.kind.label} nhận.", code="custody.offered_already"
            )
        if (self.holder.kind, receiver.kind) not in _WAYS:
            raise RuleBroken(
                f"Không thể giao từ {self.holder.kind.label} cho {receiver.kind.label}.",
                code="custody.no_way",
            )
        if self.opened:
            raise RuleBroken("Túi hồ sơ đã mở, phải niêm phong lại trước khi giao.", code="custody.open")
        return self._append(Act.OFFERED, self.holder, receiver, by)

    def accept(self, by: By) -> Chain:
        """The receiver takes it and holds it from now on. Raises RuleBroken when nothing is offered."""
        return self._append(Act.ACCEPTED, self.holder, self._receiver(), by)

    def dispute(self, reason: str, by: By) -> Chain:
        """The receiver does not take it; the giver goes on holding. Raises Invalid without a reason."""
        receiver = self._receiver()
        if not reason.strip():
            message = "Phải ghi lý do không nhận."
            raise Invalid(message, code="custody.no_reason", fields={"reason": message})
        return self._append(Act.DISPUTED, self.holder, receiver, by, note=reason.strip())

    def open(self, by: By, note: str = "", *, emptied: bool = False) -> Chain:
        """The desk breaks the seal; `emptied` when the papers leave it for another parcel.

        Raises RuleBroken for anybody else or a second time.
        """
        if self.holder.kind is not HolderKind.DESK or self.offered_to is not None:
            raise RuleBroken("Chỉ bộ phận Một cửa đang giữ túi mới được mở.", code="custody.not_at_desk")
        if self.opened:
            raise RuleBroken("Túi hồ sơ này đã mở.", code="custody.open")
        return self._append(
            Act.OPENED, self.holder, self.holder, by, note=note, paper_count=0 if emptied else None
        )

    def reseal(self, seal: str, by: By, *, added: int = 0) -> Chain:
        """The desk closes an opened parcel under a new serial, with papers `added` from other parcels.

        Raises RuleBroken when it is not open, or empty. No paper can be taken out on the way.
        """
        if not self.opened:
            raise RuleBroken("Túi hồ sơ chưa mở.", code="custody.not_open")
        count = self.paper_count + added
        if added < 0 or count < 1:
            raise RuleBroken("Không thể niêm phong túi thiếu giấy tờ.", code="custody.papers_gone")
        return self._append(
            Act.RESEALED, self.holder, self.holder, by, seal=read_seal(seal), paper_count=count
        )

    def fault(self) -> int | None:
        """The position of the first entry that cannot be true; None when the chain verifies.

        Checks the hash of each entry, the link to the one before, and that its act was allowed then.
        """
        known = Chain(self.parcel_id)
        for entry in self.entries:
            if entry.digest != entry.computed_digest() or known._replay(entry) != entry:
                return entry.position if entry.position == len(known.entries) + 1 else len(known.entries) + 1
            known = replace(known, entries=(*known.entries, entry))
        return None

    def _replay(self, entry: Entry) -> Entry | None:
        """What the entry would be if its act were done now by the same person; None when refused."""
        acts = {
            Act.SEALED: lambda: self.sealed(entry.giver, entry.seal, entry.paper_count, entry.by),
            Act.OFFERED: lambda: self.offer(entry.receiver, entry.by),
            Act.ACCEPTED: lambda: self.accept(entry.by),
            Act.DISPUTED: lambda: self.dispute(entry.note, entry.by),
            Act.OPENED: lambda: self.open(entry.by, entry.note, emptied=entry.paper_count == 0),
            Act.RESEALED: lambda: self.reseal(
                entry.seal, entry.by, added=entry.paper_count - self.paper_count
            ),
        }
        try:
            return acts[entry.act]().entries[-1]
        except (RuleBroken, Invalid, ValueError, IndexError):
            return None

    def _receiver(self) -> Holder:
        if self.offered_to is None:
            raise RuleBroken("Túi hồ sơ này không chờ ai nhận.", code="custody.not_offered")
        return self.offered_to

    def _append(
        self,
        act: Act,
        giver: Holder,
        receiver: Holder,
        by: By,
        *,
        note: str = "",
        seal: str | None = None,
        paper_count: int | None = None,
    ) -> Chain:
        entry = Entry(
            parcel_id=self.parcel_id,
            position=len(self.entries) + 1,
            act=act,
            giver=giver,
            receiver=receiver,
            seal=self.seal if seal is None else seal,
            paper_count=self.paper_count if paper_count is None else paper_count,
            by=by,
            note=note,
            previous=self.head,
        )
        entry = replace(entry, digest=entry.computed_digest())
        return replace(self, entries=(*self.entries, entry))


def read_seal(text: str) -> str:
    """A serial as typed or scanned, made canonical. Raises Invalid for something that is none."""
    serial = text.strip().upper()
    if not 4 <= len(serial) <= 40 or not all(c.isascii() and (c.isalnum() or c in "-.") for c in serial):
        message = "Số niêm phong gồm 4 đến 40 chữ và số, không dấu."
        raise Invalid(message, code="custody.seal", fields={"serial": message})
    return serial
