"""Where browsers reach the three services, and which addresses a redirect may lead to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True)
class Addresses:
    """The origins of the services as seen by a browser, and which of them this service is.

    `own` is one of the three; it is configured and never read from the Host header, which the caller
    controls. Raises ValueError for an address with a path or without a scheme.
    """

    intake: str = "http://127.0.0.1:8101"
    routing: str = "http://127.0.0.1:8102"
    postal_bridge: str = "http://127.0.0.1:8103"
    own: str = "http://127.0.0.1:8101"

    def __post_init__(self) -> None:
        for address in (self.intake, self.routing, self.postal_bridge, self.own):
            parts = urlsplit(address)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
                raise ValueError(f"an origin looks like http://host:port, not {address!r}")

    @property
    def origins(self) -> frozenset[str]:
        """All origins that belong to us."""
        return frozenset({self.intake, self.routing, self.postal_bridge, self.own})

    def of(self, service: str) -> str:
        """The origin of a service by its name (`intake`, `routing`, `postal_bridge`)."""
        return {"intake": self.intake, "routing": self.routing, "postal_bridge": self.postal_bridge}[service]

    def sign_in(self, next_path: str | None = None) -> str:
        """The sign-in page, which afterwards leads to `next_path` of this service."""
        query = "?" + urlencode({"next": self.own + next_path}) if next_path else ""
        return f"{self.intake}/dang-nhap{query}"

    def safe_next(self, target: str | None, default: str = "/") -> str:
        """`target` if it leads to one of our own pages, else `default`: no open redirect.

        Browsers read `\\` as `/` and drop control characters, so a target with either is refused, as is
        `//host`, which is an address and not a path.
        """
        if not target or "\\" in target or any(ord(character) <= 0x20 for character in target):
            return default
        if target.startswith("/"):
            return default if target.startswith("//") else target
        try:
            parts = urlsplit(target)
        except ValueError:
            return default
        return target if f"{parts.scheme}://{parts.netloc}" in self.origins else default
