"""Travel times without road data: straight lines, stretched by how roads wind here, at motorbike speeds.

Great circle × 1.9 below 1 km, 1.6 to 2 km, 1.5 to 5 km, 1.45 beyond; × 1.25 where either end lies in
the mountains; 20 km/h below 2 km, 26 km/h to 5 km, 32 km/h beyond. The result is an `estimate` and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from geopy.distance import EARTH_RADIUS
from numpy.typing import NDArray

from services.routing.application.solver_port import TravelMatrix
from services.routing.domain.problem import Point

Numbers = NDArray[np.float64]


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
    """Seconds and metres of road for a straight line: `legs` for one."""
    seconds, metres = legs(np.array(straight_metres), np.array(mountains))
    return int(seconds), int(metres)


def legs(straight: Numbers, mountains: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Whole seconds and metres of road for straight lines in metres, which may have any shape.

    Where a new band would make a farther place nearer (roads wind less on longer trips), the end of
    the band before is kept, so that farther never takes less time.
    """
    uphill = np.where(mountains, MOUNTAINS, 1.0)
    seconds, metres = np.zeros(straight.shape), np.zeros(straight.shape)
    beginning = 0.0
    for band in BANDS:
        for part in (np.minimum(straight, beginning), np.minimum(straight, band.metres)):
            road = np.where(straight > beginning, part * band.winding * uphill, 0.0)
            metres = np.maximum(metres, road)
            seconds = np.maximum(seconds, road / (band.km_per_hour / 3.6))
        beginning = band.metres
    return np.rint(seconds), np.rint(metres)


def straight_lines(here: int, angles: Numbers) -> Numbers:
    """Metres from one place to all, on geopy's sphere, by the haversine formula (Sinnott 1984).

    `angles`: a row of latitude and longitude in radians for each place; `here`: the number of a row.
    `geopy.distance.great_circle` is the same for one pair; a thousand stops have half a million pairs.
    """
    latitude, longitude = angles.T
    along = np.cos(latitude[here]) * np.cos(latitude)
    north, east = latitude - latitude[here], longitude - longitude[here]
    chord = np.sin(north / 2) ** 2 + along * np.sin(east / 2) ** 2
    metres: Numbers = 2_000.0 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return metres


class GreatCircleTravel:
    """The travel port from coordinates alone; symmetric, exact zero on the diagonal."""

    def matrix(self, points: Sequence[Point]) -> TravelMatrix:
        """All legs between `points` as estimates."""
        angles = radians(points)
        high = np.array([point.mountains for point in points], dtype=bool)
        seconds, metres = [], []
        for row in range(len(points)):
            times, roads = legs(straight_lines(row, angles), high | high[row])
            seconds.append(tuple(times.astype(int).tolist()))
            metres.append(tuple(roads.astype(int).tolist()))
        return TravelMatrix(tuple(seconds), tuple(metres), "estimate")


def radians(points: Sequence[Point]) -> Numbers:
    """A row of latitude and longitude for each point."""
    degrees = [(point.latitude, point.longitude) for point in points]
    angles: Numbers = np.radians(np.array(degrees, dtype=float).reshape(-1, 2))
    return angles
