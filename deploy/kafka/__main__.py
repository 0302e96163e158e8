"""`python -m deploy.kafka`: runs one node of Apache Kafka in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from deploy.kafka.libraries import fetch_jars, find_java
from deploy.kafka.server import Node
from deploy.missing import NotRunnable


def main() -> int:
    """Becomes the broker. Exit 1 with one line when it cannot run here."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path("var/kafka"), help="folder for its settings and logs"
    )
    parser.add_argument("--port", type=int, default=19092)
    parser.add_argument("--fetch-only", action="store_true", help="bring the jars, run nothing")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one more setting")
    given = parser.parse_args()
    try:
        node = Node(find_java(), fetch_jars(), given.data.resolve(), given.port)
        if given.fetch_only:
            print(node.jars)
            return 0
        node.prepare(*given.set)
    except NotRunnable as missing:
        print(missing, file=sys.stderr)
        return 1
    # This process becomes the broker, so that a signal to it, also kill -9, meets the broker itself.
    return os.execv(node.java, node.command())  # noqa: S606 - the command is ours


if __name__ == "__main__":
    sys.exit(main())
