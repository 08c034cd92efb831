"""What slow and fast series say: level, slope, step, break and time constant, dip and surge, ripple and its frequency, lately."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from inspector.diagnosis.changepoints import BINS, BY_CHANCE, ChangePoint, binned, change_points
from inspector.diagnosis.measurements import Sheet
from inspector.diagnosis.medians import median, quantile
from inspector.diagnosis.ranges import Range
from inspector.diagnosis.settling import settling
from inspector.diagnosis.spectra import STICK_SLIP_HZ, two_means

_F = NDArray[np.float64]

RIPPLE_SAMPLES = 20_000
"""Ripple is looked for in so many of the last samples."""
SLOPE_SHORTEST_S = 5.0
NOW_S = 1.0
"""The present level is that of the last second, or of the last twentieth of a long window."""
RIPPLE_WINDOW_S = 0.5


def measure_series(sheet: Sheet, t_s: _F, values: _F, unit: str) -> None:
    """Note every quantity that these samples allow; `t_s` is relative to the trigger.

    What is no number, comes out of order or twice is put right, and how much of it there was is a quantity too.
    """
    t_s, values = _usable(sheet, t_s, values)
    if len(values) == 0:
        return
    _silence(sheet, t_s, values)
    tail = max(1, len(values) // 5)
    middle = median(values)
    now = max(1, min(int(np.sum(t_s >= t_s[-1] - max(NOW_S, 0.05 * (t_s[-1] - t_s[0])))), len(values)))
    sheet.note("level", median(values[-now:]), unit, span_s=(t_s[-now], t_s[-1]))
    if len(values) < 5:
        return
    sheet.note("mean", values.mean(), unit)
    _extremes(sheet, t_s, values, middle, unit)
    _slope(sheet, "slope", t_s, values, unit)
    before, lately = median(values[:-tail]), median(values[-tail:])
    sheet.note("lately", lately - before, unit, span_s=(t_s[-tail], t_s[-1]))
    _slope(sheet, "slope_lately", t_s[-tail:], values[-tail:], unit)
    head = max(1, len(values) // 10)
    first, last = median(values[:head]), median(values[-head:])
    if abs(middle) > 1e-9:
        sheet.note("change", 100 * (last - first) / abs(middle), "%")
    if len(values) >= 8:
        at, size = two_means(values, margin=max(2, len(values) // 20))
        sheet.note("step", size, unit, span_s=(t_s[at], t_s[-1]))
    note_breaks(sheet, t_s, values, unit)
    _ripple(sheet, t_s[-RIPPLE_SAMPLES:], values[-RIPPLE_SAMPLES:], unit)


def _usable(sheet: Sheet, t_s: _F, values: _F) -> tuple[_F, _F]:
    """Return the samples that are numbers, in time order, one for each time (the first that came)."""
    t_s, values = np.asarray(t_s, dtype=np.float64).ravel(), np.asarray(values, dtype=np.float64).ravel()
    kept = np.isfinite(values) & np.isfinite(t_s)
    if len(kept):
        sheet.note("unusable", 100 * float(np.mean(~kept)), "%")
    t_s, values = t_s[kept], values[kept]
    steps = np.diff(t_s)
    if not np.any(steps <= 0):
        return t_s, values
    sheet.note("disorder", 100 * float(np.mean(steps <= 0)), "%")
    order = np.argsort(t_s, kind="stable")
    t_s, values = t_s[order], values[order]
    first = np.diff(t_s, prepend=-np.inf) > 0
    return t_s[first], values[first]


def _silence(sheet: Sheet, t_s: _F, values: _F) -> None:
    """Note the longest time without a sample, and for how long the value has stood still."""
    if len(t_s) > 1:
        longest = int(np.argmax(np.diff(t_s)))
        sheet.note("gap", t_s[longest + 1] - t_s[longest], "s", span_s=(t_s[longest], t_s[longest + 1]))
        moved = np.flatnonzero(np.diff(values))
        since = t_s[moved[-1] + 1] if len(moved) else t_s[0]
        sheet.note("still", t_s[-1] - since, "s", span_s=(since, t_s[-1]))


def note_breaks(sheet: Sheet, t_s: _F, values: _F, unit: str, prefix: str = "") -> None:
    """Note when the course broke first, the largest jump and bend, and how fast it settles after the first break."""
    found = change_points(t_s, values)
    if not found:
        return
    edges_s = [point.to_s for point in found[1:]] + [float(t_s[-1])]
    sheet.note(f"{prefix}onset", (found[0].from_s + found[0].to_s) / 2, "s", span_s=(found[0].from_s, found[0].to_s))
    _note_break(sheet, f"{prefix}jump", [point.jump for point in found], unit, found, edges_s)
    _note_break(sheet, f"{prefix}bend", [60 * point.bend for point in found], f"{unit}/min" if unit else "1/min", found, edges_s)
    _settling(sheet, t_s, values, unit, found[0], prefix)


def _note_break(sheet: Sheet, kind: str, sizes: list[float], unit: str, found: tuple[ChangePoint, ...], edges_s: list[float]) -> None:
    """Note the largest, with the range within which noise alone keeps it."""
    largest = int(np.argmax(np.abs(sizes)))
    edge = abs(sizes[largest]) * found[largest].chance
    usual = Range.within(-edge, edge)
    sheet.note(kind, sizes[largest], unit, span_s=(found[largest].from_s, edges_s[largest]), usual=usual, beyond_share=BY_CHANCE)


def _settling(sheet: Sheet, t_s: _F, values: _F, unit: str, since: ChangePoint, prefix: str) -> None:
    after = t_s >= since.to_s
    response = settling(*binned(t_s[after], values[after], BINS))
    if response is not None:
        span_s = (response.from_s, float(t_s[-1]))
        sheet.note(f"{prefix}time_constant", response.time_constant_s, "s", span_s=span_s)
        sheet.note(f"{prefix}settles_at", response.end, unit, span_s=span_s)


def _extremes(sheet: Sheet, t_s: _F, values: _F, middle: float, unit: str) -> None:
    lowest, highest = int(np.argmin(values)), int(np.argmax(values))
    sheet.note("trough", values[lowest], unit, span_s=(t_s[lowest], t_s[lowest]))
    sheet.note("peak", values[highest], unit, span_s=(t_s[highest], t_s[highest]))
    sheet.note("dip", middle - values[lowest], unit, span_s=(t_s[lowest], t_s[lowest]))
    sheet.note("surge", values[highest] - middle, unit, span_s=(t_s[highest], t_s[highest]))
    ordered = np.sort(values)
    sheet.note("spread", quantile(ordered, 0.95) - quantile(ordered, 0.05), unit)
    if abs(middle) > 1e-9:
        sheet.note("dip_share", 100 * (middle - values[lowest]) / abs(middle), "%", span_s=(t_s[lowest], t_s[lowest]))


def _slope(sheet: Sheet, kind: str, t_s: _F, values: _F, unit: str) -> None:
    """Note the median of the slopes between the window's two halves (a Theil-Sen of distant pairs): robust and quick."""
    if len(values) < 4 or t_s[-1] - t_s[0] < SLOPE_SHORTEST_S:
        return
    half = len(values) // 2
    spans = t_s[-half:] - t_s[:half]
    valid = spans > 0
    if valid.any():
        slope = 60 * median((values[-half:] - values[:half])[valid] / spans[valid])
        sheet.note(kind, slope, f"{unit}/min" if unit else "1/min", span_s=(t_s[0], t_s[-1]))


def _ripple(sheet: Sheet, t_s: _F, values: _F, unit: str) -> None:
    """Note what is left after the slow course is taken away, and its strongest line with the time at which it began."""
    steps = np.diff(t_s)
    step_s = median(steps)
    if len(values) < 8 or step_s <= 0:
        return
    slow = _running_mean(values, max(3, min(len(values) // 4, round(0.2 / step_s)) | 1))
    rest = values - slow
    sheet.note("ripple", float(np.std(rest)), unit, span_s=(t_s[0], t_s[-1]))
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
