"""A shaft's measured speed over a window, and signals that follow it: order tracking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from inspector.diagnosis.spectra.spectrogram import Array, Samples

_PER_S = {"hz": 1.0, "1/s": 1.0, "rpm": 1 / 60, "1/min": 1 / 60, "r/min": 1 / 60, "min-1": 1 / 60}
_NEAR_S = 5.0
"""A reading further from the window says nothing of it."""
_EVEN_SHARE = 0.002
_FINER = 4
"""Before samples are taken at even angles the signal is made so many times finer, so that straight lines between them do no harm."""


@dataclass(frozen=True, slots=True)
class SpeedCurve:
    """Turns a second at instants relative to the window's start."""

    t_s: Array
    hz: Array

    @property
    def mean_hz(self) -> float:
        return float(self.hz.mean())

    @property
    def even(self) -> bool:
        """The shaft turns so evenly that its lines stay sharp."""
        return bool(np.ptp(self.hz) <= _EVEN_SHARE * self.mean_hz)


def speed_curve(t_s: Array, values: Array, unit: str, duration_s: float) -> SpeedCurve | None:
    """Return the speed over a window; `t_s` is relative to its start. None for units that are no speed, gaps, and a standing shaft."""
    per_s = _PER_S.get(unit.strip().lower())
    good = np.isfinite(values) & np.isfinite(t_s) & (t_s > -_NEAR_S) & (t_s < duration_s + _NEAR_S)
    if per_s is None or not good.any() or not duration_s > 0:
        return None
    order = np.argsort(t_s[good], kind="stable")
    at_s = np.linspace(0, duration_s, 64)
    hz = np.interp(at_s, t_s[good][order], np.abs(values[good][order]) * per_s)
    return SpeedCurve(at_s, hz) if hz.min() > 0 else None


def followed(signal: Samples, rate_hz: float, speed: SpeedCurve) -> Samples:
    """Return the signal sampled at even angles of the shaft, as many a second on the mean as before."""
    count = len(signal)
    fine = fft.irfft(fft.rfft(signal), count * _FINER) * _FINER
    t_s = np.arange(count) / rate_hz
    turns = np.concatenate([[0.0], np.cumsum(np.interp(t_s, speed.t_s, speed.hz))[:-1]]) / rate_hz
    even_s = np.interp(np.linspace(0, turns[-1], count), turns, t_s)
    return np.asarray(np.interp(even_s * rate_hz * _FINER, np.arange(len(fine)), fine), dtype=np.float32)
