"""Rules of the house that a reader of the code would only hope for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [
    file
    for folder in ("shared", "services", "deploy")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if "node_modules" not in file.parts
]
SOURCES = {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in PYTHON}


def findings(pattern: str, allowed: set[str], sources: dict[str, str] = SOURCES) -> list[str]:
    """Places whose line matches, outside of the allowed files."""
    return [
        f"{name}:{number}"
        for name, text in sources.items()
        if name not in allowed
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line) and not line.lstrip().startswith(("#", '"'))
    ]


RULES = {
    "only the unit of work commits": (
        r"\.commit\(",
        # The broker commits consumer offsets and its own log; neither is business state.
        {"shared/messaging/unit_of_work.py", "shared/broker/store.py", "shared/broker/apis/groups.py"},
        "session.commit()",
    ),
    "events leave through the outbox only": (
        r"KafkaProducer|\.send_and_wait\(",
        {"shared/messaging/relay.py", "shared/testing/broker_process.py"},
        "producer = KafkaProducer()",
    ),
    "the wall clock is read in shared/clock.py only": (
        r"datetime\.(now|utcnow|today)\(|date\.today\(",
        {"shared/clock.py"},
        "now = datetime.now(UTC)",
    ),
    "no district in any record: it is gone since 1-7-2025": (
        r"district_id",
        set(),
        "district_id: str",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_holds(rule: str) -> None:
    """The rule's own sentence is what would be broken."""
    pattern, allowed, _example = RULES[rule]
    assert findings(pattern, allowed) == []


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_would_find_a_breach(rule: str) -> None:
    """A rule whose pattern matches nothing protects nothing."""
    pattern, allowed, example = RULES[rule]
    assert findings(pattern, allowed, {"services/x.py": example}) == ["services/x.py:1"]


def test_no_committed_file_names_a_package_host() -> None:
    """Lock files pin by hash; an address would tie every installation to one registry."""
    locks = [*ROOT.glob("requirements*"), ROOT / "package-lock.json", ROOT / "package.json"]
    for file in locks:
        assert not re.search(r"https?://[\w.-]*(pypi|pythonhosted|npmjs)", file.read_text()), file.name


def test_no_file_is_too_long_to_read() -> None:
    """One module, one job: beyond about 400 lines there are two."""
    long = {name: text.count("\n") for name, text in SOURCES.items() if text.count("\n") > 420}
    assert {name: lines for name, lines in long.items() if "/migrations/" not in name} == {}
