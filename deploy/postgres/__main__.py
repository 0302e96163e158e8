"""`python -m deploy.postgres`: runs one PostgreSQL server in the foreground until SIGINT."""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from pathlib import Path

from deploy.missing import NotRunnable
from deploy.postgres.server import Server, account, ensure_password, find_programs

GET_DEATH_SIGNAL, SET_DEATH_SIGNAL = 2, 1
"""prctl's PR_GET_PDEATHSIG and PR_SET_PDEATHSIG."""


def main() -> int:
    """Becomes the server. Exit 1 with one line when it cannot run here."""
    parser = argparse.ArgumentParser(prog="python -m deploy.postgres", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("var/postgres"), help="folder for its files")
    parser.add_argument("--port", type=int, default=19432)
    parser.add_argument(
        "--password-file", type=Path, default=Path("var/keys/database-password"), help="made when missing"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one more setting")
    given = parser.parse_args()
    try:
        server = Server(
            find_programs(), given.data.resolve(), given.port, ensure_password(given.password_file)
        )
        server.prepare()
    except NotRunnable as missing:
        print(missing, file=sys.stderr)
        return 1
    become_the_account()
    command = server.command(*given.set)
    # This process becomes the server, so that a signal to it, also kill -9, meets the server itself.
    return os.execv(command[0], command)  # noqa: S606 - the command is ours


def become_the_account() -> None:
    """Gives up root's rights. The kernel forgets by it that we end with our parent: it is told again."""
    owner = account()
    if owner is None:
        return
    kernel, death_signal = ctypes.CDLL(None), ctypes.c_int()
    kernel.prctl(GET_DEATH_SIGNAL, ctypes.byref(death_signal))
    os.chdir("/")
    os.initgroups(owner.pw_name, owner.pw_gid)
    os.setgid(owner.pw_gid)
    os.setuid(owner.pw_uid)
    kernel.prctl(SET_DEATH_SIGNAL, death_signal.value)


if __name__ == "__main__":
    sys.exit(main())
