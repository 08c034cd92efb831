"""What changed first: the order of breaks over several channels, and by how much one channel follows another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inspector.diagnosis.changepoints import BINS
from inspector.diagnosis.measurements import Measurement, Measurements
from inspector.diagnosis.medians import median

_F = NDArray[np.float64]

_FEWEST = 24
_BY_CHANCE = 4.5
"""A correlation counts from so many times 1 / sqrt(n): about one in a thousand comes so far by chance at one of a hundred lags."""


@dataclass(frozen=True, slots=True)
class Onset:
    """When a channel left its course: after `from_s`, and at `to_s` at the latest."""

    channel: str
    from_s: float
    to_s: float

    @property
    def at_s(self) -> float:
        return (self.from_s + self.to_s) / 2


@dataclass(frozen=True, slots=True)
class Lag:
    """By how much one series follows another (below 0: comes before it), and how alike they then are (-1 to 1)."""

    lag_s: float
    alike: float


def in_order(onsets: Mapping[str, tuple[float, float]]) -> tuple[Onset, ...]:
    """Return who left its course, the first first; of two within one sampling step the one that is dated later at the latest is behind."""
    return tuple(sorted((Onset(name, *span) for name, span in onsets.items()), key=lambda onset: (onset.at_s, onset.to_s, onset.channel)))


def what_changed_first(rows: Measurements, onset: str, lag: str) -> dict[str, Measurement]:
    """Return how long after the first channel that left its course each other one left its own, from the quantities called `onset`."""
    began = {row.channel: row for row in rows.values() if row.kind == onset}
    ordered = in_order({name: (row.start_s, row.end_s) for name, row in began.items()})
    found = {}
    for other in ordered[1:]:
        first, own = ordered[0], began[other.channel]
        row = replace(own, kind=lag, value=other.at_s - first.at_s, start_s=first.from_s, end_s=other.to_s, of=first.channel)
        found[row.key] = row
    return found


def lag_between(leader: tuple[_F, _F], follower: tuple[_F, _F], most_s: float) -> Lag | None:
    """Return by how much the movements of `follower` come after those of `leader`, at most `most_s` either way; None where none do.

    Each is (times in s, values), ascending and finite; they need no common clock tick. What is compared is the change from value to
    value, so that two series which merely both drift do not pass for cause and effect.
    """
    start, end = max(leader[0][0], follower[0][0]), min(leader[0][-1], follower[0][-1])
    steps = [median(np.diff(t)) for t, _ in (leader, follower) if len(t) > 1]
    if end <= start or len(steps) < 2 or max(steps) <= 0:
        return None
    step_s = max(*steps, (end - start) / (4 * BINS))
    grid = np.arange(start, end + step_s / 2, step_s)
    if len(grid) < _FEWEST:
        return None
    one, other = (_movement(np.interp(grid, t, values)) for t, values in (leader, follower))
    if one is None or other is None:
        return None
    return _strongest(one, other, step_s, min(most_s, (end - start) / 3))


def _movement(values: _F) -> _F | None:
    """Return the changes from value to value, strays clipped, of length one; None of what stands still."""
    moves = np.diff(values)
    moves = moves - median(moves)
    usual = median(np.abs(moves[moves != 0])) if np.any(moves) else 0.0
    moves = np.clip(moves, -8 * usual, 8 * usual)
    size = float(np.sqrt(np.sum(moves**2)))
    return moves / size if size > 0 else None


def _strongest(one: _F, other: _F, step_s: float, most_s: float) -> Lag | None:
    count = len(one)
    most = min(int(most_s / step_s), count - 2)
    length = 1 << (2 * count - 1).bit_length()
    product = np.fft.irfft(np.conj(np.fft.rfft(one, length)) * np.fft.rfft(other, length), length)
    alike = np.r_[product[length - most :], product[: most + 1]] if most > 0 else product[:1]
    best = int(np.argmax(np.abs(alike)))
    if abs(alike[best]) < _BY_CHANCE / math.sqrt(count):
        return None
    return Lag((best - most + _between(np.abs(alike), best)) * step_s, float(alike[best]))


def _between(heights: _F, best: int) -> float:
    """Return where between the samples the top of the parabola through three heights lies, -0.5 to 0.5."""
    if not 0 < best < len(heights) - 1:
        return 0.0
    left, top, right = heights[best - 1 : best + 2]
    curve = left - 2 * top + right
    return float(np.clip(0.5 * (left - right) / curve, -0.5, 0.5)) if curve < 0 else 0.0
