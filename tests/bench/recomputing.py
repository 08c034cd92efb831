"""The quantities of a diagnosis once more, from raw samples and by other code than the product's, for `tests.bench.checker`.

Nothing of `inspector.diagnosis` is imported here. Definitions are those of data/README.md, "Kinds of quantity"; where a quantity is
the best of many bands or lines, what is recomputed is the one that was named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal, stats

from inspector.config import MachineConfig
from inspector.parts import PartRecord

_F = NDArray[np.float64]
BANDS_HZ = {
    "rumble": (15, 120),
    "low": (120, 500),
    "mid": (500, 2000),
    "high": (2000, 3000),
    "hiss": (3000, 7000),
    "ultrasonic": (2e4, 8e4),
}


@dataclass(frozen=True)
class Cited:
    """What a diagnosis says of one quantity."""

    channel: str
    kind: str
    measured: float
    start_s: float
    end_s: float
    at_hz: float | None


@dataclass(frozen=True)
class Recomputed:
    """The same quantity by other code, and how far the two may lie apart."""

    value: float
    tolerance: float
    began_s: float | None = None

    def agrees(self, measured: float) -> bool:
        return math.isfinite(self.value) and abs(measured - self.value) <= self.tolerance


@dataclass(frozen=True)
class AtLeast:
    """What a named line or band reaches by a coarser measure: the cited value may be higher, as it is the best of several."""

    value: float
    share: float
    slack: float

    def agrees(self, measured: float) -> bool:
        return self.value >= self.share * measured - self.slack


Answer = Recomputed | AtLeast


def recompute(cited: Cited, record: PartRecord, machine: MachineConfig) -> Answer | None:
    """Return the quantity from the raw recording; None where this module does not know its kind."""
    name = cited.channel
    if name in record.series:
        series = record.series[name]
        good = np.isfinite(series.values)
        t_s = (series.t_ns[good] - record.trigger.t_ns) / 1e9
        order = np.argsort(t_s, kind="stable")
        rule = SERIES.get(cited.kind)
        return rule(t_s[order], series.values[good][order], cited) if rule else None
    if name in record.waveforms:
        waveform = record.waveforms[name]
        x = np.asarray(waveform.samples, dtype=np.float64)
        return _of_waveform(x - x.mean(), waveform.sample_rate_hz, cited, machine)
    if name in record.frames:
        of_picture = PICTURE.get(cited.kind)
        return of_picture(record.frames[name].pixels) if of_picture else None
    return None


def _near(value: float, share: float = 0.01, floor: float = 1e-6, began_s: float | None = None) -> Recomputed:
    return Recomputed(float(value), max(share * abs(float(value)), floor), began_s)


# --- series ----------------------------------------------------------------------------------------------------------------------


def _level(t: _F, v: _F, _: Cited) -> Recomputed:
    span = max(1.0, 0.05 * (t[-1] - t[0]))
    return _near(float(np.median(v[t >= t[-1] - span - 1e-9])), 0.005, 1e-3 * float(np.ptp(v)))


def _lately(_: _F, v: _F, __: Cited) -> Recomputed:
    cut = len(v) - max(1, len(v) // 5)
    return _near(float(np.median(v[cut:]) - np.median(v[:cut])), 0.01, 1e-6)


def _change(_: _F, v: _F, __: Cited) -> Recomputed:
    count = max(1, len(v) // 10)
    return _near(100 * float(np.median(v[-count:]) - np.median(v[:count])) / abs(float(np.median(v))))


def _slope_of(t: _F, v: _F) -> float:
    half = len(v) // 2
    pairs = [(v[len(v) - half + i] - v[i]) / (t[len(v) - half + i] - t[i]) for i in range(half) if t[len(v) - half + i] > t[i]]
    return 60 * float(np.median(pairs))


def _slope(t: _F, v: _F, _: Cited) -> Recomputed:
    return _near(_slope_of(t, v))


def _slope_lately(t: _F, v: _F, _: Cited) -> Recomputed:
    cut = len(v) - max(1, len(v) // 5)
    return _near(_slope_of(t[cut:], v[cut:]))


def _step(t: _F, v: _F, _: Cited) -> Recomputed:
    margin = max(2, len(v) // 20)
    splits = range(margin, len(v) - margin + 1)
    costs = [np.var(v[:at]) * at + np.var(v[at:]) * (len(v) - at) for at in splits]
    at = splits[int(np.argmin(costs))]
    return _near(float(v[at:].mean() - v[:at].mean()), 0.02, 1e-6, began_s=float(t[at]))


def _rest(t: _F, v: _F) -> tuple[_F, float]:
    step = float(np.median(np.diff(t)))
    width = max(3, min(len(v) // 4, round(0.2 / step)) | 1)
    return v - ndimage.uniform_filter1d(v, width, mode="nearest"), step


def _ripple(t: _F, v: _F, _: Cited) -> Recomputed:
    return _near(float(_rest(t, v)[0].std()), 0.02)


def _ripple_line(t: _F, v: _F, cited: Cited) -> Recomputed:
    rest, step = _rest(t, v)
    even = np.arange(t[0], t[-1] + step / 2, step)
    rest = np.interp(even, t, rest)
    length = max(8, round(0.5 / step))
    window = signal.get_window("hann", length)
    phasor = np.exp(-2j * np.pi * (cited.at_hz or 0.0) * step * np.arange(length))
    starts = range(0, len(rest) - length + 1, max(1, length // 5))
    found = [2 * abs(np.dot((piece := rest[s : s + length]) - piece.mean(), window * phasor)) / window.sum() for s in starts]
    first = next(i for i, value in enumerate(found) if value >= 0.5 * max(found))
    return _near(max(found), 0.03, began_s=float(even[starts[first]]))


SERIES: dict[str, Callable[[_F, _F, Cited], Answer]] = {
    "level": _level,
    "lately": _lately,
    "change": _change,
    "slope": _slope,
    "slope_lately": _slope_lately,
    "step": _step,
    "ripple": _ripple,
    "ripple_line": _ripple_line,
    "trough": lambda _t, v, _c: _near(min(v)),
    "peak": lambda _t, v, _c: _near(max(v)),
    "dip": lambda _t, v, _c: _near(float(np.median(v)) - min(v)),
    "surge": lambda _t, v, _c: _near(max(v) - float(np.median(v))),
    "dip_share": lambda _t, v, _c: _near(100 * (float(np.median(v)) - min(v)) / abs(float(np.median(v)))),
    "spread": lambda _t, v, _c: _near(float(np.percentile(v, 95) - np.percentile(v, 5))),
}


# --- sound and vibration ---------------------------------------------------------------------------------------------------------


def _db(power: float) -> float:
    return 10 * math.log10(max(power, 1e-30))


def _of_waveform(x: _F, rate: float, cited: Cited, machine: MachineConfig) -> Answer | None:
    family, _, rest = cited.kind.partition("_")
    if family in ("band", "share", "floor") and rest in BANDS_HZ:
        return _band(x, rate, family, rest)
    if family == "octave":
        centre = 31.25 * 2 ** round(math.log2(float(rest) / 31.25))
        hz, frames = _frames(x, rate)
        return Recomputed(_db(float(frames.mean(axis=1)[(hz >= centre / 2**0.5) & (hz < centre * 2**0.5)].sum())), 0.3)
    if family == "shaft" and machine.shaft_hz is not None:
        return _shaft(x, rate, cited, machine.shaft_hz)
    if family == "envelope":
        return AtLeast(_envelope_db(x, rate, cited.at_hz or 0.0), 0.4, 2.0)
    if family == "swing":
        return AtLeast(_swing_db(x, rate, cited.at_hz or 0.0), 0.4, 0.5)
    if cited.kind in MARGINS:
        return _margin(x, rate, cited)
    rule = WAVEFORM.get(cited.kind)
    return rule(x, rate, cited) if rule else None


def _frames(x: _F, rate: float) -> tuple[_F, _F]:
    length = min(1 << max(6, round(math.log2(rate / 8))), len(x))
    hop = max(1, length // 2)
    hz, _, power = signal.spectrogram(
        x, rate, window=signal.get_window("hann", length), nperseg=length, noverlap=length - hop, detrend=False, scaling="density"
    )
    return hz, power * rate / length


def _band(x: _F, rate: float, family: str, name: str) -> Answer:
    low, high = BANDS_HZ[name]
    hz, frames = _frames(x, rate)
    inside = (hz >= low) & (hz < high)
    power = float(frames[inside].sum(axis=0).mean())
    if family == "share":
        return Recomputed(_db(power / float(frames[1:].sum(axis=0).mean())), 0.3)
    if family == "floor":
        return Recomputed(_db(float(np.percentile(frames[inside].sum(axis=0), 20))), 0.4)
    return Recomputed(_db(power), 0.3)


def _line(x: _F, rate: float, hz: float) -> float:
    """Return the peak amplitude of the line at `hz`, by projection and not by an FFT."""
    window = np.hanning(len(x))
    turn = 2 * np.pi * hz / rate * np.arange(len(x))
    return 2 * math.hypot(float(np.dot(x * window, np.cos(turn))), float(np.dot(x * window, np.sin(turn)))) / float(window.sum())


def _largest(x: _F, rate: float, low: float, high: float) -> float:
    step = rate / len(x) / 8
    return max(_line(x, rate, hz) for hz in np.arange(low, high + step, step))


def _shaft(x: _F, rate: float, cited: Cited, declared_hz: float) -> Answer | None:
    """Return an order of the shaft at the declared speed, or at the speed that the signal itself shows, whichever the diagnosis means."""
    answers = [answer for shaft_hz in (declared_hz, _turning(x, rate, declared_hz)) if (answer := _order(x, rate, cited, shaft_hz))]
    return next((answer for answer in answers if answer.agrees(cited.measured)), answers[0] if answers else None)


def _order(x: _F, rate: float, cited: Cited, shaft_hz: float) -> Answer | None:
    if cited.kind == "shaft_deviation":
        return Recomputed(100 * (_turning(x, rate, shaft_hz) / shaft_hz - 1), 0.6)

    def order(n: int) -> float:
        return _largest(x, rate, 0.97 * n * shaft_hz, 1.03 * n * shaft_hz)

    if cited.kind in ("shaft_1x", "shaft_2x", "shaft_3x"):
        return _near(order(int(cited.kind[6])), 0.03)
    if cited.kind == "shaft_2x_to_1x":
        return _near(order(2) / order(1), 0.05)
    if cited.kind == "shaft_4x_up":
        return _near(math.sqrt(sum(order(n) ** 2 for n in range(4, 11))), 0.05)
    return Recomputed(_above(x, rate, cited.at_hz or shaft_hz), 2.0) if cited.kind == "shaft_1x_line" else None


def _turning(x: _F, rate: float, declared_hz: float) -> float:
    """Return the speed within a tenth of the declared one at which the first four harmonics are largest together."""
    speeds = np.arange(0.9 * declared_hz, 1.1 * declared_hz, rate / len(x) / 8)
    return float(max(speeds, key=lambda hz: sum(math.log(_line(x, rate, n * hz) + 1e-12) for n in (1, 2, 3, 4))))


def _above(x: _F, rate: float, hz: float) -> float:
    """Return how far the line at `hz` stands above the median of the lines around it, in dB."""
    width = 2 * rate / len(x)
    reach = max(10 * width, 0.3 * hz)
    around = np.arange(max(hz - reach, rate / len(x) / 4), hz + reach, rate / len(x) / 4)
    return 20 * math.log10(_line(x, rate, hz) / float(np.median([_line(x, rate, one) for one in around])))


def _squeal(x: _F, rate: float, cited: Cited) -> Answer:
    hz, frames = _frames(x, rate)
    level = 10 * np.log10(np.median(frames, axis=1) + 1e-30)
    at = int(np.argmin(np.abs(hz - (cited.at_hz or 0.0))))
    # up to 9 dB of the score come from the harmonics
    return AtLeast(float(level[at] - np.median(level[max(at - 24, 0) : at + 25])), 1.0, 12.0)


def _modulation(x: _F, rate: float, cited: Cited) -> Answer:
    loud = signal.sosfiltfilt(signal.butter(4, 300, "highpass", fs=rate, output="sos"), x)
    block = max(1, int(rate / 500))
    count = len(loud) // block
    envelope = np.sqrt((loud[: count * block] ** 2).reshape(count, block).mean(axis=1))
    depth = _line(envelope - envelope.mean(), rate / block, cited.at_hz or 0.0) / float(envelope.mean())
    return _near(100 * depth, 0.15, 1.0)


def _impacts(x: _F, rate: float, _: Cited) -> Answer:
    loud = signal.sosfiltfilt(signal.butter(4, 300, "highpass", fs=rate, output="sos"), x)
    block = max(1, int(rate / 500))
    power = (loud[: len(loud) // block * block] ** 2).reshape(-1, block).mean(axis=1)
    _, runs = ndimage.label(power > 8 * np.median(power))
    return Recomputed(runs * rate / block / len(power), 3.0 + 0.2 * runs)


def _band_around(x: _F, rate: float, hz: float, width: float) -> _F | None:
    low, high = max(hz - width / 2, 1.0), min(hz + width / 2, 0.499 * rate)
    return signal.sosfiltfilt(signal.butter(4, (low, high), "bandpass", fs=rate, output="sos"), x) if high > low else None


def _spectral_kurtosis(x: _F, rate: float, cited: Cited) -> Answer:
    best = 0.0
    for width in (rate / 16, rate / 8):
        part = _band_around(x, rate, cited.at_hz or 0.0, 0.6 * width)
        if part is not None:
            power = np.abs(signal.hilbert(part)) ** 2
            best = max(best, float(np.mean(power**2) / np.mean(power) ** 2 - 2))
    return AtLeast(best, 0.4, 0.5)


def _log_envelopes(x: _F, rate: float) -> Iterator[tuple[_F, float]]:
    """Yield the logarithm of the power of each of many bands, at a low rate."""
    for middle in np.arange(rate / 16, 0.46 * rate, rate / 32):
        part = _band_around(x, rate, middle, rate / 12)
        if part is None:
            continue
        envelope = np.log(np.abs(signal.hilbert(part)) ** 2 + 1e-3 * float(np.mean(part**2)))
        fewer = max(1, int(rate / 2000))
        yield signal.decimate(envelope - envelope.mean(), fewer, ftype="fir"), rate / fewer


def _swing_db(x: _F, rate: float, line_hz: float) -> float:
    """Return by how much the level of the best band rises and falls at a rate and its next orders, in dB."""
    found = [math.hypot(*(_line(envelope, fine, n * line_hz) for n in (1, 2, 3, 4))) for envelope, fine in _log_envelopes(x, rate)]
    return 10 / math.log(10) * max(found, default=0.0)


def _envelope_db(x: _F, rate: float, line_hz: float) -> float:
    """Return how far a line (or its second or fourth order) stands out of the Hilbert envelope of the best band, in dB."""
    best = -100.0
    for envelope, fine in _log_envelopes(x, rate):
        hz, power = signal.periodogram(envelope, fine, window="hann", nfft=4 * len(envelope))
        level = 10 * np.log10(power + 1e-30)
        for order in (1, 2, 4):
            at = np.abs(hz - order * line_hz) <= max(0.01 * order * line_hz, fine / len(envelope))
            around = np.abs(hz - order * line_hz) <= 40 * fine / len(envelope)
            if at.any():
                best = max(best, float(level[at].max() - np.median(level[around])))
    return best


def _repeated_impacts(x: _F, rate: float, cited: Cited) -> Answer:
    """Return the spectral kurtosis around a frequency without the loudest of twenty moments and its louder neighbour."""
    best = -1.0
    for width in (rate / 16, rate / 8):
        part = _band_around(x, rate, cited.at_hz or 0.0, 0.6 * width)
        if part is not None:
            power = np.abs(signal.hilbert(part)) ** 2
            moments = power[: len(power) // 20 * 20].reshape(20, -1)
            energy = moments.sum(axis=1)
            loud = int(np.argmax(energy[1:] + energy[:-1]))
            rest = np.delete(moments, (loud, loud + 1), axis=0)
            best = max(best, float(np.mean(rest**2) / np.mean(rest) ** 2 - 2))
    return AtLeast(best, 0.4, 0.5)


def _margin(x: _F, rate: float, cited: Cited) -> Answer:
    """Return what a margin of damage rests on: a line 10 dB high at its rate, or impacts 1.9 strong in its band."""
    if cited.kind == "rolling_element" and (cited.at_hz or 0.0) > rate / 64:
        impacts = _repeated_impacts(x, rate, cited)
        return AtLeast(_db(max(impacts.value, 0.01) / 1.9), 1.0, 4.0)
    return AtLeast(_envelope_db(x, rate, cited.at_hz or 0.0) - 0.4 * 10, 0.4, 2.0)


MARGINS = ("outer_race", "inner_race", "rolling_element")


def _low_line(x: _F, rate: float, cited: Cited) -> Answer:
    return Recomputed(_above(x, rate, cited.at_hz or 0.0), 2.0)


def _flatness(x: _F, rate: float, _: Cited) -> Answer:
    hz, frames = _frames(x, rate)
    mean = frames.mean(axis=1)[(hz >= 3000) & (hz < 7000)]
    return _near(float(stats.gmean(mean) / mean.mean()), 0.02)


def _centroid(x: _F, rate: float, _: Cited) -> Answer:
    hz, frames = _frames(x, rate)
    return _near(float(np.average(hz, weights=frames.mean(axis=1))), 0.02)


WAVEFORM: dict[str, Callable[[_F, float, Cited], Answer]] = {
    "loudness": lambda x, _r, _c: Recomputed(_db(float(np.var(x))), 0.1),
    "kurtosis": lambda x, _r, _c: _near(float(stats.kurtosis(x, fisher=False))),
    "crest": lambda x, _r, _c: _near(float(np.max(np.abs(x)) / np.std(x))),
    "squeal": _squeal,
    "modulation": _modulation,
    "impacts": _impacts,
    "spectral_kurtosis": _spectral_kurtosis,
    "repeated_impacts": _repeated_impacts,
    "geometry_deviation": lambda x, rate, c: AtLeast(_envelope_db(x, rate, c.at_hz or 0.0) - 8.0, 0.0, 0.0),
    "low_line": _low_line,
    "low_line_amplitude": lambda x, rate, c: _near(_line(x, rate, c.at_hz or 0.0), 0.03),
    "flatness_hiss": _flatness,
    "centroid": _centroid,
}


# --- pictures --------------------------------------------------------------------------------------------------------------------


def _grey(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> _F:
    step = max(1, min(pixels.shape[:2]) // 240)
    small = pixels[::step, ::step].astype(np.float64) / np.iinfo(pixels.dtype).max
    return small if small.ndim == 2 else small.sum(axis=2) / small.shape[2]


def _sharpness(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Answer:
    grey = _grey(pixels)
    vertical = np.abs(cv2.filter2D(grey, cv2.CV_64F, np.array([[1.0], [-2.0], [1.0]])))
    across = np.abs(cv2.filter2D(grey, cv2.CV_64F, np.array([[1.0, -2.0, 1.0]])))
    edges = (vertical + across)[1:-1, 1:-1]
    return Recomputed(_db((float(np.mean(edges**2)) + 1e-12) / (float(grey.mean()) ** 2 + 1e-6)), 0.2)


def _unevenness(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> tuple[float, float, float]:
    grey = _grey(pixels)
    height, width = grey.shape[0] // 9, grey.shape[1] // 12
    blocks = cv2.resize(grey[: 9 * height, : 12 * width], (12, 9), interpolation=cv2.INTER_AREA) / grey.mean()
    y, x = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 12), indexing="ij")
    slope_x, slope_y = (float((blocks * axis).sum() / (axis**2).sum()) for axis in (x, y))
    rest = blocks - blocks.mean() - slope_x * x - slope_y * y
    return 100 * math.hypot(slope_x, slope_y), 100 * float(rest.std()), -100 * float(rest.min())


PICTURE: dict[str, Callable[[NDArray[np.uint8] | NDArray[np.uint16]], Answer]] = {
    "brightness": lambda p: _near(100 * float(_grey(p).mean())),
    "contrast": lambda p: _near(100 * float(np.std(_grey(p)) / _grey(p).mean())),
    "dark": lambda p: _near(100 * float(np.count_nonzero(_grey(p) < 0.06)) / _grey(p).size, 0.01, 0.02),
    "glare": lambda p: _near(100 * float(np.count_nonzero(_grey(p) > 0.97)) / _grey(p).size, 0.01, 0.02),
    "sharpness": _sharpness,
    "light_slope": lambda p: _near(_unevenness(p)[0], 0.02, 0.02),
    "shading": lambda p: _near(_unevenness(p)[1], 0.02, 0.02),
    "darkest_spot": lambda p: _near(_unevenness(p)[2], 0.02, 0.02),
}
