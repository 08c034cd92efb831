"""What `extract` hands to the fusion model: plain arrays per channel, and how far each channel can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspector.parts import Modality, PartRecord

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture made ready for a network: `pixels` (H, W, 3) uint8 RGB, its long side at most `picture.LONG_SIDE_PX`."""

    pixels: NDArray[np.uint8]
    size_px: tuple[int, int]
    """(width, height) of the picture as it was taken; heat maps and boxes are given in these pixels."""
    offset_s: float


@dataclass(frozen=True, slots=True)
class Vectors:
    """A waveform or series as numbers of fixed length, whatever its rate and duration.

    `summary` (S,) describes the whole window. `steps` (N, D) describes N equal spans of it, `offsets_s` (N,) their middles relative to
    the trigger. NaN marks what this signal cannot tell, e.g. a band above its Nyquist frequency.
    """

    modality: Modality
    summary: Array
    steps: Array
    offsets_s: Array


@dataclass(frozen=True, slots=True)
class Features:
    """One part as the fusion model reads it."""

    record: PartRecord
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    vectors: Mapping[str, Vectors] = field(default_factory=dict)
    quality: Mapping[str, float] = field(default_factory=dict)
    """0 (worthless) to 1 per present channel, by what the signal alone shows."""
    degraded: Mapping[str, str] = field(default_factory=dict)
    """Channel -> why it is missing or bad, in words; holds what `align` found, too."""
    indicators: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Channel -> named quality measures; a model compares them with what it saw in training."""
