"""Where a series leaves its course: a jump, or a bend of its slope, that noise does not make.

A stretch of the series is one straight line, or two with a break between; how much better two fit, in units of the noise, is chi-squared
with two degrees of freedom where there is no break. Stretches are the seeded intervals of Kovács et al., Seeded binary segmentation
(Biometrika 2023), and the narrowest that shows a break counts (Baranowski et al., Narrowest-over-threshold, JRSS B 2019): it holds one
break and little else. The noise is measured between blocks of several lengths, so that what wanders slowly is not taken for a break.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inspector.diagnosis.medians import median

_F = NDArray[np.float64]
_I = NDArray[np.intp]

BINS = 160
"""Series of more than twice as many values are cut into so many equal spans, each its mean."""
FEWEST = 12
_MARGIN = 4
"""Fewest values of a line."""
BY_CHANCE = 0.01
"""How often a series without a break shows one."""
_BLOCKS = (1, 2, 4, 8)
_FEW = 10
"""From few values the noise comes out too small now and then: of 20 it is taken for half as large again."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """One break: the course before it ends at `from_s`, the course after it begins at `to_s`."""

    from_s: float
    to_s: float
    jump: float
    """How far the course after it starts from where the one before it would have gone."""
    bend: float
    """By how much the slope grew, per second."""
    chance: float
    """How large a break that noise makes once in a hundred series would be, as a share of this one."""


def change_points(t_s: _F, values: _F) -> tuple[ChangePoint, ...]:
    """Return the breaks of a series in time order; `t_s` ascends and everything is finite. Fewer than 12 values have none."""
    every_s, every = t_s, values
    t_s, values = binned(t_s, values, BINS)
    if len(values) < FEWEST or t_s[-1] <= t_s[0]:
        return ()
    smooth = _without_spikes(values)
    noise = _noise(smooth)
    if noise <= 0:
        return ()
    sums = _sums(t_s, smooth)
    limit = 2 * math.log(len(values) * math.log2(len(values)) / BY_CHANCE)
    places = _settled(sums, _narrowest(sums, noise, limit), noise, limit)
    if places:
        noise = max(noise, _wander(t_s, smooth, places))
        places = _settled(sums, places, noise, limit)
    edges = [0, *places, len(values)]
    samples = _Samples(t_s, smooth, every_s, every)
    heights = [_best(sums, edges[k - 1], edges[k + 1], noise)[1] for k in range(1, len(edges) - 1)]
    return tuple(
        samples.broken(edges[k], edges[k + 1], edges[k + 2], math.sqrt(limit / max(height, limit))) for k, height in enumerate(heights)
    )


@dataclass(frozen=True, slots=True)
class _Samples:
    """A series as it was looked at, and every sample of it."""

    t_s: _F
    values: _F
    every_s: _F
    every: _F

    def broken(self, start: int, at: int, end: int, chance: float) -> ChangePoint:
        """Return the break at a place. Where values are means of several samples, those beside it hold both courses: they only date it."""
        aside = int(len(self.every_s) > len(self.t_s))
        before = _line(self.t_s[start : at - aside], self.values[start : at - aside])
        after = _line(self.t_s[at + aside : end], self.values[at + aside : end])
        from_s, to_s = float(self.t_s[at - 1]), float(self.t_s[at])
        if aside:
            from_s, to_s = self._dated(from_s - (to_s - from_s), to_s + (to_s - from_s), before, after)
        middle = (from_s + to_s) / 2
        jump = (after[0] + after[1] * middle) - (before[0] + before[1] * middle)
        return ChangePoint(from_s, to_s, jump, after[1] - before[1], chance)

    def _dated(self, low_s: float, high_s: float, before: tuple[float, float], after: tuple[float, float]) -> tuple[float, float]:
        """Return the samples between which the two lines tell best that one ends and the other begins."""
        first, last = np.searchsorted(self.every_s, (low_s, high_s))
        t_s, values = self.every_s[first:last], self.every[first:last]
        if len(t_s) < 2:
            return low_s, high_s
        worse = (values - before[0] - before[1] * t_s) ** 2 - (values - after[0] - after[1] * t_s) ** 2
        at = int(np.argmin(np.cumsum(worse)[:-1]))
        return float(t_s[at]), float(t_s[at + 1])


def binned(t_s: _F, values: _F, bins: int) -> tuple[_F, _F]:
    """Return the means over `bins` equal spans of time, an empty span gives none; up to two values a span come back as they are."""
    if len(values) <= 2 * bins or t_s[-1] <= t_s[0]:
        return t_s, values
    place = np.minimum(((t_s - t_s[0]) * (bins / (t_s[-1] - t_s[0]))).astype(np.intp), bins - 1)
    starts = np.flatnonzero(np.diff(place, prepend=-1) > 0)
    counts = np.diff(starts, append=len(values))
    return np.asarray(np.add.reduceat(t_s, starts) / counts), np.asarray(np.add.reduceat(values, starts) / counts)


def _without_spikes(values: _F) -> _F:
    """Return the running median of three: one stray value is no course."""
    smooth = values.copy()
    low, high = np.minimum(values[:-2], values[2:]), np.maximum(values[:-2], values[2:])
    np.minimum(np.maximum(values[1:-1], low), high, out=smooth[1:-1])
    return smooth


def _noise(values: _F) -> float:
    """Return the standard deviation of the noise as it counts for means of several values: the most that any block length shows."""
    found = 0.0
    for block in _BLOCKS:
        count = len(values) // block
        if count < FEWEST:
            break
        means = values[: count * block].reshape(count, block).mean(axis=1)
        second = np.sort(np.abs(means[:-2] - 2 * means[1:-1] + means[2:]))
        most = int(0.95 * (len(second) - 1))
        # of a normal law the mean absolute value, what lies beyond 95 % counting as that, is 0.779; the variance of a second difference 6
        capped = float(second[:most].sum() + second[most] * (len(second) - most)) / len(second)
        found = max(found, capped / 0.779 * math.sqrt(block / 6))
    steps = np.abs(np.diff(values))
    steps = steps[steps > 1e-12 * max(float(np.abs(values).max()), 1e-300)]
    # a reading that stands still between the steps of its converter is not free of noise
    found = max(found, float(steps.min()) / math.sqrt(12)) if len(steps) else 0.0
    return found * (1 + _FEW / len(values))


def _wander(t_s: _F, values: _F, places: list[int]) -> float:
    """Return the noise about the lines as it counts for means: more than it looks where each value is like the one before it."""
    edges = [0, *places, len(values)]
    rest = np.empty_like(values)
    for start, end in pairwise(edges):
        level, slope = _line(t_s[start:end], values[start:end])
        rest[start:end] = values[start:end] - level - slope * t_s[start:end]
    free = len(values) - 2 * (len(edges) - 1)
    variance = float(np.sum(rest**2)) / max(free, 1)
    # what the lines took away makes the rest look less alike: about 4 / n for each line (Marriott and Pope, Biometrika 1954)
    alike = float(np.sum(rest[1:] * rest[:-1]) / max(float(np.sum(rest**2)), 1e-300)) + 4 * (len(edges) - 1) / len(values)
    alike = min(max(alike, 0.0), 0.97)
    return math.sqrt(variance * (1 + alike) / (1 - alike))


# --- lines through stretches, from running sums ------------------------------------------------------------------------------------


def _sums(t_s: _F, values: _F) -> _F:
    """Return (6, n + 1): running sums of 1, t, y, tt, ty, yy, of centred and scaled time."""
    t = (t_s - t_s[0]) / (t_s[-1] - t_s[0]) - 0.5
    y = values - median(values)
    rows = np.stack([np.ones_like(t), t, y, t * t, t * y, y * y])
    return np.concatenate([np.zeros((6, 1)), np.cumsum(rows, axis=1)], axis=1)


def _rest(before: _F, after: _F) -> _F:
    """Return the squares that remain about the best line of each stretch, from the running sums (6, n) at its two ends."""
    n, t, y, tt, ty, yy = after - before
    mean = y / n
    spread = np.maximum(tt - t * t / n, 1e-12)
    return np.asarray(np.maximum(yy - y * mean - (ty - t * mean) ** 2 / spread, 0.0))


def _rest_of(sums: _F, start: int, end: int) -> float:
    """Return the same of one stretch, from `start` to before `end`: of single numbers without numpy, which is several times as quick."""
    n, t, y, tt, ty, yy = (sums[:, end] - sums[:, start]).tolist()
    mean = y / n
    return float(max(yy - y * mean - (ty - t * mean) ** 2 / max(tt - t * t / n, 1e-12), 0.0))


@dataclass(frozen=True, slots=True)
class _Stretches:
    """The seeded intervals of so many values, the narrowest first, and every place in them where a break can lie."""

    starts: _I
    ends: _I
    of: _I
    """Which stretch each place belongs to."""
    firsts: _I
    """Where each stretch's places begin."""
    at: _I


@lru_cache(maxsize=64)
def _stretches(count: int) -> _Stretches:
    """Return intervals of lengths that shrink by the square root of two, those of a layer overlapping by half."""
    starts: list[_I] = []
    ends: list[_I] = []
    length = float(count)
    while length >= 2 * _MARGIN + 2:
        whole = int(length)
        layer = np.linspace(0, count - whole, max(1, math.ceil(2 * count / whole) - 1)).astype(np.intp)
        starts.insert(0, layer)
        ends.insert(0, layer + whole)
        length /= math.sqrt(2)
    start, end = np.concatenate(starts), np.concatenate(ends)
    numbers = end - start - 2 * _MARGIN + 1
    firsts = np.cumsum(numbers) - numbers
    of = np.repeat(np.arange(len(start)), numbers)
    return _Stretches(start, end, of, firsts, start[of] + _MARGIN + np.arange(len(of)) - firsts[of])


def _narrowest(sums: _F, noise: float, limit: float) -> list[int]:
    """Return the places of breaks, those that the narrowest stretches show first."""
    all_of = _stretches(sums.shape[1] - 1)
    before, at, after = sums.take(all_of.starts, axis=1), sums.take(all_of.at, axis=1), sums.take(all_of.ends, axis=1)
    whole = _rest(before, after).take(all_of.of)
    gains = (whole - _rest(before.take(all_of.of, axis=1), at) - _rest(at, after.take(all_of.of, axis=1))) / noise**2
    heights = np.maximum.reduceat(gains, all_of.firsts)
    places: list[int] = []
    telling = np.flatnonzero(heights >= limit)
    for row in sorted(telling, key=lambda row: (all_of.ends[row] - all_of.starts[row], -heights[row])):
        start, end = int(all_of.starts[row]), int(all_of.ends[row])
        if not any(start < place < end for place in places):
            first = int(all_of.firsts[row])
            last = first + end - start - 2 * _MARGIN + 1
            places.append(int(all_of.at[first + int(gains[first:last].argmax())]))
    return sorted(places)


def _settled(sums: _F, places: list[int], noise: float, limit: float) -> list[int]:
    """Move each break to its best place between its neighbours, and keep only those that count there."""
    while places:
        edges = [0, *places, sums.shape[1] - 1]
        heights = []
        for k in range(1, len(edges) - 1):
            edges[k], height = _best(sums, edges[k - 1], edges[k + 1], noise)
            heights.append(height)
        places = edges[1:-1]
        weakest = int(np.argmin(heights))
        if heights[weakest] >= limit:
            break
        del places[weakest]
    for k in range(len(places) - 1):
        # a jump is also a steep line between two breaks: one break is believed where two say hardly more
        start, first, second, end = [0, *places, sums.shape[1] - 1][k : k + 4]
        at, height = _best(sums, start, end, noise)
        both = _rest_of(sums, start, end) - _rest_of(sums, start, first) - _rest_of(sums, first, second) - _rest_of(sums, second, end)
        if both / noise**2 - height < limit:
            return _settled(sums, [*places[:k], at, *places[k + 2 :]], noise, limit)
    return places


def _best(sums: _F, start: int, end: int, noise: float) -> tuple[int, float]:
    """Return (place, gain) of the best break of a stretch; no gain where it is too short for one."""
    inner = sums[:, start + _MARGIN : end - _MARGIN + 1]
    if end - start < 2 * _MARGIN:
        return (start + end) // 2, 0.0
    left = _rest(sums[:, start, None], inner) + _rest(inner, sums[:, end, None])
    best = int(left.argmin())
    return start + _MARGIN + best, (_rest_of(sums, start, end) - float(left[best])) / noise**2


def _line(t_s: _F, values: _F) -> tuple[float, float]:
    """Return (value at 0 s, slope per second)."""
    centre = float(t_s.sum()) / len(t_s)
    aside = t_s - centre
    spread = float(aside @ aside)
    slope = float(aside @ values) / spread if spread > 0 else 0.0
    return float(values.sum()) / len(values) - slope * centre, slope
