"""Points for addresses: offline, from a server, and from a server that errs."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from geopy.exc import GeocoderTimedOut
from geopy.location import Location

from services.intake.adapters.gazetteer import load_gazetteer
from services.intake.adapters.geocoding import GazetteerGeocoder, GeocoderKind, GeopyLocator, make_geocoder
from services.intake.domain.gazetteer import Precision

GAZETTEER = load_gazetteer()
DUY_VINH = next(unit for unit in GAZETTEER.units if unit.name == "Duy Vinh")
NAM_PHUOC = GAZETTEER.current(DUY_VINH)[0]


@dataclass
class FakeServer:
    """Answers every query with one place, or fails."""

    answer: Location | None = None
    fails: bool = False
    asked: list[str] = field(default_factory=list)

    def geocode(self, query: str) -> Location | None:
        """Remember the query and answer."""
        self.asked.append(query)
        if self.fails:
            raise GeocoderTimedOut("too slow")
        return self.answer


def test_offline_geocoder_knows_old_and_new_units() -> None:
    """Without a network no stop would have a point."""
    locator = make_geocoder(GeocoderKind.GAZETTEER, GAZETTEER)
    old, new = locator.locate("tổ 3 thôn Đông Gia", DUY_VINH), locator.locate("45 Hùng Vương", NAM_PHUOC)
    assert (old.point, old.precision) == (DUY_VINH.point, Precision.UNIT)
    assert (new.point, new.precision) == (NAM_PHUOC.point, Precision.UNIT)


def test_offline_geocoder_gives_nothing_for_an_unsure_address() -> None:
    """A doubtful address would silently get a point."""
    assert GazetteerGeocoder(GAZETTEER).geocode("Duy Xuyên") is None


def test_a_near_answer_of_a_server_is_used_with_its_precision() -> None:
    """A house found by the server would be thrown away for the commune's centre."""
    near = Location(
        "45 Hùng Vương", (NAM_PHUOC.point.lat + 0.01, NAM_PHUOC.point.lon), {"addresstype": "house"}
    )
    server = FakeServer(near)
    found = GeopyLocator(server, GAZETTEER).locate("45 Hùng Vương", NAM_PHUOC)
    assert found.precision is Precision.HOUSE
    assert found.point.lat == pytest.approx(NAM_PHUOC.point.lat + 0.01)
    assert server.asked == ["45 Hùng Vương, Xã Nam Phước, Thành phố Đà Nẵng"]


@pytest.mark.parametrize(
    "server",
    [
        FakeServer(Location("Hà Nội", (21.03, 105.85), {"addresstype": "house"})),
        FakeServer(),
        FakeServer(fails=True),
    ],
    ids=["far away", "nothing", "time-out"],
)
def test_a_wrong_missing_or_failing_answer_falls_back_to_the_unit(server: FakeServer) -> None:
    """A worker would be sent to Hà Nội, or a request refused because a server is down."""
    found = GeopyLocator(server, GAZETTEER).locate("45 Hùng Vương", NAM_PHUOC)
    assert (found.point, found.precision) == (NAM_PHUOC.point, Precision.UNIT)


@pytest.mark.parametrize(
    "raw", [{"properties": {"osm_value": "hamlet"}}, {"class": "place", "type": "village"}]
)
def test_villages_are_recognised_in_answers_of_servers(raw: dict[str, object]) -> None:
    """A village's point would count as a house or as a whole commune."""
    place = Location("Đông Gia", (DUY_VINH.point.lat, DUY_VINH.point.lon), raw)
    assert (
        GeopyLocator(FakeServer(place), GAZETTEER).locate("Đông Gia", DUY_VINH).precision is Precision.VILLAGE
    )


@pytest.mark.parametrize("kind", [GeocoderKind.NOMINATIM, GeocoderKind.PHOTON, GeocoderKind.PELIAS])
def test_servers_are_configured_by_address_alone(kind: GeocoderKind) -> None:
    """A server kind without an address would ask a public server with citizens' addresses."""
    assert make_geocoder(kind, GAZETTEER, "http://127.0.0.1:9")
    with pytest.raises(ValueError, match="address"):
        make_geocoder(kind, GAZETTEER)
