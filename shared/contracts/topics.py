"""The topic registry: who says what to whom. The table of contents of the published language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.contracts import intake, postal, routing
from shared.contracts.envelope import Event

Service = Literal["intake", "routing", "postal_bridge"]
Gate = Literal["every", "latest"]

PARTITIONS = 4
"""Partitions of every topic. All alike, because a Faust worker assigns equal topics together."""


@dataclass(frozen=True)
class Topic:
    """One stream of facts about one kind of aggregate.

    `gate` tells the consumer's rule: `every` applies each sequence number exactly once and in order;
    `latest` (reference data, each event the whole record) lets a newer one overtake.
    `retention_days` None keeps everything, so that a service that joins late catches up by itself.
    `personal` marks topics that carry names, phones, addresses or what somebody typed freely.
    """

    name: str
    owner: Service
    consumers: tuple[Service, ...]
    events: tuple[type[Event], ...]
    gate: Gate = "every"
    retention_days: int | None = 400
    personal: bool = False

    @property
    def key(self) -> str:
        """The field that names the aggregate: partition key and unit of ordering."""
        return self.events[0].KEY


TOPICS: tuple[Topic, ...] = (
    Topic(
        "intake.request.v1",
        "intake",
        ("routing", "postal_bridge"),
        (
            intake.RequestReceived,
            intake.AppointmentConfirmed,
            intake.AppointmentRescheduled,
            intake.AppointmentCancelled,
            intake.RequestCancelled,
            intake.RequestClosed,
        ),
        personal=True,
    ),
    Topic("intake.notice.v1", "intake", ("routing",), (intake.NoticeSent, intake.NoticeFailed)),
    Topic(
        "intake.unit.v1",
        "intake",
        ("routing", "postal_bridge"),
        (intake.OrgUnitPublished,),
        gate="latest",
        retention_days=None,
    ),
    Topic(
        "intake.procedure.v1",
        "intake",
        ("routing", "postal_bridge"),
        (intake.ProcedurePublished,),
        gate="latest",
        retention_days=None,
    ),
    Topic(
        "intake.calendar.v1",
        "intake",
        ("routing", "postal_bridge"),
        (intake.CalendarDayPublished,),
        gate="latest",
        retention_days=None,
    ),
    # Tokens live twelve hours: an older record speaks of none that could still be shown.
    Topic(
        "intake.account.v1",
        "intake",
        ("routing", "postal_bridge"),
        (intake.SignInsRecalled,),
        gate="latest",
        retention_days=2,
    ),
    Topic("routing.plan.v1", "routing", ("postal_bridge",), (routing.PlanPublished,)),
    Topic(
        "routing.stop.v1",
        "routing",
        ("intake", "postal_bridge"),
        (routing.StopScheduled, routing.StopUnassigned, routing.StopWithdrawn),
    ),
    Topic(
        "routing.office.v1",
        "routing",
        ("intake", "postal_bridge"),
        (routing.OfficePublished,),
        gate="latest",
        retention_days=None,
    ),
    Topic(
        "routing.worker.v1",
        "routing",
        ("intake", "postal_bridge"),
        (routing.WorkerPublished,),
        gate="latest",
        retention_days=None,
        personal=True,
    ),
    Topic(
        "postal.visit.v1",
        "postal_bridge",
        ("intake", "routing"),
        (postal.VisitStarted, postal.VisitCompleted, postal.VisitFailed),
        personal=True,
    ),
    Topic(
        "postal.custody.v1",
        "postal_bridge",
        ("intake",),
        (postal.ParcelSealed, postal.HandoverOffered, postal.HandoverAccepted, postal.HandoverDisputed),
        personal=True,
    ),
    Topic(
        "postal.dossier.v1",
        "postal_bridge",
        ("intake",),
        (
            postal.DossierOpened,
            postal.DossierAccepted,
            postal.SupplementRequested,
            postal.SupplementReceived,
            postal.DossierRefused,
            postal.ResultReady,
            postal.ResultCollected,
            postal.ResultDelivered,
        ),
        personal=True,
    ),
    Topic(
        "postal.money.v1",
        "postal_bridge",
        ("intake",),
        (postal.MoneyCollected, postal.MoneyDeposited, postal.CashDayClosed),
    ),
)

_BY_NAME = {topic.name: topic for topic in TOPICS}
_BY_EVENT = {event: topic for topic in TOPICS for event in topic.events}
_BODIES = {(topic.name, event.KIND): event for topic in TOPICS for event in topic.events}


def topic_named(name: str) -> Topic:
    """The registered topic. Raises KeyError for an unknown one."""
    return _BY_NAME[name]


def topic_of(event: type[Event]) -> Topic:
    """The topic an event belongs to. Raises KeyError for an unregistered event class."""
    return _BY_EVENT[event]


def body_class(topic: str, kind: str) -> type[Event] | None:
    """The event class behind a topic and a kind; None when this version does not know it."""
    return _BODIES.get((topic, kind))


def consumed_by(service: Service) -> tuple[Topic, ...]:
    """The topics a service listens to."""
    return tuple(topic for topic in TOPICS if service in topic.consumers)
