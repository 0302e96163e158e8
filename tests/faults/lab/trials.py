"""The harness on trial: storms over labs in which some parts carry a known bug, and which one it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.findings import Finding
from tests.faults.lab.laboratory import Lab
from tests.faults.lab.storm import Outcome, Storm

SOUND = "sound"
RUNS = 3
"""A bug that is not caught in so many runs could stay in the product."""


@dataclass(frozen=True)
class Trial:
    """`culprits` tells which part's findings betray which bug; `altered` what a part is started with."""

    name: str
    culprits: Mapping[str, str]
    altered: Mapping[str, tuple[str, ...]]
    blows: tuple[str, ...]
    workers: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    shuffled: bool = False


CONSUMER_BUGS = ("offset-before-effect", "no-inbox", "no-gate", "default-agent")

TRIALS = (
    # All consumers side by side, one of them sound, behind a wire that doubles and turns events. What is
    # spared is betrayed by the wire alone.
    Trial(
        "consumers",
        culprits={bug: bug for bug in CONSUMER_BUGS},
        altered={"publisher": ("shuffled-relay",), **{bug: (bug,) for bug in CONSUMER_BUGS}},
        blows=(
            "die between commit and relay",
            "die before the effect is committed",
            "fill the workers' disks",
        ),
        workers=(SOUND, *CONSUMER_BUGS),
        spared=("no-inbox", "no-gate"),
        shuffled=True,
    ),
    Trial(
        "publisher",
        culprits={"publisher": "dual-write"},
        altered={"publisher": ("dual-write",)},
        blows=("die between commit and relay",) * 3 + ("kill the publisher",),
    ),
    Trial(
        "broker",
        culprits={"publisher": "ack-before-fsync"},
        altered={"broker": ("ack-before-fsync",)},
        blows=("kill the broker",) * 2,
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What one run of a trial showed: who was caught with what, and what is wrong with sound parts."""

    outcome: Outcome
    caught: dict[str, list[Finding]] = field(default_factory=dict)
    innocent: list[Finding] = field(default_factory=list)


def try_once(trial: Trial, folder: Path, seed: int) -> Verdict:
    """One storm."""
    lab = Lab(folder, trial.workers, trial.altered, trial.spared)
    outcome = Storm(lab, seed, trial.blows, shuffled=trial.shuffled).run()
    verdict = Verdict(outcome)
    for part, findings in outcome.findings.items():
        if part in trial.culprits:
            verdict.caught[trial.culprits[part]] = findings
        else:
            verdict.innocent.extend(findings)
    return verdict
