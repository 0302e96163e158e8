"""`make restore`: a backup into an empty place; `python -m deploy.backup.restore --help`.

Nothing is ever overwritten. All three databases are restored together, never one alone: the others would
know more of it than it knows itself. Without the log of the embedded broker (Apache Kafka, or another broker
than the one copied) the topics have to be empty, and every event is marked as unsent: the relays fill the
topics again from the outboxes, in the old order, and the consumers drop what they had applied.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from sqlalchemy import URL, text

from deploy.backup.kafka import ends_of
from deploy.backup.manifest import Manifest
from deploy.backup.places import Places, empty_places, file_of, is_sqlite
from deploy.backup.postgres import is_empty, restore_dump
from deploy.backup.sources import BackupFailed, flush
from deploy.backup.sqlite import BROKER_FILE, check_file
from deploy.run import add_bases, chosen_stack
from shared.clock import local
from shared.messaging.connection import BrokerAddress
from shared.persistence.engine import open_engine

SETTINGS_HELP = "databases and broker of the services' settings (TANNHA_…) instead of a folder"


def restore(backup: Path, places: Places) -> Manifest:
    """Fills empty places from a backup. Raises BackupFailed; what can be known is said before any writing."""
    manifest = Manifest.read(backup)
    manifest.check_files(backup)
    names = {file.name for file in manifest.files}
    for name, url in places.databases.items():
        if _file_name(name, url) not in names:
            raise BackupFailed(f"Bản sao lưu không có {_file_name(name, url)}.")
        _demand_empty(name, url)
    log_file = places.broker_file
    if log_file is not None and log_file.exists():
        raise BackupFailed(f"{log_file} đã có; chỉ khôi phục vào chỗ trống.")
    if places.kafka is not None:
        _demand_empty_topics(places.kafka)
    for name, url in places.databases.items():
        _fill(backup / _file_name(name, url), url)
    if log_file is not None and BROKER_FILE in names:
        _place_file(backup / BROKER_FILE, log_file)
    else:
        for url in places.databases.values():
            send_everything_again(url)
    return manifest


def send_everything_again(url: URL) -> int:
    """Marks every event of an outbox as unsent; returns how many. For topics that begin empty.

    Raises BackupFailed for a file that is not there.
    """
    if is_sqlite(url) and not file_of(url).exists():
        raise BackupFailed(f"{file_of(url)} không có.")
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            return connection.execute(text("UPDATE outbox SET sent_at = NULL")).rowcount
    finally:
        engine.dispose()


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
    return 0


def _chosen_places(given: argparse.Namespace) -> AbstractContextManager[Places]:
    return nullcontext(Places.of_settings()) if given.settings else empty_places(chosen_stack(given))


def _file_name(name: str, url: URL) -> str:
    return f"{name}.db" if is_sqlite(url) else f"{name}.dump"


def _demand_empty(name: str, url: URL) -> None:
    if is_sqlite(url):
        if file_of(url).exists():
            raise BackupFailed(f"{file_of(url)} đã có; chỉ khôi phục vào chỗ trống.")
    elif not is_empty(url):
        raise BackupFailed(f"Cơ sở dữ liệu của {name} không trống; chỉ khôi phục vào chỗ trống.")


def _demand_empty_topics(broker: BrokerAddress) -> None:
    full = sorted({place.partition(":")[0] for place, end in ends_of(broker).items() if end > 0})
    if full:
        raise BackupFailed(
            f"Máy chủ sự kiện {broker.bootstrap} còn sự kiện ({full[0]} …): xoá các chủ đề trước,"
            " vì trong đó có việc mà bản sao lưu không biết."
        )


def _fill(copy: Path, url: URL) -> None:
    if is_sqlite(url):
        _place_file(copy, file_of(url))
    else:
        restore_dump(copy, url)


def _place_file(copy: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(copy, target)
    target.chmod(0o600)
    check_file(target)
    flush(target)


if __name__ == "__main__":
    sys.exit(main())
