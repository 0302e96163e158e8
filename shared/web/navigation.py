"""The places of the house: which role works where. One table for all three services.

Adding a page for a role means adding one row here; every service then shows it in its header.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.actor import Actor, Role
from shared.web.addresses import Addresses


@dataclass(frozen=True)
class Place:
    """A page that some roles work at: a short label, the owning service, its path."""

    label: str
    service: str
    path: str
    roles: frozenset[Role]


def _place(label: str, service: str, path: str, *roles: Role) -> Place:
    return Place(label, service, path, frozenset(roles))


PLACES: tuple[Place, ...] = (
    _place("Tổng đài", "intake", "/tong-dai", Role.OPERATOR),
    _place("Nhập yêu cầu", "intake", "/tong-dai/moi", Role.OPERATOR),
    _place("Quản trị", "intake", "/quan-tri", Role.ADMINISTRATOR, Role.INSPECTOR),
    _place("Đối soát", "intake", "/quan-tri/doi-soat", Role.ADMINISTRATOR, Role.INSPECTOR),
    _place("Tài khoản", "intake", "/quan-tri/tai-khoan", Role.ADMINISTRATOR),
    _place("Điều độ", "routing", "/dieu-do", Role.DISPATCHER, Role.ADMINISTRATOR, Role.INSPECTOR),
    _place("Tuyến của tôi", "postal_bridge", "/buu-ta", Role.WORKER),
    _place("Một cửa", "postal_bridge", "/mot-cua", Role.DESK_OFFICER),
    _place("Thủ quỹ", "postal_bridge", "/thu-quy", Role.CASHIER),
    _place("Quầy bưu cục", "postal_bridge", "/buu-cuc", Role.CASHIER, Role.DISPATCHER),
    _place("Sổ bàn giao", "postal_bridge", "/so-ban-giao", Role.INSPECTOR, Role.ADMINISTRATOR),
)


@dataclass(frozen=True)
class NavLink:
    """One entry of the header as a template needs it."""

    label: str
    url: str
    current: bool


def nav_for(actor: Actor | None, addresses: Addresses, path: str) -> list[NavLink]:
    """The places of the actor's role, the one being looked at marked; nobody gets none."""
    if actor is None:
        return []
    mine = [place for place in PLACES if actor.role in place.roles]
    here = [place for place in mine if addresses.of(place.service) == addresses.own and _covers(place, path)]
    best = max(here, key=lambda place: len(place.path), default=None)
    return [NavLink(place.label, addresses.of(place.service) + place.path, place is best) for place in mine]


def home_of(actor: Actor, addresses: Addresses) -> str:
    """Where the actor lands after signing in: the first of its places, else the front page."""
    for place in PLACES:
        if actor.role in place.roles:
            return addresses.of(place.service) + place.path
    return addresses.intake + "/"


def _covers(place: Place, path: str) -> bool:
    return path == place.path or path.startswith(place.path + "/")
