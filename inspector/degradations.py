"""What makes a signal worse by degrees: blur, noise, clipping, gaps. Training teaches with it what to trust, and the benches measure it.

Pure functions on raw signals. A device that fails as a whole is in `faults`; here a channel still works, only not well.
`DEGRADATIONS` names each with the unit of its strength and the span from hardly seen (`mild`) to hardly of use (`severe`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.parts import Frame, Modality, Series, Signal, Waveform

Random = np.random.Generator

REFERENCE_PX = 256
"""Lengths in pictures are given in px of a picture whose long side has this many, so that they mean the same at every resolution."""
BLOCK_S = 0.02
"""Waveforms are lost in blocks of this length."""
HUM_HARMONICS = (1.0, 0.5, 0.35, 0.2, 0.15)
"""Amplitudes of the mains frequency and its multiples, as a ground loop gives them."""


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way in which a channel gets worse; `strength` runs from `mild` to `severe`, whichever of the two is the larger number."""

    name: str
    modalities: tuple[Modality, ...]
    unit: str
    mild: float
    severe: float
    _apply: Callable[[Any, float, Random], Signal]

    def apply(self, signal: Signal, strength: float, random: Random) -> Signal:
        """Return the signal as it would have come from a channel that is this bad."""
        return self._apply(signal, strength, random)

    def strengths(self, count: int) -> list[float]:
        """Return `count` strengths from mild to severe, evenly spaced."""
        return [float(value) for value in np.linspace(self.mild, self.severe, count)]


def degraded(signal: Signal, modality: Modality, random: Random) -> tuple[Signal, str]:
    """Return the signal made worse in a random way by a random strength, and the name of the way."""
    ways = [way for way in DEGRADATIONS if modality in way.modalities]
    way = ways[int(random.integers(len(ways)))]
    return way.apply(signal, way.mild + float(random.random()) * (way.severe - way.mild), random), way.name


# --- pictures ------------------------------------------------------------------------------------------------------------------


def blurred(frame: Frame, sigma_px: float, random: Random | None = None) -> Frame:  # noqa: ARG001 - all degradations are called alike
    """Return the picture out of focus by a Gaussian of `sigma_px`."""
    sigma = max(sigma_px * _scale(frame), 1e-3)
    return _seen(frame, cv2.GaussianBlur(frame.pixels, (0, 0), sigma))


def smeared(frame: Frame, length_px: float, random: Random) -> Frame:
    """Return the picture as if the part had moved by `length_px` in a random direction during the exposure."""
    length, angle = max(length_px * _scale(frame), 1.0), float(random.uniform(0, np.pi))
    half = int(np.ceil(length / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for step in np.linspace(-length / 2, length / 2, 8 * half + 1):
        x, y = half + step * np.cos(angle), half + step * np.sin(angle)
        column, row = min(int(x), 2 * half - 1), min(int(y), 2 * half - 1)
        right, down = x - column, y - row
        kernel[row : row + 2, column : column + 2] += np.outer([1 - down, down], [1 - right, right])
    return _seen(frame, cv2.filter2D(frame.pixels, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101))


def occluded(frame: Frame, share: float, random: Random) -> Frame:
    """Return the picture with `share` of it hidden behind something of one colour and a little noise: a chip, a hose, a sleeve."""
    height, width = frame.pixels.shape[:2]
    top = _full_scale(frame)
    aspect = float(np.exp(random.uniform(-0.7, 0.7)))
    wide = min(width, round(width * np.sqrt(share) * aspect))
    high = min(height, round(share * height * width / max(wide, 1)))
    wide = min(width, round(share * height * width / max(high, 1)))
    x, y = int(random.integers(width - wide + 1)), int(random.integers(height - high + 1))
    pixels = frame.pixels.copy()
    patch = pixels[y : y + high, x : x + wide]
    shade = np.asarray(random.uniform(0.05, 0.8) * top + random.normal(0, 0.004 * top, patch.shape[:2]))
    patch[...] = np.clip(shade, 0, top).astype(pixels.dtype).reshape(*shade.shape, *[1] * (patch.ndim - 2))
    return _seen(frame, pixels)


def compressed(frame: Frame, jpeg_quality: float, random: Random | None = None) -> Frame:  # noqa: ARG001
    """Return the picture after JPEG of this quality (100 best, 1 worst)."""
    scale = _full_scale(frame) / 255
    eight = np.round(frame.pixels / scale).astype(np.uint8)
    coded = cv2.imencode(".jpg", eight, (cv2.IMWRITE_JPEG_QUALITY, max(1, round(jpeg_quality))))[1]
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED))
    return _seen(frame, np.round(decoded * scale))


def exposed(frame: Frame, stops: float, random: Random | None = None) -> Frame:  # noqa: ARG001
    """Return the picture exposed `stops` too long (> 0) or too short: each stop doubles or halves the light."""
    return _seen(frame, np.clip(frame.pixels * 2.0**stops, 0, _full_scale(frame)))


def _seen(frame: Frame, pixels: NDArray[Any]) -> Frame:
    return replace(frame, pixels=pixels.astype(np.uint8) if frame.pixels.dtype == np.uint8 else pixels.astype(np.uint16))


def _scale(frame: Frame) -> float:
    return max(frame.size_px) / REFERENCE_PX


def _full_scale(frame: Frame) -> float:
    """Return the highest value of the picture's depth; a 16-bit container is as deep as its brightest pixel needs."""
    if frame.pixels.dtype == np.uint8:
        return 255.0
    peak = int(frame.pixels.max(initial=0))
    return next(float(2**bits - 1) for bits in (10, 12, 14, 16) if peak < 2**bits)


# --- sound, vibration ----------------------------------------------------------------------------------------------------------


def noisy(wave: Waveform, snr_db: float, random: Random, *, colour: float = 0.0) -> Waveform:
    """Return the waveform with noise at this ratio of its power to the noise's; `colour` 0 is white, 1 pink."""
    noise = random.standard_normal(len(wave.samples))
    if colour > 0 and len(noise) > 1:
        spectrum = np.fft.rfft(noise)
        noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** (colour / 2), n=len(noise))
    wanted = _spread(wave.samples) * 10 ** (-snr_db / 20)
    return _with(wave, wave.samples + noise * (wanted / max(_spread(noise), 1e-12)))


def clipped(wave: Waveform, ratio: float, random: Random | None = None) -> Waveform:  # noqa: ARG001
    """Return the waveform cut at `ratio` of its own peak."""
    top = ratio * float(np.abs(wave.samples).max(initial=0))
    return _with(wave, np.clip(wave.samples, -top, top))


def humming(wave: Waveform, ratio_db: float, random: Random) -> Waveform:
    """Return the waveform with mains hum (50 or 60 Hz and multiples) of this power above the signal's own."""
    mains_hz = float(random.choice((50.0, 60.0)))
    t_s = np.arange(len(wave.samples)) / wave.sample_rate_hz
    hum = np.zeros(len(t_s))
    for number, amplitude in enumerate(HUM_HARMONICS, start=1):
        if number * mains_hz < wave.sample_rate_hz / 2:
            hum += amplitude * np.sin(2 * np.pi * number * mains_hz * t_s + random.uniform(0, 2 * np.pi))
    return _with(wave, wave.samples + hum * (_spread(wave.samples) * 10 ** (ratio_db / 20) / max(_spread(hum), 1e-12)))


def dropped(wave: Waveform, share: float, random: Random) -> Waveform:
    """Return the waveform with `share` of its blocks lost; a driver fills them with the last value that it has."""
    block = max(2, round(BLOCK_S * wave.sample_rate_hz))
    samples = wave.samples.copy()
    for start in range(0, len(samples), block):
        if random.random() < share:
            samples[start : start + block] = samples[max(start - 1, 0)]
    return _with(wave, samples)


def _with(wave: Waveform, samples: NDArray[Any]) -> Waveform:
    return replace(wave, samples=samples.astype(np.float32))


def _spread(samples: NDArray[Any]) -> float:
    return float(np.std(samples)) if len(samples) else 0.0


# --- series --------------------------------------------------------------------------------------------------------------------


def stuck(series: Series, share: float, random: Random | None = None) -> Series:  # noqa: ARG001
    """Return the series with the last `share` of its values held at the one before them; 1: it never moves."""
    values = series.values.copy()
    first = max(0, min(len(values) - 1, round((1 - share) * len(values)) - 1))
    values[first:] = values[first : first + 1]
    return replace(series, values=values)


def with_gaps(series: Series, share: float, random: Random) -> Series:
    """Return the series with `share` of its values missing, in up to three runs; at least two values stay."""
    values = series.values.copy()
    missing = min(round(share * len(values)), len(values) - 2)
    runs = int(random.integers(1, 4))
    for length in np.diff(np.round(np.linspace(0, max(missing, 0), runs + 1)).astype(int)):
        known = np.flatnonzero(np.isfinite(values))
        if length > 0 and len(known) - length >= 2:
            start = int(random.integers(len(known) - length + 1))
            values[known[start : start + length]] = np.nan
    return replace(series, values=values)


def unsteady(series: Series, ratio: float, random: Random) -> Series:
    """Return the series read at uneven times: `ratio` of its readings were skipped, and the others came up to a step late."""
    kept = np.sort(random.permutation(len(series.t_ns))[: max(2, round((1 - ratio) * len(series.t_ns)))])
    t_ns, values = series.t_ns[kept], series.values[kept]
    step_ns = float(np.median(np.diff(series.t_ns))) if len(series.t_ns) > 1 else 0.0
    late_ns = (random.uniform(0, ratio, len(kept)) * step_ns).astype(np.int64)
    return replace(series, t_ns=t_ns + late_ns, values=values)


DEGRADATIONS: tuple[Degradation, ...] = (
    Degradation("blur", ("image",), "px", 0.5, 5.0, blurred),
    Degradation("motion blur", ("image",), "px", 2.0, 24.0, smeared),
    Degradation("occlusion", ("image",), "share", 0.05, 0.6, occluded),
    Degradation("compression", ("image",), "JPEG quality", 50.0, 3.0, compressed),
    Degradation("overexposure", ("image",), "stops", 0.5, 3.0, exposed),
    Degradation("underexposure", ("image",), "stops", -1.0, -6.0, exposed),
    Degradation("noise", ("audio", "vibration"), "dB SNR", 20.0, -10.0, noisy),
    Degradation("factory noise", ("audio", "vibration"), "dB SNR", 20.0, -10.0, partial(noisy, colour=1.0)),
    Degradation("clipping", ("audio", "vibration"), "share of peak", 0.6, 0.03, clipped),
    Degradation("hum", ("audio", "vibration"), "dB", -20.0, 20.0, humming),
    Degradation("dropped blocks", ("audio", "vibration"), "share", 0.05, 0.8, dropped),
    Degradation("stuck", ("series",), "share", 0.2, 1.0, stuck),
    Degradation("gaps", ("series",), "share", 0.1, 0.9, with_gaps),
    Degradation("unsteady rate", ("series",), "share", 0.1, 0.8, unsteady),
)
