"""Sweeping: what should have gone on and did not is found, said once, and mended where that invents nothing.

Events reach everybody sooner or later; people and machines do not always act on them. Every few minutes
each service looks through what it knows itself, never through another one's database. A sweep only reads
(`Transactions.reading`), so it never holds up those who write.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlmodel import Session

from shared.messaging.unit_of_work import Transactions
from shared.observability.metrics import reconciler_findings

log = structlog.get_logger(__name__)

LISTED = 500
"""A rule lists so many findings at most, the oldest ones; whoever has more has one problem, not many."""

SWEEPS_SHOWN = 3
"""So many intervals without a sweep later, the metric of a process no longer counts."""

JITTER = 0.1
"""Sweeps of several services drift apart by this part of their interval."""


@dataclass(frozen=True)
class Finding:
    """One thing that stands still: which (`subject`, an id), since when, and what a person should do.

    `advice` is for operators, in Vietnamese, without citizens' names. `ids` go into the log and the API:
    ids and states that tell this standstill from an earlier one of the same subject.
    """

    subject: str
    since: datetime
    advice: str
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """What must not stand still for long.

    `look(session, now)` finds at most `LISTED` cases, oldest first, and changes nothing. `mend(finding)`,
    where there is one, tries what may be repeated without harm, and answers whether it helped.
    """

    name: str
    title: str
    look: Callable[[Session, datetime], Sequence[Finding]]
    mend: Callable[[Finding], bool] | None = None


@dataclass(frozen=True)
class Report:
    """What a rule finds right now; `failed` when it could not look."""

    rule: Rule
    findings: Sequence[Finding] = ()
    failed: bool = False


_Key = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass
class Reconciler:
    """Looks after the rules of one service. What was found before is remembered by this process only."""

    transactions: Transactions
    rules: Sequence[Rule]
    every_seconds: float = 180.0
    _known: dict[_Key, Finding] = field(default_factory=dict)
    _counts: dict[str, tuple[int, float]] = field(default_factory=dict)

    def work(self, stopping: threading.Event) -> float:
        """One round for a `SoleWorker`."""
        self.sweep(stopping)
        return self.every_seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret

    def look(self) -> list[Report]:
        """What every rule finds right now. One that fails is said to, and the others still look."""
        return [self._look(rule) for rule in self.rules]

    def sweep(self, stopping: threading.Event | None = None) -> int:
        """Looks, counts, logs what is new or over, and mends what can be; answers how many were found."""
        found = 0
        for rule in self.rules:
            if stopping is not None and stopping.is_set():
                break
            report = self._look(rule)
            if report.failed:
                continue
            found += len(report.findings)
            self._count(rule.name, len(report.findings))
            self._tell_changes(report)
            for finding in report.findings:
                self._mend(rule, finding)
        return found

    def _look(self, rule: Rule) -> Report:
        try:
            with self.transactions.reading() as session:
                return Report(rule, tuple(rule.look(session, self.transactions.clock()))[:LISTED])
        except Exception as error:  # noqa: BLE001 - looked at again in the next round
            log.warning("reconciliation.not_looked", rule=rule.name, error=type(error).__name__)
            return Report(rule, failed=True)

    def _count(self, name: str, found: int) -> None:
        """Shows the number as long as this process is the one that sweeps: another may have taken over."""
        self._counts[name] = (found, time.monotonic())
        reconciler_findings.labels(rule=name).set_function(lambda: self._counted(name))

    def _counted(self, name: str) -> int:
        found, at = self._counts[name]
        return found if time.monotonic() - at < SWEEPS_SHOWN * self.every_seconds else 0

    def _tell_changes(self, report: Report) -> None:
        """One log line when a standstill begins and one when it ends, however many sweeps see it."""
        name = report.rule.name
        now = {_key(name, finding): finding for finding in report.findings}
        for key, finding in now.items():
            if key not in self._known:
                log.warning("reconciliation.found", **_fields(name, finding))
        for key, finding in list(self._known.items()):
            if key[0] == name and key not in now:
                log.info("reconciliation.over", **_fields(name, finding))
                del self._known[key]
        self._known |= now

    def _mend(self, rule: Rule, finding: Finding) -> None:
        if rule.mend is None:
            return
        try:
            if rule.mend(finding):
                log.info("reconciliation.mended", **_fields(rule.name, finding))
        except Exception as error:  # noqa: BLE001 - tried again in the next round
            log.warning(
                "reconciliation.not_mended", error=type(error).__name__, **_fields(rule.name, finding)
            )


def _key(rule: str, finding: Finding) -> _Key:
    return rule, finding.subject, tuple(sorted(finding.ids.items()))


def _fields(rule: str, finding: Finding) -> dict[str, str]:
    return {"rule": rule, "subject": finding.subject, "since": finding.since.isoformat(), **finding.ids}
