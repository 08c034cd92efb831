"""What slow and fast series say: level, slope, step, dip and surge, ripple with its frequency, lately against before."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from inspector.diagnosis.measurements import Sheet
from inspector.diagnosis.spectra import STICK_SLIP_HZ, two_means

_F = NDArray[np.float64]

MOST_SAMPLES = 20_000
SLOPE_SHORTEST_S = 5.0
NOW_S = 1.0
"""The present level is that of the last second, or of the last twentieth of a long window."""
RIPPLE_WINDOW_S = 0.5


def measure_series(sheet: Sheet, t_s: _F, values: _F, unit: str) -> None:
    """Note every quantity that these samples allow; `t_s` is relative to the trigger. Gaps (NaN) and disorder are left out."""
    t_s, values = _usable(t_s, values)
    if len(values) == 0:
        return
    tail = max(1, len(values) // 5)
    median = float(np.median(values))
    now = max(1, min(int(np.sum(t_s >= t_s[-1] - max(NOW_S, 0.05 * (t_s[-1] - t_s[0])))), len(values)))
    sheet.note("level", float(np.median(values[-now:])), unit, span_s=(t_s[-now], t_s[-1]))
    if len(values) < 5:
        return
    _extremes(sheet, t_s, values, median, unit)
    _slope(sheet, "slope", t_s, values, unit)
    before, lately = float(np.median(values[:-tail])), float(np.median(values[-tail:]))
    sheet.note("lately", lately - before, unit, span_s=(t_s[-tail], t_s[-1]))
    _slope(sheet, "slope_lately", t_s[-tail:], values[-tail:], unit)
    head = max(1, len(values) // 10)
    first, last = float(np.median(values[:head])), float(np.median(values[-head:]))
    if abs(median) > 1e-9:
        sheet.note("change", 100 * (last - first) / abs(median), "%")
    if len(values) >= 8:
        at, size = two_means(values, margin=max(2, len(values) // 20))
        sheet.note("step", size, unit, span_s=(t_s[at], t_s[-1]))
    _ripple(sheet, t_s, values, unit)


def _usable(t_s: _F, values: _F) -> tuple[_F, _F]:
    t_s, values = np.asarray(t_s, dtype=np.float64).ravel(), np.asarray(values, dtype=np.float64).ravel()
    kept = np.isfinite(values) & np.isfinite(t_s)
    order = np.argsort(t_s[kept], kind="stable")
    return t_s[kept][order][-MOST_SAMPLES:], values[kept][order][-MOST_SAMPLES:]


def _extremes(sheet: Sheet, t_s: _F, values: _F, median: float, unit: str) -> None:
    lowest, highest = int(np.argmin(values)), int(np.argmax(values))
    sheet.note("trough", values[lowest], unit, span_s=(t_s[lowest], t_s[lowest]))
    sheet.note("peak", values[highest], unit, span_s=(t_s[highest], t_s[highest]))
    sheet.note("dip", median - values[lowest], unit, span_s=(t_s[lowest], t_s[lowest]))
    sheet.note("surge", values[highest] - median, unit, span_s=(t_s[highest], t_s[highest]))
    low, high = np.quantile(values, (0.05, 0.95))
    sheet.note("spread", float(high - low), unit)
    if abs(median) > 1e-9:
        sheet.note("dip_share", 100 * (median - values[lowest]) / abs(median), "%", span_s=(t_s[lowest], t_s[lowest]))


def _slope(sheet: Sheet, kind: str, t_s: _F, values: _F, unit: str) -> None:
    """Note the median of the slopes between the window's two halves (a Theil-Sen of distant pairs): robust and quick."""
    if len(values) < 4 or t_s[-1] - t_s[0] < SLOPE_SHORTEST_S:
        return
    half = len(values) // 2
    spans = t_s[-half:] - t_s[:half]
    valid = spans > 0
    if valid.any():
        slope = 60 * float(np.median((values[-half:] - values[:half])[valid] / spans[valid]))
        sheet.note(kind, slope, f"{unit}/min" if unit else "1/min", span_s=(t_s[0], t_s[-1]))


def _ripple(sheet: Sheet, t_s: _F, values: _F, unit: str) -> None:
    """Note what is left after the slow course is taken away, and its strongest line with the time at which it began."""
    steps = np.diff(t_s)
    step_s = float(np.median(steps))
    if len(values) < 8 or step_s <= 0:
        return
    slow = _running_mean(values, max(3, min(len(values) // 4, round(0.2 / step_s)) | 1))
    rest = values - slow
    sheet.note("ripple", float(np.std(rest)), unit)
    if 1 / step_s >= 2.5 * STICK_SLIP_HZ[0] and len(values) * step_s >= RIPPLE_WINDOW_S and np.max(steps) < 20 * step_s:
        even = np.arange(t_s[0], t_s[-1] + step_s / 2, step_s)
        _ripple_line(sheet, even, np.interp(even, t_s, rest), step_s, unit)


def _running_mean(values: _F, width: int) -> _F:
    padded = np.pad(values, width // 2, mode="edge")
    sums = np.cumsum(np.concatenate(([0.0], padded)))
    return np.asarray((sums[width:] - sums[:-width]) / width)


def _ripple_line(sheet: Sheet, t_s: _F, values: _F, step_s: float, unit: str) -> None:
    length = min(len(values), max(8, round(RIPPLE_WINDOW_S / step_s)))
    hop = max(1, length // 5)
    window = np.hanning(length + 1)[:-1]
    pieces = sliding_window_view(values, length)[::hop]
    amplitude = np.abs(np.fft.rfft((pieces - pieces.mean(axis=1, keepdims=True)) * window, 4 * length, axis=1)) * (2 / window.sum())
    hz = np.fft.rfftfreq(4 * length, step_s)
    chosen = (hz >= STICK_SLIP_HZ[0]) & (hz <= STICK_SLIP_HZ[1])
    if not chosen.any():
        return
    inside, inside_hz = amplitude[:, chosen], hz[chosen]
    row, column = np.unravel_index(int(np.argmax(inside)), inside.shape)
    value = float(inside[row, column])
    began = int(np.argmax(inside[:, column] >= 0.5 * value))
    ended = len(pieces) - 1 - int(np.argmax(inside[::-1, column] >= 0.5 * value))
    span_s = (float(t_s[began * hop]), float(t_s[min(ended * hop + length, len(t_s)) - 1]))
    sheet.note("ripple_line", value, unit, at_hz=float(inside_hz[column]), span_s=span_s)
