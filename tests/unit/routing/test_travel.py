"""Travel times without road data."""

from __future__ import annotations

import pytest
from geopy.distance import great_circle
from hypothesis import given
from hypothesis import strategies as st

from services.routing.adapters.travel import GreatCircleTravel, leg, radians, straight_lines
from services.routing.domain.problem import Point

OFFICE = Point(15.5700, 108.4700)
NEAR = Point(15.5745, 108.4700)
FAR = Point(15.6600, 108.4700)


@pytest.mark.parametrize(
    ("straight", "road", "km_per_hour"),
    [(500, 950, 20), (1_500, 2_400, 20), (4_000, 6_000, 26), (10_000, 14_500, 32)],
)
def test_roads_wind_and_motorbikes_have_speeds(straight: int, road: int, km_per_hour: int) -> None:
    """Would fail if a band had the wrong factor or speed."""
    assert leg(straight) == (round(road / (km_per_hour / 3.6)), road)


def test_mountain_roads_are_a_quarter_longer() -> None:
    """Would fail if mountain communes were planned as if they were flat."""
    assert leg(4_000, mountains=True)[1] == 7_500


@given(st.floats(0, 40_000), st.floats(0, 40_000))
def test_farther_is_never_sooner(first: float, second: float) -> None:
    """Would fail if a longer trip fell into a band that makes it shorter than a nearer one."""
    near, far = sorted((first, second))
    assert leg(near) <= leg(far)


def test_the_matrix_is_symmetric_and_says_that_it_is_an_estimate() -> None:
    """Would fail if people were shown guesses as if they came from a road network."""
    matrix = GreatCircleTravel().matrix([OFFICE, NEAR, FAR])
    assert matrix.confidence == "estimate"
    for table in (matrix.seconds, matrix.metres):
        assert all(table[row][row] == 0 for row in range(3))
        assert all(table[row][column] == table[column][row] for row in range(3) for column in range(3))
    assert matrix.metres[0][1] == pytest.approx(500 * 1.9, rel=0.01)
    assert matrix.metres[0][2] == pytest.approx(10_000 * 1.45, rel=0.01)


PLACES = st.builds(Point, st.floats(14.5, 16.5), st.floats(107.0, 109.0))


@given(st.lists(PLACES, min_size=2, max_size=5))
def test_all_distances_at_once_are_those_of_geopy(places: list[Point]) -> None:
    """Would fail if a sign or an angle in the formula were wrong: every plan would be for another map."""
    angles = radians(places)
    for row, here in enumerate(places):
        lines = straight_lines(row, angles)
        for column, there in enumerate(places):
            ends = (here.latitude, here.longitude), (there.latitude, there.longitude)
            assert lines[column] == pytest.approx(great_circle(*ends).meters, abs=0.01)


def test_nowhere_to_go_is_an_empty_table() -> None:
    """Would fail if an office without anything were an error."""
    assert GreatCircleTravel().matrix([]).seconds == ()


def test_one_end_in_the_mountains_makes_the_road_longer() -> None:
    """Would fail if the mark of a mountain place were lost on the way to the matrix."""
    up = Point(FAR.latitude, FAR.longitude, mountains=True)
    flat, steep = (GreatCircleTravel().matrix([OFFICE, end]).seconds[0][1] for end in (FAR, up))
    assert steep == pytest.approx(flat * 1.25, rel=0.01)
