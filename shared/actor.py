"""Who is acting: a signed-in person with one role, bound to one place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.envelope import ActorRef
from shared.errors import Forbidden


class Role(StrEnum):
    """What a signed-in person works as; every route names the roles it is for."""

    OPERATOR = "operator"
    DISPATCHER = "dispatcher"
    WORKER = "worker"
    DESK_OFFICER = "desk_officer"
    CASHIER = "cashier"
    ADMINISTRATOR = "administrator"
    INSPECTOR = "inspector"

    @property
    def label(self) -> str:
        """The role in the words of its own people."""
        return _LABELS[self]


_LABELS = {
    Role.OPERATOR: "Tổng đài viên",
    Role.DISPATCHER: "Điều độ viên",
    Role.WORKER: "Nhân viên bưu chính",
    Role.DESK_OFFICER: "Công chức Một cửa",
    Role.CASHIER: "Thủ quỹ bưu cục",
    Role.ADMINISTRATOR: "Quản trị viên",
    Role.INSPECTOR: "Thanh tra",
}

_NEEDS_OFFICE = {Role.DISPATCHER, Role.CASHIER, Role.WORKER}


@dataclass(frozen=True)
class Actor:
    """A signed-in person.

    Dispatchers, cashiers and workers belong to a post `office`, a worker also carries the `worker` id
    of the roster, a desk officer the `unit` (commune) whose one-stop desk it is. Raises ValueError for a
    role without its place, so that a scope check can never compare with None by accident.
    """

    account: str
    name: str
    role: Role
    office: str | None = None
    unit: str | None = None
    worker: str | None = None

    def __post_init__(self) -> None:
        if not self.account:
            raise ValueError("an actor has an account")
        if self.role in _NEEDS_OFFICE and not self.office:
            raise ValueError(f"{self.role} belongs to a post office")
        if self.role is Role.WORKER and not self.worker:
            raise ValueError("a worker has a worker id")
        if self.role is Role.DESK_OFFICER and not self.unit:
            raise ValueError("a desk officer belongs to a unit")

    def public(self) -> ActorRef:
        """The part that events and logs may carry: account and role, never the name."""
        return ActorRef(account=self.account, role=self.role.value)

    def must_serve_office(self, office_id: str) -> None:
        """Raises Forbidden unless this person works for that post office."""
        if self.office != office_id:
            raise Forbidden("Việc này thuộc bưu cục khác.", code="scope.office")

    def must_serve_unit(self, unit_id: str) -> None:
        """Raises Forbidden unless this person works at that unit's one-stop desk."""
        if self.unit != unit_id:
            raise Forbidden("Việc này thuộc bộ phận Một cửa của đơn vị khác.", code="scope.unit")

    def must_be_worker(self, worker_id: str) -> None:
        """Raises Forbidden unless this person is that postal worker."""
        if self.worker != worker_id:
            raise Forbidden("Việc này được giao cho nhân viên khác.", code="scope.worker")
