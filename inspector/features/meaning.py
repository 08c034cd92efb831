"""What each number of a channel's vectors tells of, so that what drove a decision can be said in hertz and seconds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

Band = tuple[float, float]
"""Low and high edge in hertz."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One number: of a band, of how fast a band's loudness beats, of a part of the window; nothing given: of the whole signal."""

    band_hz: Band | None = None
    beat_hz: Band | None = None
    span: tuple[float, float] = (0.0, 1.0)
    """Start and end as shares of the window."""


WHOLE = Meaning()


@dataclass(frozen=True, slots=True)
class Meanings:
    """The numbers of a summary, and those of each step."""

    summary: tuple[Meaning, ...]
    step: tuple[Meaning, ...] = ()


def bands(edges_hz: Sequence[float]) -> tuple[Meaning, ...]:
    """Return the meaning of one number for each pair of neighbouring edges."""
    return tuple(Meaning(band_hz=(low, high)) for low, high in itertools.pairwise(edges_hz))


def beats(edges_hz: Sequence[float], band_hz: Band | None = None) -> tuple[Meaning, ...]:
    """Return the meaning of one number for each band of beating between neighbouring edges."""
    return tuple(Meaning(band_hz, (low, high)) for low, high in itertools.pairwise(edges_hz))
