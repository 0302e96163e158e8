"""`make restore`: a backup into an empty place; `python -m deploy.backup.restore --help`.

Nothing is ever overwritten. All three databases are restored together, never one alone: the others would
know more of it than it knows itself. Without the log of the embedded broker (Apache Kafka, or another broker
than the one copied) the topics have to be empty, and every event is marked as unsent: the relays fill the
topics again from the outboxes, in the old order, and the consumers drop what they had applied.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from sqlalchemy import URL

from deploy.backup import postgres, sqlite
from deploy.backup.kafka import ends_of
from deploy.backup.manifest import Manifest
from deploy.backup.places import Places, empty_places, file_of, is_sqlite
from deploy.backup.sources import BackupFailed, flush, one_line
from deploy.backup.sqlite import BROKER_FILE
from deploy.run import add_bases, chosen_stack
from shared.clock import local
from shared.messaging.connection import BrokerAddress

SETTINGS_HELP = "databases and broker of the services' settings (TANNHA_…) instead of a folder"

KEYS_HINT = (
    "Phiên đăng nhập đã thu hồi sau lúc ấy lại có hiệu lực: thay cặp khoá đăng nhập trước khi mở lại"
    " (bước 5 của docs/runbooks/restore.md); thư mục mới của `make run` tự có cặp khoá mới."
)
"""Recalls that came after the photograph are not in it, and a token is good for twelve hours."""


def restore(backup: Path, places: Places) -> Manifest:
    """Fills empty places from a backup. Raises BackupFailed; what can be known is said before any writing."""
    manifest = Manifest.read(backup)
    manifest.check_files(backup)
    names = {file.name for file in manifest.files}
    for name, url in places.databases.items():
        if _file_name(name, url) not in names:
            kind = "sqlite" if f"{name}.db" in names else "postgres"
            raise BackupFailed(f"Bản sao lưu không có {_file_name(name, url)}; nó là của {kind}.")
        _demand_empty(name, url)
    log_file = places.broker_file
    if log_file is not None:
        _demand_free(log_file)
    if places.kafka is not None:
        _demand_empty_topics(places.kafka)
    _fill_all(backup, places, log_file if BROKER_FILE in names else None)
    return manifest


def send_everything_again(url: URL) -> int:
    """Marks every event of an outbox as unsent; returns how many. For topics that begin empty.

    However many they are: no limit of time holds here. Raises BackupFailed.
    """
    return sqlite.mark_unsent(file_of(url)) if is_sqlite(url) else postgres.mark_unsent(url)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when everything is in place, 1 with one line when not."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup.restore", description=__doc__)
    parser.add_argument("backup", type=Path, help="folder with manifest.json")
    add_bases(parser)
    parser.add_argument("--settings", action="store_true", help=SETTINGS_HELP)
    given = parser.parse_args(arguments)
    if given.data is None and not given.settings:
        parser.error("--data: a new folder is needed")
    try:
        with _chosen_places(given) as places:
            manifest = restore(given.backup, places)
    except (BackupFailed, OSError) as error:
        print(f"Không khôi phục được: {error}", file=sys.stderr)
        return 1
    moment = local(manifest.taken_at)
    print(f"Đã khôi phục trạng thái lúc {moment:%H:%M:%S} ngày {moment:%d/%m/%Y}.")
    print("Việc được xác nhận sau lúc ấy không có trong bản sao; xem docs/runbooks/restore.md.")
    print(KEYS_HINT)
    return 0


def _chosen_places(given: argparse.Namespace) -> AbstractContextManager[Places]:
    if given.settings:
        return nullcontext(Places.of_settings())
    # Only for the time of the restore: the old product may still run on the usual ports.
    given.free_ports = True
    return empty_places(chosen_stack(given))


def _file_name(name: str, url: URL) -> str:
    return f"{name}.db" if is_sqlite(url) else f"{name}.dump"


def _demand_empty(name: str, url: URL) -> None:
    if is_sqlite(url):
        _demand_free(file_of(url))
    elif not postgres.is_empty(url):
        raise BackupFailed(f"Cơ sở dữ liệu của {name} không trống; chỉ khôi phục vào chỗ trống.")


def _demand_free(file: Path) -> None:
    """Neither the file nor what SQLite would replay into it. Raises BackupFailed with the name."""
    if os.path.lexists(file):
        raise BackupFailed(f"{file} đã có; chỉ khôi phục vào chỗ trống.")
    for beside in sqlite.files_beside(file):
        if os.path.lexists(beside):
            raise BackupFailed(
                f"{beside} còn lại của cơ sở dữ liệu cũ và sẽ trộn dữ liệu cũ vào bản khôi phục;"
                " chuyển nó đi cùng dữ liệu cũ: chỉ khôi phục vào chỗ trống."
            )


def _demand_empty_topics(broker: BrokerAddress) -> None:
    full = sorted({place.partition(":")[0] for place, end in ends_of(broker).items() if end > 0})
    if full:
        raise BackupFailed(
            f"Máy chủ sự kiện {broker.bootstrap} còn sự kiện ({full[0]} …): xoá các chủ đề trước,"
            " vì trong đó có việc mà bản sao lưu không biết."
        )


def _fill_all(backup: Path, places: Places, log_file: Path | None) -> None:
    """All databases, and the log where it goes with them. Raises BackupFailed, also saying what is done."""
    filled: list[str] = []
    try:
        for name, url in places.databases.items():
            _fill(backup / _file_name(name, url), url, unsent=log_file is None)
            filled.append(name)
        if log_file is not None:
            _place_file(backup / BROKER_FILE, log_file)
    except (BackupFailed, OSError) as error:
        done = f" Đã có dữ liệu: {', '.join(filled)}; làm trống trước khi thử lại." if filled else ""
        raise BackupFailed(f"{one_line(error)}{done}") from error


def _fill(copy: Path, url: URL, *, unsent: bool) -> None:
    """A database that has tables is whole, and marked: another one would keep what was under way for ever."""
    if is_sqlite(url):
        _place_file(copy, file_of(url), unsent=unsent)
    else:
        postgres.restore_dump(copy, url, unsent=unsent)


def _place_file(copy: Path, target: Path, *, unsent: bool = False) -> None:
    """All or nothing: the file has its name when nothing is left to do to it.

    It is made in a new folder of its own, where no journal of a restore that was killed can be waiting.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.", suffix=".part") as folder:
        part = Path(folder) / target.name
        shutil.copyfile(copy, part)
        part.chmod(0o600)
        if unsent:
            sqlite.mark_unsent(part)
        sqlite.check_file(part)
        flush(part)
        _demand_free(target)  # the others took their time, and a service may have begun meanwhile
        part.rename(target)
        flush(target)


if __name__ == "__main__":
    sys.exit(main())
