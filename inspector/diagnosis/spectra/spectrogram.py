"""Power over time and frequency, and how far a line stands above what is around it. Shared by all rooms of this folder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]
Samples = NDArray[np.float32]
"""A signal brought to mean 0 and power 1: in single precision its transforms cost half, whatever the unit it came in."""


def decibel(power: float | np.floating) -> float:
    """Return 10 log10 of a power, -300 dB at the least."""
    return 10.0 * float(np.log10(max(float(power), 1e-30)))


@dataclass(frozen=True, slots=True)
class Spectrogram:
    """Power per frame and frequency, scaled so that the sum over a frame is its mean square."""

    hz: Array
    frames: Array
    """(frames, frequencies)."""
    frame_s: float
    hop_s: float

    @classmethod
    def of(cls, signal: Samples, rate_hz: float, power: float) -> Spectrogram:
        """Return frames of about an eighth of a second, overlapping by half; `power` is that of the signal as it came."""
        length = min(1 << max(6, round(np.log2(rate_hz / 8))), len(signal))
        hop = max(1, length // 2)
        window = np.hanning(length + 1)[:-1].astype(np.float32)
        lines = fft.rfft(sliding_window_view(signal, length)[::hop] * window, axis=1)
        frames = (lines.real**2 + lines.imag**2).astype(np.float64) * (2.0 * power / (length * float(np.sum(window**2))))
        return cls(fft.rfftfreq(length, 1 / rate_hz), frames, length / rate_hz, hop / rate_hz)

    def within(self, low_hz: float, high_hz: float) -> slice:
        """Return the frequencies from `low_hz` up to `high_hz`."""
        start, stop = np.searchsorted(self.hz, (low_hz, high_hz))
        return slice(int(start), int(stop))


def above_background(level_db: Array, block: int) -> Array:
    """Return how far each line stands above the median of its neighbourhood, along the last axis."""
    count = level_db.shape[-1] // block
    if count < 2:
        return np.asarray(level_db - np.median(level_db, axis=-1, keepdims=True))
    blocks = np.median(level_db[..., : count * block].reshape(*level_db.shape[:-1], count, block), axis=-1)
    centres = (np.arange(count) + 0.5) * block
    places = np.arange(level_db.shape[-1])
    if level_db.ndim == 1:
        return np.asarray(level_db - np.interp(places, centres, blocks))
    return np.asarray(level_db - np.stack([np.interp(places, centres, row) for row in blocks]))
