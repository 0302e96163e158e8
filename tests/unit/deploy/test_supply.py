"""What the product is made of is listed whole, and "nothing known against it" is never said unasked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from deploy.audit import NONE_KNOWN, NOT_KNOWN, VULNERABLE, main
from deploy.sbom import ROOT, browser_libraries, licences, pins, reduced

SOUND = {"name": "jinja2", "version": "3.1.6", "vulns": []}
WEAK = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-0000-1", "fix_versions": ["2.8.1"], "aliases": []}],
}
SKIPPED = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def audit(stdout: str, code: int = 0, stderr: str = "", *options: str) -> tuple[int, list[str]]:
    """How an audit ends when pip-audit says this; and the command it was asked with."""
    asked: list[str] = []

    def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        asked.extend(command)
        return subprocess.CompletedProcess(command, code, stdout, stderr)

    return main(options, run), asked


def answer(*dependencies: dict[str, Any]) -> str:
    """What pip-audit prints."""
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


def test_an_audit_without_findings_is_green() -> None:
    """Green would mean nothing if it could not be reached."""
    assert audit(answer(SOUND))[0] == NONE_KNOWN


def test_a_vulnerable_version_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Who has to act needs the package and the version that is repaired."""
    assert audit(answer(SOUND, WEAK), 1)[0] == VULNERABLE
    told = capsys.readouterr().out
    assert "jinja2 2.4.1: PYSEC-0000-1" in told
    assert "2.8.1" in told


@pytest.mark.parametrize("stdout", [answer(SKIPPED), answer(SOUND, SKIPPED), answer(), "", "[]", "null"])
def test_what_could_not_be_looked_up_is_not_called_sound(stdout: str) -> None:
    """Behind a mirror without advisories the audit would be green for ever."""
    assert audit(stdout)[0] == NOT_KNOWN


def test_a_service_that_is_away_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A missing network would look like a vulnerability, or like none."""
    assert audit("", 1, "Traceback ...\nConnectionError: no route")[0] == NOT_KNOWN
    assert capsys.readouterr().err == "Chưa kiểm tra được: ConnectionError: no route\n"


def test_the_locks_are_audited_and_the_service_can_be_chosen() -> None:
    """What runs is what is pinned; and not everybody reaches the same service."""
    _, asked = audit(
        answer(SOUND), 0, "", "--service", "osv", "--osv-url", "http://127.0.0.1:1/", "--ignore", "X"
    )
    assert [f"--requirement={ROOT / lock}" for lock in ("requirements.lock", "requirements-dev.lock")] == [
        word for word in asked if word.startswith("--requirement=")
    ]
    assert {"--require-hashes", "--vulnerability-service=osv", "--ignore-vuln=X"} <= set(asked)
    assert "--osv-url=http://127.0.0.1:1/" in asked


# --- the list of parts ------------------------------------------------------------------------------

LOCK = """\
aiohttp==3.0 \\
    --hash=sha256:00
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:00
psycopg[binary]==3.3 ; implementation_name != 'pypy' \\
    --hash=sha256:00
Zope.Interface==1
"""


def test_pins_are_read_as_this_system_needs_them() -> None:
    """A package of another system would be missed for ever, one of ours left out in silence."""
    assert pins(LOCK) == {"aiohttp", "psycopg", "zope-interface"}
    assert {"fastapi", "faust-streaming", "kafka-python", "ortools"} <= pins(
        (ROOT / "requirements.lock").read_text()
    )


DOCUMENT: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "metadata": {"timestamp": "t", "tools": [], "component": {"name": "the machine"}},
    "components": [
        {
            "name": "aiohttp",
            "version": "3.0",
            "bom-ref": "a",
            "licenses": [{"license": {"id": "MIT"}}, {"license": {"id": "MIT"}}],
            "externalReferences": [{"url": "https://example.org"}],
        },
        {
            "name": "tannha-shared",
            "version": "0.1.0",
            "bom-ref": "t",
            "externalReferences": [{"url": "file:///home/somebody/tannha"}],
        },
        {"name": "pytest", "version": "9", "bom-ref": "p"},
    ],
    "dependencies": [{"ref": "t", "dependsOn": ["a", "p"]}, {"ref": "a"}, {"ref": "p"}],
}


def test_only_what_is_delivered_is_listed_and_nothing_of_this_machine() -> None:
    """A list with the tools of development raises alarms about what nobody runs."""
    library = browser_libraries({"packages": {"": {}, "node_modules/leaflet": {"version": "1.9.4"}}})
    document = reduced(DOCUMENT, {"aiohttp", "tannha-shared"}, library)
    assert [c["name"] for c in document["components"]] == ["aiohttp", "tannha-shared", "leaflet"]
    assert document["dependencies"] == [
        {"ref": "t", "dependsOn": ["a"]},
        {"ref": "a", "dependsOn": []},
        {"ref": "npm:leaflet@1.9.4"},
    ]
    assert "file:" not in json.dumps(document)
    assert "machine" not in json.dumps(document)
    assert DOCUMENT["components"][1]["externalReferences"], "the original stays as it is"


def test_each_part_has_its_licence_once() -> None:
    """Who checks licences would have to open every package."""
    rows = list(licences(DOCUMENT["components"]))
    assert rows == [
        ("aiohttp", "3.0", "MIT"),
        ("pytest", "9", "không khai báo"),
        ("tannha-shared", "0.1.0", "của dự án"),
    ]


def test_the_browser_libraries_are_those_of_the_lock() -> None:
    """What runs in people's browsers is part of the product too."""
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    names = {library["name"] for library in browser_libraries(lock)}
    assert {"leaflet", "htmx.org"} <= names
