"""After a broker lost its log: every event is sent again; `python -m deploy.backup.resend --help`.

Safe at any time and while everything runs: consumers drop what they have applied. The order of every key is
kept, because an outbox is sent from its beginning.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from deploy.backup.places import Places
from deploy.backup.restore import SETTINGS_HELP, send_everything_again
from deploy.backup.sources import BackupFailed, one_line
from deploy.run import add_bases, chosen_stack


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 with the number of events of each service, 1 with one line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup.resend", description=__doc__)
    add_bases(parser)
    parser.add_argument("--settings", action="store_true", help=SETTINGS_HELP)
    given = parser.parse_args(arguments)
    try:
        places = Places.of_settings() if given.settings else Places.kept_by(chosen_stack(given))
        for name, url in places.databases.items():
            print(f"{name}: {send_everything_again(url)} sự kiện sẽ được gửi lại")
    except (BackupFailed, OSError) as error:
        print(f"Không làm được: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
