"""Points for addresses, through geopy: the own gazetteer offline, or a server by its address.

A server's answer counts only when it lies near the unit that was resolved; otherwise the unit's own
point is given, with its honest precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlsplit

from geopy.exc import GeopyError
from geopy.geocoders import Nominatim, Pelias, Photon
from geopy.geocoders.base import Geocoder as GeopyGeocoder
from geopy.location import Location

from services.intake.domain.addresses import Geocoder, Located, resolve
from services.intake.domain.gazetteer import Gazetteer, Point, Precision, Unit

USER_AGENT = "tan-nha"
NEAR_UNIT_KM = 25.0
"""The largest distance from a unit's point at which an answer is still believed to lie in the unit."""
_HOUSE_KINDS = frozenset({"house", "building", "address", "residential", "street", "road"})
_VILLAGE_KINDS = frozenset(
    {"hamlet", "village", "neighbourhood", "quarter", "suburb", "locality", "isolated_dwelling"}
)


class GeocoderKind(StrEnum):
    """Which geocoder a setting asks for."""

    GAZETTEER = "gazetteer"
    NOMINATIM = "nominatim"
    PHOTON = "photon"
    PELIAS = "pelias"


class PointSource(Protocol):
    """The part of a geopy geocoder that is used here."""

    def geocode(self, query: str) -> Location | None:
        """The best place for a query, or None. Raises `geopy.exc.GeopyError` when the server fails."""
        ...


class GazetteerGeocoder(GeopyGeocoder):  # type: ignore[misc]
    """A geopy geocoder that knows the administrative units and needs no network."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        super().__init__(user_agent=USER_AGENT)
        self._gazetteer = gazetteer

    def geocode(self, query: str) -> Location | None:
        """The point of the one unit that `query` surely names; an old unit's when an old one is named."""
        chosen = resolve(query, self._gazetteer).chosen
        if chosen is None:
            return None
        point = chosen.said.point
        raw = {"unit": chosen.unit.id, "said": chosen.said.id, "precision": Precision.UNIT.value}
        return Location(chosen.label, (point.lat, point.lon), raw)


class GeopyLocator:
    """The `Geocoder` port over any geopy geocoder."""

    def __init__(self, source: PointSource, gazetteer: Gazetteer) -> None:
        self._source = source
        self._gazetteer = gazetteer

    def locate(self, street: str, unit: Unit) -> Located:
        """The best point for `street` in `unit`, old or new; the unit's own when the server fails."""
        query = ", ".join(part for part in (street, unit.full_name, unit.district, unit.province) if part)
        try:
            found = self._source.geocode(query)
        except GeopyError:
            found = None
        if found is not None:
            point = Point(found.latitude, found.longitude)
            if point.kilometres_to(unit.point) <= NEAR_UNIT_KM:
                return Located(point, _precision(found.raw), found.address)
        return Located(unit.point, Precision.UNIT, unit.full_name)


def make_geocoder(kind: GeocoderKind, gazetteer: Gazetteer, address: str | None = None) -> Geocoder:
    """The geocoder that the settings name; server kinds need `address` (such as http://127.0.0.1:8080).

    Raises ValueError when a server kind has no address.
    """
    if kind is GeocoderKind.GAZETTEER:
        return GeopyLocator(GazetteerGeocoder(gazetteer), gazetteer)
    if not address:
        raise ValueError(f"geocoder {kind.value} needs the address of a server")
    parts = urlsplit(address if "//" in address else f"//{address}", scheme="https")
    server = {"domain": parts.netloc + parts.path.rstrip("/"), "scheme": parts.scheme, "timeout": 3}
    sources: dict[GeocoderKind, type[Any]] = {
        GeocoderKind.NOMINATIM: Nominatim,
        GeocoderKind.PHOTON: Photon,
        GeocoderKind.PELIAS: Pelias,
    }
    return GeopyLocator(sources[kind](user_agent=USER_AGENT, **server), gazetteer)


def _precision(raw: Mapping[str, Any]) -> Precision:
    """The precision class of a server's answer; what is not recognised counts as a unit."""
    if raw.get("precision") in set(Precision):
        return Precision(raw["precision"])
    properties = raw.get("properties", raw)
    words = {
        str(properties.get(key, ""))
        for key in ("addresstype", "type", "osm_value", "osm_key", "layer", "class")
    }
    if words & _HOUSE_KINDS:
        return Precision.HOUSE
    return Precision.VILLAGE if words & _VILLAGE_KINDS else Precision.UNIT
