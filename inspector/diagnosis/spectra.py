"""What sound and vibration say: levels, bands, tones, shaft harmonics, stick-slip, impacts and the envelope lines of a bearing.

All spectra are plain FFTs: a part's window is short, and an import of scipy.signal costs more than all of them together. Amplitudes
are peak amplitudes in the channel's unit, levels are dB re 1 unit (sound: dB re full scale).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

from inspector.config import MachineConfig
from inspector.diagnosis.measurements import Sheet

_F = NDArray[np.float64]

LONGEST_SAMPLES = 1 << 20
SHORTEST_SAMPLES = 64
SILENCE_DB = -140.0
NAMED_BANDS_HZ = {
    "rumble": (15.0, 120.0),
    "low": (120.0, 500.0),
    "mid": (500.0, 2000.0),
    "high": (2000.0, 3000.0),
    "hiss": (3000.0, 7000.0),
    "ultrasonic": (20000.0, 80000.0),
}
OCTAVES_HZ = tuple(31.25 * 2**n for n in range(12))
SPEED_TOLERANCE = 0.03
"""Slip of rolling elements and load-dependent speed, together (ISO 13373-2 reads bearing lines with a few percent of slip)."""
STICK_SLIP_HZ = (8.0, 60.0)
SQUEAL_LOWEST_HZ = 500.0
_ENVELOPE_WEIGHTS = {
    "bpfo": ((1, 0.5), (2, 0.3), (3, 0.2)),
    "bpfi": ((1, 0.5), (2, 0.3), (3, 0.2)),
    # a pit on a ball meets both rings in each turn of the ball: twice the spin frequency is its strongest line
    "bsf": ((1, 0.2), (2, 0.6), (4, 0.2)),
    "ftf": ((1, 0.5), (2, 0.3), (3, 0.2)),
}


def measure_waveform(sheet: Sheet, samples: NDArray[np.float32], rate_hz: float, machine: MachineConfig) -> None:
    """Note every quantity that these samples allow; a silent, short or broken signal allows few."""
    signal = _usable(samples)
    if len(signal) == 0 or not rate_hz > 0:
        return
    centred = signal - signal.mean()
    power = float(np.mean(centred**2))
    sheet.note("loudness", max(_db(power), SILENCE_DB), "dB")
    if len(signal) < SHORTEST_SAMPLES or power < 10 ** (SILENCE_DB / 10):
        return
    sheet.note("kurtosis", float(np.mean(centred**4)) / power**2, "")
    sheet.note("crest", float(np.abs(centred).max()) / power**0.5, "")
    spectrogram = Spectrogram.of(centred, rate_hz)
    _bands(sheet, spectrogram)
    _squeal(sheet, spectrogram)
    _steps(sheet, spectrogram)
    _low_lines(sheet, centred, rate_hz, machine.shaft_hz)
    _modulation(sheet, centred, rate_hz, machine.shaft_hz)
    _envelope(sheet, centred, rate_hz, machine)


def _usable(samples: NDArray[np.float32]) -> _F:
    """Return float64 samples, gaps filled with the mean, the latest part of very long ones; empty where most is missing."""
    signal = np.asarray(samples, dtype=np.float64).ravel()[-LONGEST_SAMPLES:]
    finite = np.isfinite(signal)
    if finite.sum() * 2 <= len(signal):
        return np.empty(0)
    return signal if finite.all() else np.where(finite, signal, signal[finite].mean())


def _db(power: float | np.floating) -> float:
    return 10.0 * float(np.log10(max(float(power), 1e-30)))


# --- bands, tones, steps: from one spectrogram ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spectrogram:
    """Power per frame and frequency, scaled so that the sum over a frame is its mean square."""

    hz: _F
    frames: _F
    """(frames, frequencies)."""
    frame_s: float
    hop_s: float

    @classmethod
    def of(cls, signal: _F, rate_hz: float) -> Spectrogram:
        """Return frames of about an eighth of a second, overlapping by half."""
        length = min(1 << max(6, round(np.log2(rate_hz / 8))), len(signal))
        hop = max(1, length // 2)
        window = np.hanning(length + 1)[:-1]
        pieces = sliding_window_view(signal, length)[::hop] * window
        power = np.abs(fft.rfft(pieces, axis=1)) ** 2 * (2.0 / (length * float(np.sum(window**2))))
        return cls(fft.rfftfreq(length, 1 / rate_hz), power, length / rate_hz, hop / rate_hz)

    def within(self, low_hz: float, high_hz: float) -> slice:
        """Return the frequencies from `low_hz` up to `high_hz`."""
        start, stop = np.searchsorted(self.hz, (low_hz, high_hz))
        return slice(int(start), int(stop))


def _bands(sheet: Sheet, spectrogram: Spectrogram) -> None:
    mean = spectrogram.frames.mean(axis=0)
    total = float(mean[1:].sum())
    nyquist_hz = float(spectrogram.hz[-1])
    for name, (low_hz, high_hz) in NAMED_BANDS_HZ.items():
        part = spectrogram.within(low_hz, high_hz)
        if part.stop - part.start < 2 or nyquist_hz < low_hz * 1.2:
            continue
        power = float(mean[part].sum())
        sheet.note(f"band_{name}", _db(power), "dB")
        sheet.note(f"share_{name}", _db(power / total) if total > 0 else np.nan, "dB")
        # the quiet frames: what sounds all the time (a leak), and not what strikes now and then
        sheet.note(f"floor_{name}", _db(float(np.quantile(spectrogram.frames[:, part].sum(axis=1), 0.2))), "dB")
    hiss = mean[spectrogram.within(*NAMED_BANDS_HZ["hiss"])]
    if len(hiss) > 8 and hiss.min() > 0:
        sheet.note("flatness_hiss", float(np.exp(np.log(hiss).mean()) / hiss.mean()), "")
    for centre_hz in OCTAVES_HZ:
        part = spectrogram.within(centre_hz / 2**0.5, centre_hz * 2**0.5)
        if part.stop - part.start >= 2 and nyquist_hz >= centre_hz:
            sheet.note(f"octave_{centre_hz:.0f}", _db(float(mean[part].sum())), "dB")
    sheet.note("centroid", float((mean * spectrogram.hz).sum() / mean.sum()) if mean.sum() > 0 else np.nan, "Hz")


def _squeal(sheet: Sheet, spectrogram: Spectrogram) -> None:
    """Note the most prominent narrow tone above 500 Hz, its harmonics counted with it."""
    spectrum = np.median(spectrogram.frames, axis=0)
    above = _above_background(10 * np.log10(spectrum + 1e-30), block=32)
    first = int(np.searchsorted(spectrogram.hz, SQUEAL_LOWEST_HZ))
    last = int(len(spectrogram.hz) * 0.95)
    if last - first < 16:
        return
    peaks = first + np.argsort(above[first:last])[-8:]
    scores = [above[peak] + 0.3 * _harmonic_db(above, int(peak), last) for peak in peaks]
    best = int(np.argmax(scores))
    sheet.note("squeal", scores[best], "dB", at_hz=float(spectrogram.hz[peaks[best]]))


def _harmonic_db(above: _F, peak: int, last: int) -> float:
    """Return the mean prominence at 2 and 3 times a peak, as far as the spectrum reaches; 0 where it does not."""
    found = [above[max(n * peak - n, 0) : n * peak + n + 1].max() for n in (2, 3) if n * peak + n < last]
    return float(np.clip(np.mean(found), 0, 30)) if found else 0.0


def _steps(sheet: Sheet, spectrogram: Spectrogram) -> None:
    """Note how far the loudness stepped inside the window, and when."""
    levels = 10 * np.log10(spectrogram.frames[:, 1:].sum(axis=1) + 1e-30)
    if len(levels) < 6:
        return
    at, size = two_means(levels, margin=2)
    when_s = sheet.start_s + at * spectrogram.hop_s + spectrogram.frame_s / 2
    sheet.note("loudness_step", size, "dB", span_s=(when_s, sheet.end_s))


def two_means(values: _F, margin: int) -> tuple[int, float]:
    """Return (index, size) of the one change of mean that explains most; `margin` samples stay on either side."""
    count = len(values)
    left = np.arange(1, count)
    sums = np.cumsum(values)[:-1]
    difference = (values.sum() - sums) / (count - left) - sums / left
    gain = left * (count - left) * difference**2
    inner = slice(margin - 1, count - margin)
    at = int(np.argmax(gain[inner])) + margin
    return at, float(difference[at - 1])


def _above_background(level_db: _F, block: int) -> _F:
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


# --- turning ---------------------------------------------------------------------------------------------------------------------


def _low_lines(sheet: Sheet, signal: _F, rate_hz: float, shaft_hz: float | None) -> None:
    """Note the harmonics of the shaft, or without a known speed the strongest low line."""
    window = np.hanning(len(signal))
    highest_hz = 150.0 if shaft_hz is None else max(150.0, 10.5 * shaft_hz)
    # the lowest bins alone, back in time, are the same lines at a lower rate: a fine spectrum of them costs little
    low = fft.rfft(signal * window)[: int(highest_hz * len(signal) / rate_hz) + 2]
    count = 2 * (len(low) - 1)
    amplitude = np.abs(fft.rfft(fft.irfft(low, count), 4 * count)) * (2.0 / window.sum())
    lines = _Lines(amplitude, rate_hz / len(signal) / 4, width_hz=2.0 * rate_hz / len(signal))
    if shaft_hz is not None and shaft_hz * 2.5 * len(signal) / rate_hz >= 5:
        _shaft(sheet, lines, shaft_hz)
    lowest_hz, limit_hz = 5.0, min(120.0, rate_hz / 2.5)
    if limit_hz - lowest_hz > 8 * lines.width_hz:
        hz, value, above_db = lines.strongest(lowest_hz, limit_hz)
        sheet.note("low_line", above_db, "dB", at_hz=hz)
        sheet.note("low_line_amplitude", value, sheet.channel_unit, at_hz=hz)


@dataclass(frozen=True, slots=True)
class _Lines:
    amplitude: _F
    step_hz: float
    width_hz: float
    """Width of a pure tone's main lobe."""

    def strongest(self, low_hz: float, high_hz: float) -> tuple[float, float, float]:
        """Return (Hz, amplitude, dB above the lines around it) of the largest line in a range."""
        first, last = self._index(low_hz), self._index(high_hz) + 1
        peak = first + int(np.argmax(self.amplitude[first:last]))
        hz = peak * self.step_hz
        reach_hz = max(10 * self.width_hz, 0.3 * hz)
        around = self.amplitude[self._index(hz - reach_hz) : self._index(hz + reach_hz) + 1]
        background = float(np.median(around)) + 1e-15
        return hz, float(self.amplitude[peak]), 20 * float(np.log10(self.amplitude[peak] / background + 1e-15))

    def _index(self, hz: float) -> int:
        return int(np.clip(round(hz / self.step_hz), 1, len(self.amplitude) - 2))


def _shaft(sheet: Sheet, lines: _Lines, shaft_hz: float) -> None:
    reach_hz = len(lines.amplitude) * lines.step_hz
    found: list[float] = []
    for order in range(1, 11):
        if order * shaft_hz * (1 + SPEED_TOLERANCE) >= reach_hz:
            break
        hz, value, above_db = lines.strongest(order * shaft_hz * (1 - SPEED_TOLERANCE), order * shaft_hz * (1 + SPEED_TOLERANCE))
        found.append(value)
        if order <= 3:
            sheet.note(f"shaft_{order}x", value, sheet.channel_unit, at_hz=hz)
        if order == 1:
            sheet.note("shaft_1x_line", above_db, "dB", at_hz=hz)
    if len(found) > 3:
        sheet.note("shaft_4x_up", float(np.sqrt(np.sum(np.square(found[3:])))), sheet.channel_unit)
    if len(found) > 1 and found[0] > 0:
        sheet.note("shaft_2x_to_1x", found[1] / found[0], "")


def _modulation(sheet: Sheet, signal: _F, rate_hz: float, shaft_hz: float | None) -> None:
    """Note the strongest slow beat of what sounds above 300 Hz: sticking and slipping, 8 to 60 times a second."""
    spectrum = fft.rfft(signal)
    spectrum[: int(300 * len(signal) / rate_hz)] = 0
    block = max(1, int(rate_hz / 500))
    power = _block_mean(fft.irfft(spectrum, len(signal)) ** 2, block)
    fine_hz = rate_hz / block
    if len(power) < 0.2 * fine_hz or power.mean() <= 0:
        return
    _impacts(sheet, power, fine_hz)
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
    background = float(np.median(depth[chosen])) + 1e-12
    sheet.note("modulation_line", 20 * float(np.log10(depth[peak] / background + 1e-12)), "dB", at_hz=float(hz[peak]))


def _block_mean(values: _F, block: int) -> _F:
    count = len(values) // block
    return np.asarray(values[: count * block].reshape(count, block).mean(axis=1))


def _impacts(sheet: Sheet, power: _F, rate_hz: float) -> None:
    loud = power > 8 * np.median(power)
    starts = int(np.sum(loud[1:] & ~loud[:-1])) + int(loud[0])
    sheet.note("impacts", starts * rate_hz / len(power), "1/s")


# --- the envelope of the resonances ------------------------------------------------------------------------------------------------


def _envelope(sheet: Sheet, signal: _F, rate_hz: float, machine: MachineConfig) -> None:
    """Note how far the lines of bearing damage stand out of the envelope spectra of all bands, the best band for each."""
    spectrum = fft.rfft(signal * _faded(len(signal)))
    wanted_hz = _bearing_lines(machine)
    top_hz = max([3.2 * hz for hz in wanted_hz.values()], default=300.0)
    bands = _envelope_bands(rate_hz, top_hz)
    if not bands or len(signal) / rate_hz < 0.1:
        return
    spectra, kurtoses, middles_hz, step_hz = _envelope_spectra(spectrum, len(signal), rate_hz, bands, top_hz)
    if spectra.shape[1] < 32:
        return
    liveliest = int(np.argmax(kurtoses))
    sheet.note("spectral_kurtosis", float(kurtoses[liveliest]), "", at_hz=float(middles_hz[liveliest]))
    above = _above_background(20 * np.log10(spectra + 1e-15), block=64)
    _strongest_envelope_line(sheet, above, step_hz, machine.shaft_hz, list(wanted_hz.values()))
    duration_s = len(signal) / rate_hz
    for name, line_hz in wanted_hz.items():
        if line_hz * duration_s < 4:
            continue
        score_db, found_hz = _line_score(above, step_hz, line_hz, _ENVELOPE_WEIGHTS[name], machine.shaft_hz, duration_s)
        sheet.note(f"envelope_{name}", score_db, "dB", at_hz=found_hz)


def _faded(count: int) -> _F:
    """Return a window that is flat but for 2 % at both ends, so that the cut rings in no band."""
    ramp = max(1, count // 50)
    window = np.ones(count)
    window[:ramp] = np.linspace(0, 1, ramp)
    window[-ramp:] = window[:ramp][::-1]
    return window


def _bearing_lines(machine: MachineConfig) -> dict[str, float]:
    if machine.bearing is None or machine.shaft_hz is None:
        return {}
    bearing = machine.bearing
    per_rev = {"bpfo": bearing.bpfo_per_rev, "bpfi": bearing.bpfi_per_rev, "bsf": bearing.bsf_per_rev, "ftf": bearing.ftf_per_rev}
    return {name: ratio * machine.shaft_hz for name, ratio in per_rev.items()}


def _envelope_bands(rate_hz: float, top_hz: float) -> list[tuple[float, list[float]]]:
    """Return (width, lower edges) of overlapping bands of two widths from 500 Hz up, each wide enough for lines up to `top_hz`."""
    lowest_hz, width_hz = min(500.0, rate_hz / 32), max(rate_hz / 16, 1.2 * top_hz)
    edges = [(wide, list(np.arange(lowest_hz, 0.48 * rate_hz - wide, wide / 2))) for wide in (width_hz, 2 * width_hz)]
    return [(wide, lows) for wide, lows in edges if lows]


def _envelope_spectra(
    spectrum: NDArray[np.complex128], count: int, rate_hz: float, bands: Sequence[tuple[float, list[float]]], top_hz: float
) -> tuple[_F, _F, _F, float]:
    """Return envelope spectra (band, frequency), kurtosis and middle (Hz) of each band, and the frequency step.

    A band's bins alone, transformed back, are its complex envelope at the band's own low rate (padded twofold, as the square
    doubles the bandwidth). The logarithm keeps one loud knock from outweighing a hundred small impacts (Borghesani, Antoni 2018).
    """
    step_hz = rate_hz / count / 2
    points = int(top_hz / step_hz) + 1
    rows, kurtoses, middles = [], [], []
    for width_hz, lows_hz in bands:
        bins = int(width_hz * count / rate_hz)
        first = (np.array(lows_hz) * count / rate_hz).astype(int)
        pieces = spectrum[first[:, None] + np.arange(bins)] * np.hanning(bins + 2)[1:-1]
        power = np.abs(fft.ifft(pieces, 2 * bins, axis=1)) ** 2
        edge = max(1, power.shape[1] // 40)
        power = power[:, edge:-edge]
        mean = power.mean(axis=1, keepdims=True) + 1e-300
        kurtoses.append(np.mean((power / mean) ** 2, axis=1) - 2)
        middles.append(np.array(lows_hz) + width_hz / 2)
        log_power = np.log(power / mean + 1e-3)
        log_power -= log_power.mean(axis=1, keepdims=True)
        rows.append(np.abs(fft.rfft(log_power * np.hanning(log_power.shape[1]), 4 * bins, axis=1)[:, :points]))
    shortest = min(row.shape[1] for row in rows)
    return np.concatenate([row[:, :shortest] for row in rows]), np.concatenate(kurtoses), np.concatenate(middles), step_hz


def _strongest_envelope_line(sheet: Sheet, above: _F, step_hz: float, shaft_hz: float | None, known_hz: Sequence[float]) -> None:
    """Note the strongest regular beat of any band, shaft and bearing aside: impacts at a rate nobody foretold."""
    hz = np.arange(above.shape[1]) * step_hz
    chosen = hz >= 4 * step_hz
    chosen &= hz >= 6.0
    if shaft_hz is not None:
        order = np.maximum(np.round(hz / shaft_hz), 1)
        chosen &= np.abs(hz - order * shaft_hz) > np.maximum(3 * step_hz, 0.005 * hz)
    for line_hz in known_hz:
        for order_hz in (line_hz, 2 * line_hz, 3 * line_hz, 4 * line_hz):
            chosen &= np.abs(hz - order_hz) > SPEED_TOLERANCE * order_hz
    if not chosen.any():
        return
    best = np.where(chosen, above.max(axis=0), -np.inf)
    peak = int(np.argmax(best))
    sheet.note("envelope_line", float(best[peak]), "dB", at_hz=float(hz[peak]))


def _line_score(
    above: _F, step_hz: float, line_hz: float, weights: Sequence[tuple[int, float]], shaft_hz: float | None, duration_s: float
) -> tuple[float, float]:
    """Return (dB above background, Hz) of the best-fitting fundamental within the tolerance, harmonics weighted in."""
    low_hz, high_hz = line_hz * (1 - SPEED_TOLERANCE), line_hz * (1 + SPEED_TOLERANCE)
    candidates = np.arange(low_hz, high_hz, step_hz / 4)
    if shaft_hz is not None:
        order = np.round(candidates / shaft_hz)
        free = (order < 1) | (np.abs(candidates - order * shaft_hz) > 1.0 / duration_s)
        candidates = candidates[free] if free.any() else candidates
    score = np.zeros((above.shape[0], len(candidates)))
    total = 0.0
    for order_, weight in weights:
        index = np.round(order_ * candidates / step_hz).astype(int)
        if index.max() >= above.shape[1]:
            continue
        score += weight * np.clip(above[:, index], 0, 40)
        total += weight
    if total == 0:
        return float("nan"), line_hz
    band, best = np.unravel_index(int(np.argmax(score)), score.shape)
    return float(score[band, best]) / total, float(candidates[best])
