"""Power over time and frequency, and how far a line stands above what is around it. Shared by all rooms of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

from inspector.diagnosis.medians import medians

Array = NDArray[np.float64]
Samples = NDArray[np.float32]
"""A signal brought to mean 0 and power 1: in single precision its transforms cost half, whatever the unit it came in."""


def decibel(power: float | np.floating) -> float:
    """Return 10 log10 of a power, -300 dB at the least."""
    return 10.0 * float(np.log10(max(float(power), 1e-30)))


@dataclass(frozen=True, slots=True)
class Whole:
    """The one transform of a whole signal, from which several readers take what they need."""

    lines: NDArray[np.complex64]
    count: int
    """Samples of the signal."""
    rate_hz: float

    @classmethod
    def of(cls, signal: Samples, rate_hz: float) -> Whole:
        return cls(fft.rfft(signal), len(signal), rate_hz)

    def above(self, low_hz: float) -> Samples:
        """Return the signal without what lies below a frequency."""
        kept = self.lines.copy()
        kept[: int(low_hz * self.count / self.rate_hz)] = 0
        return np.asarray(fft.irfft(kept, self.count, overwrite_x=True))

    def lowest_under_hann(self, bins: int) -> NDArray[np.complex64]:
        """Return the lowest lines of the signal under a Hann window, which is a sum of three lines of the signal without one."""
        before = np.concatenate([self.lines[1:2].conj(), self.lines[: bins - 1]])
        return np.asarray(self.lines[:bins] / 2 - (before + self.lines[1 : bins + 1]) / 4)


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
        frames = np.multiply(power_of(lines), 2.0 * power / (length * float(np.sum(window**2))), dtype=np.float64)
        return cls(fft.rfftfreq(length, 1 / rate_hz), frames, length / rate_hz, hop / rate_hz)

    def within(self, low_hz: float, high_hz: float) -> slice:
        """Return the frequencies from `low_hz` up to `high_hz`."""
        start, stop = np.searchsorted(self.hz, (low_hz, high_hz))
        return slice(int(start), int(stop))


def power_of(lines: NDArray[np.complex64]) -> Samples:
    """Return the squared magnitudes."""
    power = np.square(lines.real)
    power += np.square(lines.imag)
    return power


def block_means(values: Samples, block: int) -> Samples:
    """Return the means of whole blocks along the last axis: few strides over all, as numpy is slow at many short sums."""
    whole = values[..., : values.shape[-1] // block * block]
    total = whole[..., ::block].copy()
    for place in range(1, block):
        total += whole[..., place::block]
    total /= np.float32(block)
    return total


def above_background(level_db: Array, block: int) -> Array:
    """Return how far each line stands above the median of its neighbourhood, along the last axis."""
    lines = level_db.shape[-1]
    count = lines // block
    if count < 2:
        return np.asarray(level_db - medians(level_db, axis=-1)[..., None])
    blocks = medians(level_db[..., : count * block].reshape(*level_db.shape[:-1], count, block), axis=-1)
    left, part = _between(lines, block)
    return np.asarray(level_db - (blocks[..., left] * (1 - part) + blocks[..., left + 1] * part))


@lru_cache(maxsize=64)
def _between(lines: int, block: int) -> tuple[NDArray[np.intp], Array]:
    """Return after which block's centre each line lies, and how far on the way to the next; beyond the outer ones it lies on them."""
    place = np.clip((np.arange(lines) + 0.0) / block - 0.5, 0, lines // block - 1)
    left = np.minimum(place.astype(np.intp), lines // block - 2)
    return left, place - left
