"""The loop around the rules: what is said, how often, and what one broken rule does to the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session
from structlog.testing import capture_logs

from shared.clock import FixedClock
from shared.messaging.unit_of_work import Transactions
from shared.observability.metrics import REGISTRY
from shared.persistence.engine import open_engine
from shared.reconciling import JITTER, LISTED, Finding, Reconciler, Rule

NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)


@dataclass
class Standstill:
    """A rule that finds what a test puts in, and whose mending a test decides."""

    name: str = "left_lying"
    findings: list[Finding] = field(default_factory=list)
    broken: bool = False
    mended: list[str] = field(default_factory=list)

    def look(self, _session: Session, now: datetime) -> Sequence[Finding]:
        """What was put in."""
        assert now == NOW
        if self.broken:
            raise OSError("the table is gone")
        return self.findings

    def mend(self, finding: Finding) -> bool:
        """Says yes."""
        self.mended.append(finding.subject)
        return True

    def rule(self) -> Rule:
        """As the reconciler takes it."""
        return Rule(self.name, "Còn nằm lại", self.look, self.mend)


@pytest.fixture
def transactions(tmp_path: Path) -> Iterator[Transactions]:
    """An empty database at a fixed time."""
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")
    yield Transactions(engine, "intake", FixedClock(NOW))
    engine.dispose()


def parcel(name: str, **ids: str) -> Finding:
    """A parcel that lies somewhere."""
    return Finding(name, NOW, "Gọi bên nhận.", ids)


def sweeps(reconciler: Reconciler, times: int = 1) -> list[str]:
    """What is logged meanwhile: the events with their subjects."""
    with capture_logs() as lines:
        for _ in range(times):
            reconciler.sweep()
    return [f"{line['event'].removeprefix('reconciliation.')} {line.get('subject', '')}" for line in lines]


def counted(rule: str) -> float | None:
    """The gauge of a rule."""
    return REGISTRY.get_sample_value("tannha_reconciler_findings", {"rule": rule})


def test_a_standstill_is_said_once_and_its_end_once(transactions: Transactions) -> None:
    """The same line every three minutes would bury the new ones, and nobody would see that it is over."""
    still = Standstill(findings=[parcel("p-1")])
    reconciler = Reconciler(transactions, [Rule("said_once", "", still.look)])
    assert sweeps(reconciler, 3) == ["found p-1"]
    assert counted("said_once") == 1
    still.findings.clear()
    assert sweeps(reconciler, 2) == ["over p-1"]
    assert counted("said_once") == 0


def test_a_change_of_the_standstill_is_said_again(transactions: Transactions) -> None:
    """A parcel offered to somebody else and not taken again would look like the old story."""
    still = Standstill(findings=[parcel("p-1", offered_to="desk:1")])
    reconciler = Reconciler(transactions, [Rule("changes", "", still.look)])
    sweeps(reconciler)
    still.findings[:] = [parcel("p-1", offered_to="desk:2")]
    assert sorted(sweeps(reconciler)) == ["found p-1", "over p-1"]


def test_a_rule_that_cannot_look_does_not_blind_the_others(transactions: Transactions) -> None:
    """One broken query would end all sweeping; and its open findings must not be called over."""
    broken, sound = Standstill("broken_rule", [parcel("p-1")]), Standstill("sound_rule", [parcel("p-2")])
    reconciler = Reconciler(transactions, [broken.rule(), sound.rule()])
    sweeps(reconciler)
    broken.broken = True
    assert sweeps(reconciler)[0] == "not_looked "
    assert [(report.rule.name, report.failed) for report in reconciler.look()] == [
        ("broken_rule", True),
        ("sound_rule", False),
    ]
    assert counted("broken_rule") == 1
    assert sound.mended == ["p-2", "p-2"]


def test_what_can_be_mended_is_tried_in_every_sweep(transactions: Transactions) -> None:
    """A repair that failed once would never be tried again."""
    still = Standstill("mended_rule", [parcel("p-1")])
    lines = sweeps(Reconciler(transactions, [still.rule()]), 2)
    assert lines == ["found p-1", "mended p-1", "mended p-1"]


def test_a_mending_that_fails_does_not_stop_the_sweep(transactions: Transactions) -> None:
    """A repair that crashes would hide every finding after it."""

    def fail(_finding: Finding) -> bool:
        raise OSError("no way")

    still = Standstill(findings=[parcel("p-1"), parcel("p-2")])
    lines = sweeps(Reconciler(transactions, [Rule("not_mended", "", still.look, fail)]))
    assert lines == ["found p-1", "found p-2", "not_mended p-1", "not_mended p-2"]


def test_a_flood_is_cut(transactions: Transactions) -> None:
    """A whole city standing still would fill log and page with one line each."""
    still = Standstill(findings=[parcel(f"p-{n}") for n in range(LISTED + 3)])
    assert Reconciler(transactions, [Rule("flood", "", still.look)]).sweep() == LISTED


def test_a_process_that_sweeps_no_longer_shows_nothing(transactions: Transactions) -> None:
    """When another process has taken over, the alarm of the first would ring for ever."""
    still = Standstill(findings=[parcel("p-1")])
    reconciler = Reconciler(transactions, [Rule("taken_over", "", still.look)], every_seconds=0.0)
    reconciler.sweep()
    assert counted("taken_over") == 0
    reconciler.every_seconds = 60.0
    assert counted("taken_over") == 1


def test_looking_holds_up_no_writer(transactions: Transactions) -> None:
    """A sweep that takes the write lock would stop every citizen's request while it looks."""

    def write_meanwhile(_session: Session, _now: datetime) -> Sequence[Finding]:
        with transactions.begin() as uow:
            uow.session.connection().exec_driver_sql("CREATE TABLE note (text)")
        return [parcel("written")]

    assert Reconciler(transactions, [Rule("lock", "", write_meanwhile)]).sweep() == 1


def test_rounds_drift_apart_and_end_when_asked(transactions: Transactions) -> None:
    """Three services would sweep in the same second for ever, or a stop would wait for every rule."""
    still = Standstill(findings=[parcel("p-1")])
    reconciler = Reconciler(transactions, [Rule("jitter", "", still.look)], every_seconds=100)
    pauses = {reconciler.work(threading.Event()) for _ in range(20)}
    assert len(pauses) > 1
    assert all(100 * (1 - JITTER) <= pause <= 100 * (1 + JITTER) for pause in pauses)
    stopping = threading.Event()
    stopping.set()
    assert reconciler.sweep(stopping) == 0
