"""What of a sound, a vibration or a series drove the decision: integrated gradients through the same trunk, in hertz and seconds.

Integrated gradients (Sundararajan et al., 2017) from the mean good part to this one: what is added up is the way from "good" to what
the decision was, so the numbers sum to the difference. A plain gradient at the part itself is near zero where the network is sure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspector.features import Meaning, Vectors, meanings
from inspector.parts import Attribution, Modality, Text

Array = NDArray[np.float32]
Numbers = Mapping[str, tuple[Array, Array]]
"""Channel -> its summary (S,) and its steps (N, D); for several parts with a dimension in front."""
Gradients = Callable[[Numbers], Numbers]
"""Channels of several parts -> what each number adds to the decision as log odds, for each part."""

PATH_POINTS = 8
LEAST_SHARE = 0.05
MOST_NAMED = 4
WINDOW_MASS = 0.6
"""The band and the span that are named hold this share of what their channel says."""
LEAST_TOLD = 0.2
"""With less of a channel's part in the decision than this tied to a time, or a band, none is named."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """How much each number of a channel added to the decision: `summary` (S,), `steps` (N, D)."""

    summary: Array
    steps: Array

    @property
    def total(self) -> float:
        return float(self.summary.sum() + self.steps.sum())


def contributions(gradients: Gradients, here: Numbers, good: Numbers) -> dict[str, Contribution]:
    """Return what each channel of a part, as it is `here`, that `good` has a mean of added to the decision."""
    ways = {
        channel: (_way(summary, good[channel][0]), _way(steps, good[channel][1]))
        for channel, (summary, steps) in here.items()
        if channel in good
    }
    if not ways:
        return {}
    path = {channel: (_path(here[channel][0], way[0]), _path(here[channel][1], way[1])) for channel, way in ways.items()}
    found = gradients(path)
    return {channel: Contribution(_added(way[0], found[channel][0]), _added(way[1], found[channel][1])) for channel, way in ways.items()}


def _way(here: Array, mean: Array) -> Array:
    """Return the way from the good mean to the part; none where one side knows nothing."""
    return np.asarray(np.nan_to_num(here - mean), dtype=np.float32)


def _path(here: Array, way: Array) -> Array:
    """Return points along a way; what one side does not know stays as it is."""
    along = (np.arange(PATH_POINTS, dtype=np.float32) + np.float32(0.5)) / np.float32(PATH_POINTS)
    return np.asarray(here - way + along.reshape(-1, *[1] * here.ndim) * way, dtype=np.float32)


def _added(way: Array, gradient: Array) -> Array:
    return np.asarray(way * np.nan_to_num(gradient).mean(axis=0), dtype=np.float32)


def attributions(
    found: Mapping[str, Contribution], vectors: Mapping[str, Vectors], names: Mapping[str, str], weights: Mapping[Modality, float]
) -> tuple[Attribution, ...]:
    """Return what drove the decision, largest share first. `names`: channel of the model -> as the part calls it.

    A modality's weight in the verdict is split over its channels by what each added.
    """
    spoke: dict[Modality, float] = {}
    for channel, added in found.items():
        modality = vectors[names[channel]].modality
        spoke[modality] = spoke.get(modality, 0.0) + max(added.total, 0.0)
    told = []
    for channel, added in found.items():
        name = names[channel]
        modality = vectors[name].modality
        if added.total > 0:
            told.append(_attribution(name, vectors[name], added, weights.get(modality, 0.0) * added.total / spoke[modality]))
    return tuple(sorted((one for one in told if one.share >= LEAST_SHARE), key=lambda one: -one.share)[:MOST_NAMED])


def _attribution(channel: str, vectors: Vectors, added: Contribution, share: float) -> Attribution:
    known = meanings(vectors.modality)
    steps = len(added.steps)
    numbers = [*zip(known.summary, added.summary.tolist(), strict=True)]
    numbers += [
        (Meaning(meaning.band_hz, meaning.beat_hz, (step / steps, (step + 1) / steps)), value)
        for step in range(steps)
        for meaning, value in zip(known.step, added.steps[step].tolist(), strict=True)
    ]
    spectral = [(m.band_hz, value) for m, value in numbers if not m.beat_hz]
    band_hz = _window({band: 0.0 for band, _ in spectral if band}, spectral)
    beat_hz = _window({m.beat_hz: 0.0 for m, _ in numbers if m.beat_hz}, [(m.beat_hz, v) for m, v in numbers])
    span = _window({m.span: 0.0 for m, _ in numbers if m.span != (0.0, 1.0)}, [(m.span, v) for m, v in numbers]) or (0.0, 1.0)
    start_s, width_s = _time(vectors)
    at_s = (start_s + span[0] * width_s, start_s + span[1] * width_s)
    return Attribution(channel, vectors.modality, share, *at_s, band_hz, _text(channel, band_hz, beat_hz, at_s))


def _window(
    masses: dict[tuple[float, float] | None, float], numbers: list[tuple[tuple[float, float] | None, float]]
) -> tuple[float, float] | None:
    """Return the least run of neighbouring intervals, grown from the strongest, that holds `WINDOW_MASS` of what speaks for a defect.

    None where the intervals together hold too little of what all numbers say.
    """
    whole = sum(max(value, 0.0) for _, value in numbers)
    for interval, value in numbers:
        if interval in masses:
            masses[interval] += value
    ordered = sorted((interval, max(mass, 0.0)) for interval, mass in masses.items() if interval is not None)
    total = sum(mass for _, mass in ordered)
    if not ordered or total < max(LEAST_TOLD * whole, 1e-9):
        return None
    low = high = max(range(len(ordered)), key=lambda place: ordered[place][1])
    held = ordered[low][1]
    while held < WINDOW_MASS * total:
        left = ordered[low - 1][1] if low > 0 else -1.0
        right = ordered[high + 1][1] if high + 1 < len(ordered) else -1.0
        low, high, held = (low - 1, high, held + left) if left > right else (low, high + 1, held + right)
    return ordered[low][0][0], max(interval[1] for interval, _ in ordered[low : high + 1])


def _time(vectors: Vectors) -> tuple[float, float]:
    """Return when the window starts and how long it is, from the middles of its steps."""
    offsets_s = vectors.offsets_s.astype(float)
    step_s = float(offsets_s[1] - offsets_s[0]) if len(offsets_s) > 1 else 0.0
    return float(offsets_s[0]) - step_s / 2, step_s * len(offsets_s)


def _text(channel: str, band_hz: tuple[float, float] | None, beat_hz: tuple[float, float] | None, at_s: tuple[float, float]) -> Text:
    band = f" {_hertz(band_hz)}" if band_hz else ""
    when = f"{at_s[0]:+.2f} … {at_s[1]:+.2f} s".replace("-", "−")
    beating = (f", beating at {_hertz(beat_hz)}", f"，以 {_hertz(beat_hz)} 起伏") if beat_hz else ("", "")
    name = channel.replace("_", " ")
    return Text(f"{name}{band} at {when}{beating[0]}", f"{name}{band}，{when}{beating[1]}")


def _hertz(band_hz: tuple[float, float]) -> str:
    low, high = band_hz
    return f"{low / 1000:.2g}–{high / 1000:.2g} kHz" if high >= 1000 else f"{low:.3g}–{high:.3g} Hz"
