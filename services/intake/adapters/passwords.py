"""Passwords as argon2id hashes."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Argon2Passwords:
    """The `Passwords` port. `memory_kib` and `rounds` are argon2's cost.

    The defaults are the first choice of OWASP's password storage advice (19 MiB, two rounds). RFC 9106's
    64 MiB and three rounds took a quarter of a second of one core here (measured), which lets a morning's
    sign-ins queue.
    """

    def __init__(self, *, memory_kib: int = 19_456, rounds: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        self._decoy = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """See `Passwords.hash`."""
        return self._hasher.hash(password)

    def matches(self, password: str, password_hash: str) -> bool:
        """See `Passwords.matches`; without a hash a decoy is checked, and the answer is no."""
        try:
            self._hasher.verify(password_hash or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(password_hash)
