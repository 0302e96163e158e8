"""The Ed25519 key pair of the sign-in: one private file, one public file.

Intake alone reads the private key; the other services need only the public one.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from joserfc.jwk import OKPKey

PRIVATE_NAME = "session-private.pem"
PUBLIC_NAME = "session-public.pem"


def ensure_key_pair(folder: Path) -> tuple[Path, Path]:
    """The paths (private, public) of the pair in `folder`, made on first use.

    Safe when several processes start at once: the private key is linked into place, and who comes second
    takes the one that is there. The public file is always derived from the private one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    private, public = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    if not private.exists():
        _place_once(private, OKPKey.generate_key("Ed25519").as_pem(private=True))
    text = load_private_key(private).as_pem(private=False)
    if not public.exists() or public.read_bytes() != text:
        draft = public.with_suffix(f".{os.getpid()}")
        draft.write_bytes(text)
        draft.replace(public)
    return private, public


def load_private_key(path: Path) -> OKPKey:
    """The signing key. Raises ValueError when others may read the file or it is no private Ed25519 key."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ValueError(f"{path.name} must be readable by its owner only (chmod 600)")
    key = OKPKey.import_key(path.read_bytes())
    if key.curve_name != "Ed25519" or not key.is_private:
        raise ValueError(f"{path.name} holds no private Ed25519 key")
    return key


def load_public_key(path: Path) -> OKPKey:
    """The verifying key. Raises ValueError when the file holds another kind of key."""
    key = OKPKey.import_key(path.read_bytes())
    if key.curve_name != "Ed25519":
        raise ValueError(f"{path.name} holds no Ed25519 key")
    return key


def _place_once(target: Path, content: bytes) -> None:
    draft = target.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, target)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
