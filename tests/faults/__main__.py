"""`make faults`: every fault on the whole product, then every seeded bug; a table, and exit 1 on a finding.

`--only NAME` (several times) chooses; `bugs` is the name of the seeded bugs. Some ten minutes for the
long kill -9, a minute or two for each of the others.
"""

# ruff: noqa: T201 - the table is the result

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import get_args

from deploy.stack import Broker, Database, StartFailed
from tests.faults.judge import Wrong
from tests.faults.lab.trials import RUNS, TRIALS, try_once
from tests.faults.product_run import Bases, Result, run
from tests.faults.scenarios import SCENARIOS

BUGS = "bugs"
HEADINGS = ("fault", "kills", "events", "lost", "doubled", "phantoms", "order", "other", "drain s", "")


def main() -> int:
    """Runs what was asked for; 0 when every promise was kept and every bug was caught."""
    given = _arguments()
    chosen = given.only or [*SCENARIOS, BUGS]
    folder = Path(given.data or tempfile.mkdtemp(prefix="faults-"))
    bases = Bases(given.broker, given.database)
    print(f"{bases.broker} broker, {bases.database}, seed {given.seed}, data in {folder}", flush=True)
    print(_row(HEADINGS), flush=True)
    results: list[Result] = []
    for name in chosen:
        if name in SCENARIOS:
            results.append(_run(name, folder, given, bases))
    bugs = _bugs(folder, given.seed) if BUGS in chosen else []
    if given.json:
        figures = {"faults": [result.as_dict() for result in results], "bugs": bugs}
        given.json.write_text(json.dumps(figures, ensure_ascii=False, indent=2), encoding="utf-8")
    clean = all(result.is_clean(given.drain) for result in results)
    return 0 if clean and all(bug["caught_in_run"] for bug in bugs) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=[*SCENARIOS, BUGS])
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--seconds", type=float, help="how long the faults of each scenario last")
    parser.add_argument("--drain", type=float, default=10.0, help="seconds until all must be quiet")
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
        result = run(scenario, place, given.seed, given.seconds or scenario.seconds, bases)
    except StartFailed as reason:
        sys.exit(str(reason))
    counts = result.as_dict()
    other = int(result.counts[Wrong.STUCK] + result.counts[Wrong.CUSTODY]) + len(result.crashes)
    wrong = [counts[kind] for kind in ("lost", "doubled", "phantom", "order")]
    verdict = "" if result.is_clean(given.drain) else "BROKEN"
    print(_row((name, counts["kills"], counts["events"], *wrong, other, f"{result.drain:.1f}", verdict)))
    if given.verbose or verdict:
        print("\n".join([result.report(), *(f"  ! {crash}" for crash in result.crashes)]))
    sys.stdout.flush()
    return result


def _bugs(folder: Path, seed: int) -> list[dict[str, object]]:
    """Each seeded bug with the run that caught it (0: none did), and how it showed."""
    print(_row(("seeded bug", "caught in run", "found as")))
    rows: dict[str, dict[str, object]] = {}
    for trial in TRIALS:
        for bug in trial.culprits.values():
            rows[bug] = {"bug": bug, "caught_in_run": 0, "found_as": ""}
        for number in range(1, RUNS + 1):
            verdict = try_once(trial, folder / f"bugs-{trial.name}-{number}", seed + number)
            for bug, findings in verdict.caught.items():
                if findings and not rows[bug]["caught_in_run"]:
                    kinds = ", ".join(sorted({finding.wrong.value for finding in findings}))
                    rows[bug] |= {"caught_in_run": number, "found_as": kinds}
            if verdict.innocent:
                sys.exit(f"sound code was found guilty: {verdict.innocent[:3]}")
            if all(rows[bug]["caught_in_run"] for bug in trial.culprits.values()):
                break
    for row in rows.values():
        print(_row((row["bug"], row["caught_in_run"] or "never", row["found_as"])), flush=True)
    return list(rows.values())


def _row(cells: tuple[object, ...]) -> str:
    first, *rest = (str(cell) for cell in cells)
    return f"{first:<22}" + "".join(f"{cell:>10}" for cell in rest)


if __name__ == "__main__":
    sys.exit(main())
