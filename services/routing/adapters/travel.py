"""Travel times without road data: straight lines, stretched by how roads wind here, at motorbike speeds.

Great circle × 1.9 below 1 km, 1.6 to 2 km, 1.5 to 5 km, 1.45 beyond; × 1.25 where either end lies in
the mountains; 20 km/h below 2 km, 26 km/h to 5 km, 32 km/h beyond. The result is an `estimate` and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from geopy.distance import great_circle

from services.routing.application.solver_port import TravelMatrix
from services.routing.domain.problem import Point


@dataclass(frozen=True)
class Band:
    """Straight-line distances up to `metres`: how much longer the road is and how fast one rides."""

    metres: float
    winding: float
    km_per_hour: float


BANDS = (
    Band(1_000, 1.9, 20),
    Band(2_000, 1.6, 20),
    Band(5_000, 1.5, 26),
    Band(inf, 1.45, 32),
)
MOUNTAINS = 1.25


def leg(straight_metres: float, *, mountains: bool = False) -> tuple[int, int]:
    """Seconds and metres of road for a straight line.

    Where a new band would make a farther place nearer (roads wind less on longer trips), the end of
    the band before is kept, so that farther never takes less time.
    """
    seconds = metres = beginning = 0.0
    for band in BANDS:
        for straight in (beginning, min(straight_metres, band.metres)):
            road = straight * band.winding * (MOUNTAINS if mountains else 1.0)
            metres = max(metres, road)
            seconds = max(seconds, road / (band.km_per_hour / 3.6))
        if straight_metres <= band.metres:
            break
        beginning = band.metres
    return round(seconds), round(metres)


class GreatCircleTravel:
    """The travel port from coordinates alone; symmetric, exact zero on the diagonal."""

    def matrix(self, points: Sequence[Point]) -> TravelMatrix:
        """All legs between `points` as estimates."""
        size = len(points)
        seconds = [[0] * size for _ in points]
        metres = [[0] * size for _ in points]
        for row in range(size):
            for column in range(row):
                here, there = points[row], points[column]
                straight = great_circle(
                    (here.latitude, here.longitude), (there.latitude, there.longitude)
                ).meters
                time, road = leg(straight, mountains=here.mountains or there.mountains)
                seconds[row][column] = seconds[column][row] = time
                metres[row][column] = metres[column][row] = road
        return TravelMatrix(tuple(map(tuple, seconds)), tuple(map(tuple, metres)), "estimate")
