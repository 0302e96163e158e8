"""`tannha events parked`: what operators type, what they read, and the exit code that scripts act on."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from shared import events_cli
from shared.messaging.parked import DISCARDED, Wanted
from tests.unit.messaging.listening import PRIVATE, WHY, Listener, confirmed, poisoned, visit

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Listener]]:
    """Two services on this machine."""
    made = {}
    for name in ("intake", "routing"):
        (tmp_path / name).mkdir()
        made[name] = Listener(tmp_path / name)

    def opener(listener: Listener) -> Any:
        @contextmanager
        def opened() -> Iterator[Any]:
            yield SimpleNamespace(guard=listener.guard, transactions=listener.guard.transactions)

        return opened

    def installed(wanted: str = "") -> Mapping[str, Any]:
        return {name: opener(listener) for name, listener in made.items() if wanted in {"", name}}

    monkeypatch.setattr(events_cli, "installed", installed)
    yield made
    for listener in made.values():
        listener.engine.dispose()


def run(*words: str) -> Result:
    """Types `tannha events parked …`."""
    with capture_logs():  # a real command writes its log to standard error
        return CliRunner().invoke(events_cli.app, ["parked", *words])


def test_the_list_covers_all_services_with_age_state_and_reason(services: dict[str, Listener]) -> None:
    """An operator would have to ask each service by itself and could forget one."""
    poisoned(services["intake"])
    services["routing"].receive(visit(2), 2)
    told = run("list")
    lines = told.stdout.splitlines()
    assert told.exit_code == 0
    assert lines[0].startswith("DỊCH VỤ")
    assert [line.split()[0] for line in lines[1:]] == ["intake", "intake", "intake", "routing"]
    assert "cần xem" in told.stdout
    assert "rule.broken" in told.stdout
    assert "0 giây" in told.stdout
    assert len(run("list", "--service", "routing").stdout.splitlines()) == 2
    assert len(run("list", "--state", "failed").stdout.splitlines()) == 2
    assert len(json.loads(run("list", "--json").stdout)) == 4


def test_an_empty_list_says_so(services: dict[str, Listener]) -> None:
    """Silence could also mean that nothing was asked."""
    told = run("list")
    assert (told.exit_code, told.stdout) == (0, "Không có sự kiện nào đang gác lại.\n")


@pytest.mark.parametrize(
    "words",
    [("list", "--state", "lost"), ("replay",), ("replay", "X", "--all"), ("replay", "X", "--topic", "t")],
)
def test_wrong_usage_is_exit_2_in_one_line(services: dict[str, Listener], words: tuple[str, ...]) -> None:
    """A script would take a typing error for an empty list."""
    told = run(*words)
    assert told.exit_code == events_cli.USAGE
    assert len(told.stderr.splitlines()) == 1


def test_show_prints_the_event_masked_unless_asked(services: dict[str, Listener]) -> None:
    """A shell's scroll-back would hold citizens' names."""
    services["intake"].poison.add("r1")
    services["intake"].receive(confirmed(), 1)
    event_id = services["intake"].only()
    masked = run("show", event_id)
    assert json.loads(masked.stdout)["data"]["request_id"] == "r1"
    assert not [word for word in PRIVATE if word in masked.stdout]
    assert PRIVATE[1] in run("show", event_id, "--unmasked").stdout


def test_a_replay_tells_by_its_exit_code_whether_it_helped(services: dict[str, Listener]) -> None:
    """A script would go on as if the event had been applied."""
    event_id = poisoned(services["intake"])
    assert run("replay", event_id).exit_code == events_cli.PARKED_STILL
    services["intake"].poison.clear()
    told = run("replay", event_id)
    assert (told.exit_code, told.stdout) == (0, f"intake: {event_id} đã áp dụng\n")
    assert services["intake"].parked.list() == []


def test_all_of_a_topic_are_replayed_in_all_services(services: dict[str, Listener]) -> None:
    """After an outage somebody would have to go through the list by hand."""
    for listener in services.values():
        poisoned(listener)
        listener.poison.clear()
    told = run("replay", "--all", "--topic", "postal.visit.v1")
    assert told.exit_code == 0
    assert told.stdout.splitlines() == ["intake: 1 đã áp dụng", "routing: 1 đã áp dụng"]


def test_a_discard_keeps_who_and_why(services: dict[str, Listener]) -> None:
    """Nobody could be asked later."""
    event_id = poisoned(services["intake"])
    told = run("discard", event_id, "--reason", WHY)
    assert told.exit_code == 0
    assert "v1 đi tiếp sau số 2" in told.stdout
    (settled,) = services["intake"].parked.list(Wanted(state=DISCARDED))
    assert settled.discard is not None
    assert settled.discard.by.startswith("shell:")
    assert WHY in run("list", "--state", "discarded").stdout


def test_a_discard_without_a_reason_is_refused_in_one_line(services: dict[str, Listener]) -> None:
    """A citizen's event could be thrown away by a slip of the hand."""
    event_id = poisoned(services["intake"])
    told = run("discard", event_id)
    assert told.exit_code == events_cli.REFUSED
    assert "lý do" in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert services["intake"].only(state="failed") == event_id


def test_a_gap_is_settled_on_request_only(services: dict[str, Listener]) -> None:
    """A key whose predecessor is lost for good would have no way out."""
    services["routing"].receive(visit(3), 3)
    early = services["routing"].only()
    assert run("discard", early, "--reason", WHY).exit_code == events_cli.REFUSED
    assert run("discard", early, "--reason", WHY, "--gap-before").exit_code == 0
    assert services["routing"].heard == ["w3"]


@pytest.mark.parametrize("words", [("show",), ("replay",), ("discard", "--reason", WHY)])
def test_an_unknown_id_is_exit_4(services: dict[str, Listener], words: tuple[str, ...]) -> None:
    """A mistyped id would look like success."""
    told = run(words[0], UNKNOWN, *words[1:])
    assert told.exit_code == events_cli.NO_SUCH_EVENT
    assert told.stderr == f"Không có sự kiện {UNKNOWN} nào đang gác lại.\n"


def test_an_event_parked_in_two_services_is_decided_in_one(services: dict[str, Listener]) -> None:
    """A decision for one service would be taken for another, where the event may matter."""
    services["intake"].poison.add("w1")
    services["routing"].poison.add("w1")
    for listener in services.values():
        listener.receive(visit(1), 1, id=UNKNOWN)
    told = run("discard", UNKNOWN, "--reason", WHY)
    assert told.exit_code == events_cli.USAGE
    assert "--service" in told.stderr
    assert run("discard", UNKNOWN, "--reason", WHY, "--service", "routing").exit_code == 0
    assert services["intake"].only() == UNKNOWN


def test_a_service_that_cannot_be_opened_does_not_hide_the_others(
    services: dict[str, Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one database away, nobody could look at the other two."""
    poisoned(services["routing"])
    reachable = events_cli.installed()

    @contextmanager
    def away() -> Iterator[Any]:
        typer.echo("intake: Không kết nối được cơ sở dữ liệu", err=True)
        sys.exit(1)
        yield

    monkeypatch.setattr(events_cli, "installed", lambda _wanted: {**reachable, "intake": away})
    told = run("list", "--state", "failed")
    assert told.exit_code == events_cli.REFUSED
    assert "intake: Không kết nối" in told.stderr
    assert "rule.broken" in told.stdout
