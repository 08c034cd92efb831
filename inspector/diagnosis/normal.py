"""What is normal at this station: per quantity a robust centre and range, learnt from good parts and kept up to date.

The state is a bounded sample of good parts, one row a part. While there is room every part is kept; after that a new part replaces a
random old one, rarely enough that the sample reaches back about `_MEMORY_PARTS`. So a slow drift of the whole line becomes normal, and a
fault of some minutes does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.diagnosis.measurements import Measurement, Measurements
from inspector.diagnosis.ranges import Range, range_of, share_beyond

_ROWS = 200
_MEMORY_PARTS = 4000
_REFRESH_PARTS = 20
_FORMAT = 1
FEWEST_PARTS = 3
"""With fewer good parts a quantity has no range yet."""


class Normal:
    """Normal ranges of every quantity (`channel.kind`) of a station."""

    def __init__(self) -> None:
        self._columns: dict[str, int] = {}
        self._units: dict[str, str] = {}
        self._rows: list[NDArray[np.float64]] = []
        self._seen = 0
        self._ranges: dict[str, Range] = {}
        self._ordered: dict[str, NDArray[np.float64]] = {}
        self._stale_parts = 0

    @classmethod
    def fit(cls, measured: Iterable[Measurements]) -> Normal:
        """Return what is normal over good parts; with none of them nothing is, and only physical limits speak."""
        normal = cls()
        for measurements in measured:
            normal.update(measurements)
        normal._ranges = {}
        return normal

    @property
    def parts(self) -> int:
        """How many good parts were seen."""
        return self._seen

    def update(self, measurements: Measurements) -> None:
        """Take in one good part."""
        row = self._row(measurements)
        self._seen += 1
        if len(self._rows) < _ROWS:
            self._rows.append(row)
        else:
            # multiples of two irrationals are as even as chance here, and the same in every replay
            if self._seen * 0.6180339887498949 % 1 < max(_ROWS / self._seen, _ROWS / _MEMORY_PARTS):
                self._rows[int(self._seen * 1.4142135623730951 % 1 * _ROWS)] = row
        self._stale_parts += 1
        if self._stale_parts >= _REFRESH_PARTS or self._seen <= _REFRESH_PARTS:
            self._ranges, self._stale_parts = {}, 0

    def range_of(self, measurement: Measurement) -> Range | None:
        """Return the normal range of a quantity; None where too few good parts had it."""
        if not self._ranges and self._rows:
            self._ranges = self._all_ranges()
        return self._ranges.get(measurement.key)

    def share_beyond(self, measurement: Measurement) -> float | None:
        """Return which share of the good parts lay at least as far to this side of the centre; None where unknown."""
        known = self.range_of(measurement)
        if known is None:
            return None
        return share_beyond(self._ordered[measurement.key], known.centre, measurement.value)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        rows = [[float(f"{value:.5g}") if np.isfinite(value) else None for value in row] for row in self._rows]
        units = [self._units[key] for key in self._columns]
        return {"format": _FORMAT, "seen": self._seen, "quantities": list(self._columns), "units": units, "rows": rows}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Normal:
        """Return what `to_dict` gave. Raises KeyError, TypeError or ValueError on anything else."""
        if content["format"] != _FORMAT:
            raise ValueError(f"normal ranges of format {content['format']}, this version reads {_FORMAT}")
        normal = cls()
        normal._columns = {str(key): place for place, key in enumerate(content["quantities"])}
        normal._units = {str(key): str(unit) for key, unit in zip(content["quantities"], content["units"], strict=True)}
        normal._rows = [np.array([np.nan if value is None else float(value) for value in row]) for row in content["rows"]][:_ROWS]
        if any(len(row) > len(normal._columns) for row in normal._rows):
            raise ValueError("a row of normal values is longer than the list of quantities")
        normal._seen = max(int(content["seen"]), len(normal._rows))
        return normal

    def _row(self, measurements: Measurements) -> NDArray[np.float64]:
        for key, measurement in measurements.items():
            if key not in self._columns:
                self._columns[key] = len(self._columns)
                self._units[key] = measurement.unit
        row = np.full(len(self._columns), np.nan)
        for key, measurement in measurements.items():
            row[self._columns[key]] = measurement.value
        return row

    def _all_ranges(self) -> dict[str, Range]:
        table = np.full((len(self._rows), len(self._columns)), np.nan)
        for place, row in enumerate(self._rows):
            table[place, : len(row)] = row
        table.sort(axis=0)
        counts = np.isfinite(table).sum(axis=0)
        found = {}
        for key, column in self._columns.items():
            if counts[column] >= FEWEST_PARTS:
                self._ordered[key] = table[: counts[column], column]
                found[key] = range_of(self._ordered[key], self._units[key])
        return found
