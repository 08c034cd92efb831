"""What happens within the window: steps of the loudness, impacts, sticking and slipping."""

from __future__ import annotations

import numpy as np
from scipy import fft

from inspector.diagnosis.measurements import Sheet
from inspector.diagnosis.medians import median
from inspector.diagnosis.spectra.spectrogram import Array, Spectrogram, Whole, block_means

STICK_SLIP_HZ = (8.0, 60.0)
_LOWEST_HEARD_HZ = 300.0
_KNOCK = 8.0
"""How many times above the median power of the window an impact is."""


def note_loudness_step(sheet: Sheet, spectrogram: Spectrogram) -> None:
    """Note how far the loudness stepped inside the window, and when."""
    levels = 10 * np.log10(spectrogram.frames[:, 1:].sum(axis=1) + 1e-30)
    if len(levels) < 6:
        return
    at, size = two_means(levels, margin=2)
    when_s = sheet.start_s + at * spectrogram.hop_s + spectrogram.frame_s / 2
    sheet.note("loudness_step", size, "dB", span_s=(when_s, sheet.end_s))


def two_means(values: Array, margin: int) -> tuple[int, float]:
    """Return (index, size) of the one change of mean that explains most; `margin` samples stay on either side."""
    count = len(values)
    left = np.arange(1, count)
    sums = np.cumsum(values)[:-1]
    difference = (values.sum() - sums) / (count - left) - sums / left
    gain = left * (count - left) * difference**2
    inner = slice(margin - 1, count - margin)
    at = int(np.argmax(gain[inner])) + margin
    return at, float(difference[at - 1])


def note_beats(sheet: Sheet, whole: Whole, rate_hz: float, shaft_hz: float | None) -> None:
    """Note impacts, and the strongest slow beat of what sounds above 300 Hz: sticking and slipping, 8 to 60 times a second."""
    block = max(1, int(rate_hz / 500))
    heard = whole.above(_LOWEST_HEARD_HZ)
    power = block_means(np.square(heard, out=heard), block).astype(np.float64)
    fine_hz = rate_hz / block
    if len(power) < 0.2 * fine_hz or power.mean() <= 0:
        return
    _impacts(sheet, power, fine_hz, shaft_hz)
    # the root, not the power: one loud knock must not drown a beat
    envelope = np.sqrt(power)
    window = np.hanning(len(envelope))
    length = 4 * len(envelope)
    depth = np.abs(fft.rfft((envelope - envelope.mean()) * window, length)) * (2.0 / (window.sum() * envelope.mean()))
    hz = fft.rfftfreq(length, 1 / fine_hz)
    chosen = (hz >= STICK_SLIP_HZ[0]) & (hz <= STICK_SLIP_HZ[1])
    if shaft_hz is not None:
        resolution_hz = 1.5 * fine_hz / len(envelope)
        order = np.maximum(np.round(hz / shaft_hz), 1)
        chosen &= np.abs(hz - order * shaft_hz) > np.maximum(resolution_hz, 0.01 * hz)
    if chosen.sum() < 8:
        return
    peak = int(np.argmax(np.where(chosen, depth, 0)))
    sheet.note("modulation", 100 * float(depth[peak]), "%", at_hz=float(hz[peak]))
    background = median(depth[chosen]) + 1e-12
    sheet.note("modulation_line", 20 * float(np.log10(depth[peak] / background + 1e-12)), "dB", at_hz=float(hz[peak]))


def _impacts(sheet: Sheet, power: Array, rate_hz: float, shaft_hz: float | None) -> None:
    loud = power > _KNOCK * median(power)
    starts = int(np.sum(loud[1:] & ~loud[:-1])) + int(loud[0])
    per_s = starts * rate_hz / len(power)
    sheet.note("impacts", per_s, "1/s")
    if shaft_hz is not None and len(power) / rate_hz * shaft_hz >= 2:
        sheet.note("impacts_per_turn", per_s / shaft_hz, "")
