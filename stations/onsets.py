"""Find in tracks when something happened, and by how much the same happening lies apart in two of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stations.tracks import Instants, Track

Floats = NDArray[np.float64]

APART_NS = 500_000_000
"""What follows sooner belongs to the same event: it rings, or the lamp goes out again."""
ABOVE_NOISE = 8.0
"""Standard deviations of the channel's usual unrest that an event must exceed..."""
ABOVE_RATIO = 0.2
"""...and this share of the third largest event, so that small bumps do not count."""
EVENTS = 3
"""Fewer prove nothing."""
SLACK_NS = 5_000_000
"""How far apart the same latency may show from event to event, beyond the time between two readings."""
LEAST_OFFSET_NS, LARGEST_OFFSET_NS = -1_000_000_000, 10_000_000_000
USUAL_PAUSES = 3.5
GRID_NS = 5_000_000
ALIKE_RATIO = 0.8
"""Peaks of which the lower has so much of the height of the highest may be the same."""


@dataclass(frozen=True, slots=True)
class Offset:
    """By how much a channel lags behind another, as so many events agree."""

    offset_ns: float
    spread_ns: float
    events: int


@dataclass(frozen=True, slots=True)
class Peak:
    """Where a channel is at its liveliest after a trigger, as so many parts agree; `others_ns` are nearly as lively."""

    lag_ns: float
    spread_ns: float
    parts: int
    others_ns: list[float]


def onsets(track: Track) -> Instants:
    """Return (n, 2): spans in which an event began, one a reading long: when in it cannot be told."""
    start_ns, end_ns, level = _unrest(track)
    if len(level) == 0:
        return np.empty((0, 2), np.int64)
    usual = float(np.median(level))
    floor = usual + ABOVE_NOISE * 1.4826 * float(np.median(np.abs(level - usual)))
    heights = sorted((float(level[group].max()) for group in _groups(start_ns, level > floor)), reverse=True)
    if not heights:
        return np.empty((0, 2), np.int64)
    height = heights[min(EVENTS, len(heights)) - 1]
    firsts = [group[0] for group in _groups(start_ns, level > max(floor, usual + ABOVE_RATIO * (height - usual)))]
    return np.stack([start_ns[firsts], end_ns[firsts]], axis=1)


def _groups(start_ns: Instants, is_high: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the indices of each event."""
    high = np.flatnonzero(is_high)
    return np.split(high, np.flatnonzero(np.diff(start_ns[high]) > APART_NS) + 1) if len(high) else []


def _unrest(track: Track) -> tuple[Instants, Instants, Floats]:
    """Return how much happens, and in which spans: of a state from one reading to the next."""
    if track.is_level:
        return track.start_ns, track.end_ns, track.values[:, 0].astype(np.float64)
    return track.start_ns[:-1], track.start_ns[1:], np.abs(np.diff(track.values, axis=0)).mean(axis=1, dtype=np.float64)


def offset_between(reference: Instants, events: Instants) -> Offset | None:
    """Return the offset on which most events agree, None where there are none; missed and foreign events do not disturb it.

    Two events that are one and the same bound the offset by a span: the one began within a span of its channel, the other within
    another. The offset lies where most such spans overlap: in what all of those share, or at their median where it jitters more
    than that. The spread is half of what they share, or their scatter.
    """
    low_ns = (events[:, :1] - reference[None, :, 1]).ravel().astype(np.float64)
    high_ns = (events[:, 1:] - reference[None, :, 0]).ravel().astype(np.float64)
    middle_ns = (low_ns + high_ns) / 2
    possible = (middle_ns >= LEAST_OFFSET_NS) & (middle_ns <= LARGEST_OFFSET_NS)
    low_ns, high_ns, middle_ns = low_ns[possible], high_ns[possible], middle_ns[possible]
    if len(low_ns) == 0:
        return None
    at_ns = np.concatenate([low_ns, high_ns, middle_ns])
    votes = ((low_ns - SLACK_NS <= at_ns[:, None]) & (at_ns[:, None] <= high_ns + SLACK_NS)).sum(axis=1)
    best = at_ns[votes == votes.max()]
    best_ns = best[np.argmin(np.abs(best))]
    agree = (low_ns - SLACK_NS <= best_ns) & (best_ns <= high_ns + SLACK_NS)
    least_ns, most_ns = float(low_ns[agree].max()), float(high_ns[agree].min())
    if least_ns <= most_ns:
        return Offset((least_ns + most_ns) / 2, (most_ns - least_ns) / 2, int(agree.sum()))
    offset_ns = float(np.median(middle_ns[agree]))
    spread_ns = 1.4826 * float(np.median(np.abs(middle_ns[agree] - offset_ns)))
    return Offset(offset_ns, spread_ns, int(agree.sum()))


def peak_after(track: Track, triggers_ns: Instants, least_ns: int, most_ns: int) -> Peak | None:
    """Return where the activity, averaged over the parts, peaks between `least_ns` and `most_ns` after the trigger.

    None where it does not stand out, or too few parts show it.
    """
    grid_ns = np.arange(least_ns, most_ns + 1, GRID_NS)
    rows = _activity_at(track, triggers_ns[:, None] + grid_ns)
    rows = rows[np.isfinite(rows).any(axis=1)]
    seen = np.isfinite(rows).sum(axis=0) >= max(EVENTS, len(rows) // 2)
    if not seen.any():
        return None
    rows, grid_ns = rows[:, seen], grid_ns[seen]
    mean = np.nanmean(rows, axis=0)
    usual = float(np.median(mean))
    (first, last), *others = _summits(mean, usual)
    height = float(mean[first : last + 1].max())
    reach = max(last - first, 3)
    near = slice(max(0, first - reach), last + reach + 1)
    own_ns = [_own_peak_ns(row[near], usual, height, grid_ns[near]) for row in rows]
    found_ns = np.array([t_ns for t_ns in own_ns if t_ns is not None])
    noise = 1.4826 * float(np.median(np.abs(mean - usual)))
    stands_out = height - usual > ABOVE_NOISE / 2 * noise and last - first < len(mean) / 2
    if len(found_ns) < max(EVENTS, len(rows) / 2) or not stands_out:
        return None
    spread_ns = 1.4826 * float(np.median(np.abs(found_ns - np.median(found_ns))))
    return Peak(
        lag_ns=float(grid_ns[first] + grid_ns[last]) / 2,
        spread_ns=spread_ns,
        parts=len(found_ns),
        others_ns=[float(grid_ns[one] + grid_ns[other]) / 2 for one, other in others],
    )


def _activity_at(track: Track, t_ns: Instants) -> Floats:
    """Return how far the channel is from its usual at each instant; NaN where nothing is known."""
    start_ns, end_ns = track.start_ns, track.end_ns
    if track.is_level:
        activity = track.values[:, 0].astype(np.float64)
    else:
        activity = np.abs(track.values - np.median(track.values, axis=0)).mean(axis=1, dtype=np.float64)
        half_ns = np.diff(start_ns) // 2
        usual_ns = int(np.median(half_ns)) if len(half_ns) else 0
        half_ns = np.minimum(half_ns, round(USUAL_PAUSES * usual_ns))
        start_ns, end_ns = start_ns - np.insert(half_ns, 0, usual_ns), start_ns + np.append(half_ns, usual_ns)
    row = np.searchsorted(start_ns, t_ns, side="right") - 1
    known = (row >= 0) & (t_ns < end_ns[row])
    return np.where(known, activity[row], np.nan)


def _summits(mean: Floats, usual: float) -> list[tuple[int, int]]:
    """Return the stretches above half the height of their summit: the highest, then others nearly as high, as parts at even distances
    give them.
    """
    left, summits = mean.copy(), []
    enough = usual + ALIKE_RATIO * (mean.max() - usual)
    while left.max() >= enough and left.max() > usual:
        first, last = _half_height(left, usual, int(np.argmax(left)))
        summits.append((first, last))
        left[first : last + 1] = usual
    return summits or [(0, len(mean) - 1)]


def _half_height(curve: Floats, usual: float, at: int) -> tuple[int, int]:
    """Return the ends of the stretch around `at` that is above half of its height."""
    low = np.flatnonzero(~(curve - usual > (curve[at] - usual) / 2))
    before, after = low[low < at], low[low > at]
    return int(before[-1]) + 1 if len(before) else 0, int(after[0]) - 1 if len(after) else len(curve) - 1


def _own_peak_ns(row: Floats, usual: float, height: float, grid_ns: Instants) -> float | None:
    """Return where one part's activity peaks near the peak of all; None where it does not."""
    if not np.isfinite(row).any() or np.nanmax(row) - usual < (height - usual) / 2:
        return None
    first, last = _half_height(row, usual, int(np.nanargmax(row)))
    return float(grid_ns[first] + grid_ns[last]) / 2
