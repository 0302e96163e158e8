"""`tannha events …`: parked events of all services that are installed, for the people who run them.

Exit codes: 0 done · 1 a service cannot be reached, or it refuses · 2 wrong usage · 3 tried again, but still
parked · 4 no such event.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from sqlalchemy.exc import SQLAlchemyError

from shared.command_line import OPENERS
from shared.contracts.envelope import ActorRef
from shared.errors import NotFound, Problem
from shared.messaging.guard import Outcome
from shared.messaging.parked import OUTCOMES, STATES, STILL_PARKED, Opened, Parked, ParkedEvents, Wanted
from shared.service import Service

REFUSED, USAGE, PARKED_STILL, NO_SUCH_EVENT = 1, 2, 3, 4

T = TypeVar("T")
Opener = Callable[[], AbstractContextManager[Service[Any]]]

app = typer.Typer(no_args_is_help=True, help="Sự kiện giữa các dịch vụ.")
parked = typer.Typer(no_args_is_help=True, help="Sự kiện đang gác lại: xem, cho chạy lại, bỏ.")
app.add_typer(parked, name="parked")

ServiceOption = Annotated[
    str, typer.Option("--service", help="Chỉ một dịch vụ: intake, routing, postal-bridge.")
]
TopicOption = Annotated[str, typer.Option("--topic", help="Chỉ một chủ đề, ví dụ intake.request.v1.")]
EventId = Annotated[str, typer.Argument(help="Mã sự kiện, như trong danh sách.")]
Why = Annotated[str, typer.Option("--reason", help="Vì sao; được lưu lại cùng người quyết định.")]


@parked.command("list")
def list_command(
    service: ServiceOption = "",
    topic: TopicOption = "",
    state: Annotated[str, typer.Option("--state", help=f"Chỉ một trạng thái: {', '.join(STATES)}.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Lý do có chứa chữ này.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="In JSON thay cho bảng.")] = False,
) -> None:
    """Liệt kê sự kiện chưa áp dụng được: tuổi, trạng thái, lý do."""
    if state and state not in STATES:
        _fail(f"Không có trạng thái {state}: chọn {', '.join(STATES)}.", USAGE)
    rows: list[tuple[str, str, Parked]] = []
    silent: list[str] = []
    for name, events, opened in _each(service, silent):
        now = opened.transactions.clock()
        found = events.list(Wanted(state, topic, reason))
        rows += [(name, _age(now - row.parked_at), row) for row in found]
    if as_json:
        typer.echo(json.dumps([{"service": n, **row.to_json()} for n, _, row in rows], ensure_ascii=False))
    else:
        _print_table(rows)
    _end(silent)


@parked.command("show")
def show(
    event_id: EventId,
    service: ServiceOption = "",
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Hiện cả dữ liệu cá nhân.")] = False,
) -> None:
    """In một sự kiện; dữ liệu cá nhân được che. Mỗi lần xem đều ghi vào nhật ký."""
    found, silent = False, list[str]()
    for name, events, _ in _each(service, silent):
        try:
            opened = events.open(event_id, _who(), unmasked=unmasked)
        except NotFound:
            continue
        found = True
        _print_opened(name, opened)
    if not found and not silent:
        _fail(f"Không có sự kiện {event_id} nào đang gác lại.", NO_SUCH_EVENT)
    _end(silent)


@parked.command()
def replay(
    event_id: Annotated[str, typer.Argument(help="Mã sự kiện; bỏ trống khi dùng --all.")] = "",
    service: ServiceOption = "",
    everything: Annotated[bool, typer.Option("--all", help="Mọi sự kiện lỗi hoặc đang chờ.")] = False,
    topic: TopicOption = "",
    reason: Annotated[str, typer.Option("--reason", help="Với --all: lý do có chứa chữ này.")] = "",
) -> None:
    """Cho chạy lại một sự kiện, hoặc tất cả; sự kiện đứng sau tự chạy theo."""
    if bool(event_id) == everything:
        _fail("Cần đúng một trong hai: mã sự kiện, hoặc --all.", USAGE)
    if event_id and (topic or reason):
        _fail("--topic và --reason chỉ dùng với --all.", USAGE)
    outcomes: list[Outcome] = []
    silent: list[str] = []
    if everything:
        for name, events, _ in _each(service, silent):
            counts = events.replay_all(_who(), Wanted(topic=topic, reason=reason))
            outcomes += counts
            told = ", ".join(f"{count} {OUTCOMES[outcome]}" for outcome, count in counts.items())
            typer.echo(f"{name}: {told or 'không có gì để chạy lại'}")
    else:
        name, events = _holder(event_id, service)
        outcomes.append(_or_fail(name, lambda: events.replay(event_id, _who())))
        typer.echo(f"{name}: {event_id} {OUTCOMES[outcomes[0]]}")
    _end(silent, PARKED_STILL if STILL_PARKED & set(outcomes) else 0)


@parked.command()
def discard(
    event_id: EventId,
    reason: Why = "",
    service: ServiceOption = "",
    gap_before: Annotated[
        bool,
        typer.Option(
            "--gap-before", help="Bỏ các sự kiện không bao giờ đến trước sự kiện này; nó được áp dụng."
        ),
    ] = False,
) -> None:
    """Quyết định không bao giờ áp dụng một sự kiện; lý do được lưu lại, sự kiện đứng sau chạy tiếp."""
    name, events = _holder(event_id, service)
    decide = events.discard_gap if gap_before else events.discard
    settled = _or_fail(name, lambda: decide(event_id, reason, _who()))
    if settled.discard is not None and settled.discard.passed:
        typer.echo(f"{name}: đã bỏ {settled.event_id}, khoá {settled.key} đi tiếp sau số {settled.sequence}")
    else:
        typer.echo(
            f"{name}: đã bỏ {settled.event_id}; bản ghi không cho biết khoá nên không mở đường cho khoá nào"
        )


def installed(wanted: str = "") -> Mapping[str, Opener]:
    """The services on this machine by name, or the wanted one. Ends the command when there is none."""
    wanted = wanted.replace("-", "_")
    for entry in entry_points(group="tannha.commands"):
        if entry.value.startswith("services.") and wanted in {"", entry.name.replace("-", "_")}:
            entry.load()
    chosen = {name: opener for name, opener in sorted(OPENERS.items()) if wanted in {"", name}}
    if not chosen:
        _fail(
            f"Không có dịch vụ {wanted} trên máy này." if wanted else "Máy này chưa cài dịch vụ nào.", USAGE
        )
    return chosen


def _each(wanted: str, silent: list[str]) -> Iterator[tuple[str, ParkedEvents, Service[Any]]]:
    """Every wanted service, opened. One that cannot be has said why, and is put down as `silent`."""
    for name, opener in installed(wanted).items():
        try:
            with opener() as service:
                yield name, ParkedEvents(service.guard), service
        except SystemExit:
            silent.append(name)


def _end(silent: list[str], code: int = 0) -> None:
    """Ends the command: with exit 1 when a service could not be asked, else with `code`."""
    raise typer.Exit(REFUSED if silent else code)


def _holder(event_id: str, wanted: str) -> tuple[str, ParkedEvents]:
    """The one service where an event is, or was, parked. Two of them must be told apart by the caller."""
    silent: list[str] = []
    found = [(name, events) for name, events, _ in _each(wanted, silent) if _has(events, event_id)]
    if silent:
        _end(silent)
    if not found:
        _fail(f"Không có sự kiện {event_id} nào đang gác lại.", NO_SUCH_EVENT)
    if len(found) > 1:
        names = ", ".join(name for name, _ in found)
        _fail(f"Sự kiện {event_id} có ở nhiều dịch vụ ({names}): thêm --service.", USAGE)
    return found[0]


def _has(events: ParkedEvents, event_id: str) -> bool:
    try:
        events.find(event_id)
    except NotFound:
        return False
    return True


def _or_fail(name: str, act: Callable[[], T]) -> T:
    try:
        return act()
    except Problem as problem:
        code = NO_SUCH_EVENT if isinstance(problem, NotFound) else REFUSED
        _fail(f"{name}: {' '.join((problem.message, *problem.hints))}", code)
    except SQLAlchemyError as error:
        _fail(f"{name}: Cơ sở dữ liệu không làm được việc này: {type(error).__name__}.", REFUSED)


def _fail(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    sys.exit(code)


def _who() -> ActorRef:
    try:
        account = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without a name for its user
        account = str(os.getuid())
    return ActorRef(account=f"shell:{account}", role="administrator")


def _age(age: timedelta) -> str:
    """How long ago, in the largest whole unit."""
    seconds = max(int(age.total_seconds()), 0)
    for unit, size in (("ngày", 86400), ("giờ", 3600), ("phút", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} giây"


HEADS = ("DỊCH VỤ", "MÃ SỰ KIỆN", "TUỔI", "TRẠNG THÁI", "CHỦ ĐỀ", "KHOÁ", "SỐ", "ĐỨNG SAU", "LÝ DO")


def _print_table(rows: list[tuple[str, str, Parked]]) -> None:
    if not rows:
        typer.echo("Không có sự kiện nào đang gác lại.")
        return
    lines = [HEADS] + [
        (name, row.event_id, age, STATES[row.state], row.topic, row.key, str(row.sequence), str(row.behind),
         row.discard.why if row.discard else row.reason)
        for name, age, row in rows
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_opened(name: str, opened: Opened) -> None:
    told = {"service": name, **opened.parked.to_json()}
    if opened.envelope is None:
        told["raw"] = opened.raw
    else:
        told |= {"envelope": opened.envelope, "data": opened.data}
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
