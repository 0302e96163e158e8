"""`make audit`: known vulnerabilities in the pinned dependencies; `python -m deploy.audit --help`.

Exit 0: every pinned version was looked up and none is known to be vulnerable. Exit 1: some are. Exit 2: it is
not known, because the advisory service was not reached or does not know the packages. The difference matters:
pip-audit calls a package that its service does not know "skipped" and still ends with 0 (seen behind a mirror
without advisories), which would be green for ever.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
NONE_KNOWN, VULNERABLE, NOT_KNOWN = 0, 1, 2

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Finding:
    """One advisory about one pinned version."""

    name: str
    version: str
    advisory: str
    fixed_in: tuple[str, ...]


class NotAudited(Exception):
    """There is no answer; the text is one Vietnamese line that says why."""


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Audits the locks and says in which of the three ways it ended."""
    parser = argparse.ArgumentParser(prog="python -m deploy.audit", description=__doc__)
    parser.add_argument("--lock", action="append", help=f"instead of {' and '.join(LOCKS)}")
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi", help="who is asked")
    parser.add_argument("--osv-url", help="another address of an OSV service, for a mirror")
    parser.add_argument("--ignore", action="append", default=[], metavar="ID", help="judged and accepted")
    given = parser.parse_args(arguments)
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off"]
    command += ["--disable-pip", "--require-hashes", f"--vulnerability-service={given.service}"]
    command += [f"--requirement={ROOT / lock}" for lock in given.lock or LOCKS]
    command += [f"--osv-url={given.osv_url}"] if given.osv_url else []
    command += [f"--ignore-vuln={advisory}" for advisory in given.ignore]
    try:
        count, findings = read_answer((run or _run)(command))
    except NotAudited as error:
        print(f"Chưa kiểm tra được: {error}", file=sys.stderr)
        return NOT_KNOWN
    for finding in findings:
        fixed = f", đã sửa trong {', '.join(finding.fixed_in)}" if finding.fixed_in else ""
        print(f"{finding.name} {finding.version}: {finding.advisory}{fixed}")
    print(f"{count} gói đã kiểm tra, {len(findings)} lỗ hổng đã biết.")
    return VULNERABLE if findings else NONE_KNOWN


def read_answer(done: subprocess.CompletedProcess[str]) -> tuple[int, list[Finding]]:
    """How many versions were looked up, and what is known against them. Raises NotAudited."""
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        words = done.stderr.strip().splitlines() or [f"mã thoát {done.returncode}"]
        raise NotAudited(words[-1][:300]) from error
    skipped = [dependency for dependency in dependencies if "skip_reason" in dependency]
    if skipped or not dependencies:
        reason = f" ({skipped[0]['skip_reason']})" if skipped else ""
        raise NotAudited(f"{len(skipped)} trong {len(dependencies)} gói không tra cứu được{reason}")
    findings = [
        Finding(d["name"], d["version"], advisory["id"], tuple(advisory.get("fix_versions", ())))
        for d in dependencies
        for advisory in d["vulns"]
    ]
    return len(dependencies), findings


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
