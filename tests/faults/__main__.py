"""`make faults`: every fault on the whole product, then every seeded bug; a table, and exit 1 on a finding.

`--only NAME` (several times) chooses; `bugs` is the name of the seeded bugs. Some ten minutes for the
long kill -9, a minute or two for each of the others.

`up s` is the time from the last fault until every part is up, `drain s` counts from that moment until
nothing that was on its way is parked or unsent, and `sum s` is both. Two limits are judged: `drain s` (10 s,
`--drain`) and `sum s` (20 s, `--sum`), for who was killed last needs three to six seconds of CPU to start.
"""

# ruff: noqa: T201 - the table is the result

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, get_args

from deploy.stack import Broker, Database, StartFailed
from tests.faults.findings import Wrong
from tests.faults.lab.trials import RUNS, TRIALS, Trial, try_once
from tests.faults.product_run import Bases, Result, run
from tests.faults.quiet import DRAIN_LIMIT_SECONDS, QUIET_LIMIT_SECONDS
from tests.faults.scenarios import SCENARIOS

BUGS = "bugs"
WRONGS = {wrong.value: f"{wrong.value}s" if wrong is Wrong.PHANTOM else wrong.value for wrong in Wrong}
"""Kinds of findings and their headings."""
HEADINGS = ("fault", "kills", "events", *WRONGS.values(), "crashes", "up s", "drain s", "sum s", "")


def main() -> int:
    """Runs what was asked for; 0 when every promise was kept and every bug was caught."""
    given = _arguments()
    chosen = given.only or [*SCENARIOS, BUGS]
    folder = Path(given.data or tempfile.mkdtemp(prefix="faults-"))
    bases = Bases(given.broker, given.database)
    print(f"{bases.broker} broker, {bases.database}, seed {given.seed}, data in {folder}", flush=True)
    limits = f"limit {given.drain:g} s; sum, from the last fault: limit {given.sum:g} s"
    print(f"up: from the last fault until every part is up; drain, from then: {limits}")
    print(_row(HEADINGS), flush=True)
    figures: dict[str, list[dict[str, object]]] = {"faults": [], "bugs": []}
    clean = True
    for name in chosen:
        if name == BUGS:
            figures["bugs"] = _bugs(folder, given.seed)
            clean &= all(bug["caught_in_run"] and not bug["sound_code_accused"] for bug in figures["bugs"])
        elif not SCENARIOS[name].fits(bases):
            print(f"{name:<22} (nothing of the kind on {bases.database})", flush=True)
        else:
            result = _run(name, folder, given, bases)
            figures["faults"].append(result.as_dict())
            clean &= result.is_clean(given.drain, given.sum)
        if given.json:
            given.json.write_text(json.dumps(figures, ensure_ascii=False, indent=2), encoding="utf-8")
    return 0 if clean else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=[*SCENARIOS, BUGS])
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--seconds", type=float, help="how long the faults of each scenario last")
    parser.add_argument(
        "--drain",
        type=float,
        default=DRAIN_LIMIT_SECONDS,
        help="seconds until all must be quiet, from the moment every part is up",
    )
    parser.add_argument(
        "--sum",
        type=float,
        default=QUIET_LIMIT_SECONDS,
        help="seconds until all must be quiet, from the last fault",
    )
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--data", type=Path, help="folder for the data of the runs; kept")
    parser.add_argument("--verbose", action="store_true", help="the whole report of each run")
    parser.add_argument("--broker", choices=get_args(Broker), default="embedded")
    parser.add_argument("--database", choices=get_args(Database), default="sqlite")
    return parser.parse_args()


def _run(name: str, folder: Path, given: argparse.Namespace, bases: Bases) -> Result:
    scenario = SCENARIOS[name]
    place = folder / f"{name}-{given.seed}"
    place.mkdir(parents=True)
    try:
        result = run(scenario, place, given.seed, given.seconds or scenario.lasts(bases), bases)
    except StartFailed as reason:
        sys.exit(str(reason))
    counts = result.as_dict()
    wrong = [counts[kind] for kind in WRONGS]
    verdict = "" if result.is_clean(given.drain, given.sum) else "BROKEN"
    seconds = (counts["up_seconds"], counts["drain_seconds"], counts["quiet_seconds"])
    print(_row((name, counts["kills"], counts["events"], *wrong, len(result.crashes), *seconds, verdict)))
    (place / "report.txt").write_text(result.report(), encoding="utf-8")
    if given.verbose or verdict:
        print(result.report(kills=False))
    sys.stdout.flush()
    return result


def _bugs(folder: Path, seed: int) -> list[dict[str, object]]:
    """Each seeded bug with the run that caught it (0: none did), and how it showed."""
    print(_bug_row("seeded bug", "caught in run", "found as"))
    rows = [row for trial in TRIALS for row in _try(trial, folder, seed)]
    for row in rows:
        accused = "  SOUND CODE ACCUSED" if row["sound_code_accused"] else ""
        print(
            _bug_row(row["bug"], row["caught_in_run"] or "never", f"{row['found_as']}{accused}"), flush=True
        )
    return rows


def _try(trial: Trial, folder: Path, seed: int) -> list[dict[str, Any]]:
    """The bugs of one trial, tried until each was caught, at most `RUNS` times.

    `sound_code_accused` counts the findings at sound parts in all runs.
    """
    rows: dict[str, dict[str, Any]] = {
        bug: {"bug": bug, "caught_in_run": 0, "found_as": "", "sound_code_accused": 0}
        for bug in trial.culprits.values()
    }
    for number in range(1, RUNS + 1):
        verdict = try_once(trial, folder / f"bugs-{trial.name}-{number}", seed + number)
        for finding in verdict.innocent[:10]:
            print(f"  ! sound code: {finding.wrong}: {finding.what}")
        for bug, findings in verdict.caught.items():
            rows[bug]["sound_code_accused"] += len(verdict.innocent)
            if findings and not rows[bug]["caught_in_run"]:
                kinds = ", ".join(sorted({finding.wrong.value for finding in findings}))
                rows[bug] |= {"caught_in_run": number, "found_as": kinds}
        if all(row["caught_in_run"] for row in rows.values()):
            break
    return list(rows.values())


def _bug_row(bug: object, run: object, found_as: object) -> str:
    return f"{bug!s:<22}{run!s:>14}  {found_as}"


def _row(cells: tuple[object, ...]) -> str:
    first, *rest = (str(cell) for cell in cells)
    return f"{first:<22}" + "".join(f"{cell:>9}" for cell in rest)


if __name__ == "__main__":
    sys.exit(main())
