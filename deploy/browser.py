"""Finds a Chromium for the browser tests, or installs Debian's: `python -m deploy.browser`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """The path of a Chromium, from TANNHA_CHROMIUM or the PATH."""
    given = os.environ.get("TANNHA_CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    """Exit 0 when a browser is there, or where none can be had outside of CI (the tests say so then)."""
    if find_chromium() is None and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Chromium for the browser tests ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)  # type: ignore[call-overload]
        install = [
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "chromium",
            "fonts-dejavu-core",
        ]
        subprocess.run(install, check=False, **quiet)  # type: ignore[call-overload]
    if find_chromium() is None:
        print(
            "No Chromium: browser tests will be skipped (set TANNHA_CHROMIUM to its path).", file=sys.stderr
        )
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
