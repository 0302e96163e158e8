"""`python -m shared.web.probe URL`: exit 0 when a GET is answered with 200; the health check of images."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def healthy(url: str) -> bool:
    """Whether `url` (http only) is answered with 200 within three seconds."""
    if not url.startswith("http://"):
        return False
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - the scheme is checked above
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy(sys.argv[1]) else 1)
