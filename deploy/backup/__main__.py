"""`make backup`: a photograph of the running product; `python -m deploy.backup --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.backup.manifest import Manifest
from deploy.backup.photograph import take_backup
from deploy.backup.places import Places
from deploy.backup.restore import SETTINGS_HELP
from deploy.backup.sources import BackupFailed
from deploy.run import add_bases, chosen_stack
from shared.clock import local, system_clock


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 with the name of the backup, 1 with one line when there is none."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup", description=__doc__)
    add_bases(parser)
    parser.add_argument("--settings", action="store_true", help=SETTINGS_HELP)
    parser.add_argument("--to", type=Path, default=Path("backups"), help="folder for all backups")
    given = parser.parse_args(arguments)
    try:
        places = Places.of_settings() if given.settings else Places.kept_by(chosen_stack(given))
        folder = given.to / f"{system_clock():%Y%m%dT%H%M%SZ}"
        manifest = take_backup(*places.sources(), folder)
    except (BackupFailed, OSError) as error:
        print(f"Không sao lưu được: {error}", file=sys.stderr)
        return 1
    print_summary(folder, manifest)
    return 0


def print_summary(folder: Path, manifest: Manifest) -> None:
    """What a person wants to know of a backup."""
    moment = local(manifest.taken_at)
    size = sum(file.bytes for file in manifest.files) / 1_000_000
    rows = sum(sum(facts.tables.values()) for facts in manifest.databases.values())
    under_way = sum(sum(topics.values()) for topics in manifest.to_come.values())
    print(f"Đã sao lưu vào {folder}: {len(manifest.files)} tệp, {size:.1f} MB, {rows} hàng.")
    print(
        f"Trạng thái lúc {moment:%H:%M:%S} ngày {moment:%d/%m/%Y}; việc ghi phải chờ"
        f" {manifest.held_milliseconds:.0f} ms; {under_way} sự kiện đang trên đường."
    )
    print("Việc được xác nhận sau lúc ấy không có trong bản sao này.")


if __name__ == "__main__":
    sys.exit(main())
