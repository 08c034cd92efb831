"""Which of a part's channels is which of the model's, and how far each can be trusted against what training saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inspector.features import Features
from inspector.features.quality import INDICATORS, ramp
from inspector.parts import Modality
from inspector.remarks import remark

Ranges = Mapping[str, Mapping[str, tuple[float, float]]]
"""Channel -> quality indicator -> the low and high end of what training saw (5 % and 95 %)."""

LEAST_OUTSIDE, MOST_OUTSIDE = 1.0, 4.0
"""An indicator this many widths outside its range begins to cost quality; at the second value it costs all it can."""
UNSEEN_COST = 0.8
UNSEEN_BELOW = 0.6


@dataclass(frozen=True, slots=True)
class Trust:
    """Quality per channel of the model, and why it is low."""

    quality: dict[str, float]
    degraded: dict[str, str]


def matched_channels(features: Features, modality_of: Mapping[str, Modality]) -> dict[str, str]:
    """Return model channel -> the part's channel. Names match; else the only channel of a modality stands for the model's only one."""
    present: dict[str, Modality] = {name: vector.modality for name, vector in features.vectors.items()}
    return matched_names({**dict.fromkeys(features.pictures, "image"), **present}, modality_of)


def matched_names(present: Mapping[str, Modality], modality_of: Mapping[str, Modality]) -> dict[str, str]:
    """Return model channel -> the channel among those present, by name, or as the only one of a modality on both sides."""
    matched = {name: name for name, modality in modality_of.items() if present.get(name) == modality}
    for modality in set(modality_of.values()):
        ours = [name for name, own in modality_of.items() if own == modality]
        theirs = [name for name, own in present.items() if own == modality]
        if len(ours) == len(theirs) == 1:
            matched[ours[0]] = theirs[0]
    return matched


def trust(features: Features, matched: Mapping[str, str], ranges: Ranges) -> Trust:
    """Return how far each matched channel can be trusted: its own quality, lowered where it looks unlike all that training saw."""
    quality: dict[str, float] = {}
    degraded = dict(features.degraded)
    for name, theirs in matched.items():
        factor, reason = familiarity(features.indicators.get(theirs, {}), ranges.get(name, {}))
        quality[name] = features.quality.get(theirs, 1.0) * factor
        if factor < UNSEEN_BELOW:
            degraded.setdefault(theirs, reason)
    return Trust(quality, degraded)


def familiarity(indicators: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]) -> tuple[float, str]:
    """Return by how much a channel's quality shrinks (0.2 to 1) for being worse than all that training saw, and in what."""
    worst, factor = "", 1.0
    for name, (low, high) in ranges.items():
        value, indicator = indicators.get(name), INDICATORS.get(name)
        if value is None or indicator is None:
            continue
        cost = UNSEEN_COST * ramp(indicator.outside(value, low, high), LEAST_OUTSIDE, MOST_OUTSIDE)
        if 1 - cost < factor:
            side = "{measure} below all that training saw" if value < low else "{measure} above all that training saw"
            worst, factor = remark(side, measure=name.replace("_", " ")), 1 - cost
    return factor, worst
