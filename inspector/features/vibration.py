"""Vibration: spectrum in log-spaced bands, envelope spectra of carrier bands, impact statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from inspector.features.content import Array, Vectors
from inspector.features.meaning import WHOLE, Meaning, Meanings, bands, beats
from inspector.features.sound import offsets
from inspector.features.spectra import band_mean, band_peak, frame_power, log_edges, log_power, whole_power
from inspector.parts import Waveform

STEPS = 6
BAND_EDGES_HZ = log_edges(5.0, 20000.0, 14)
ENVELOPE_EDGES_HZ = log_edges(3.0, 1000.0, 16)
CARRIERS_HZ = ((150.0, 1000.0), (1000.0, 3000.0), (3000.0, 20000.0))


def describe(waveform: Waveform, trigger_ns: int) -> Vectors:
    """Return the vibration as vectors: shape of the spectrum, beating of three carrier bands, impacts, and the level."""
    samples, rate_hz = waveform.samples - waveform.samples.mean(), waveform.sample_rate_hz
    power, bins_rate_hz = whole_power(samples, rate_hz)
    level_db = float(log_power(np.asarray(np.mean(samples**2), np.float32)))
    bands = log_power(band_mean(power, bins_rate_hz, BAND_EDGES_HZ)) - level_db
    carriers = [_carrier(samples, rate_hz, low_hz, high_hz) for low_hz, high_hz in CARRIERS_HZ]
    summary = np.concatenate([bands, *carriers, _impacts(samples), [level_db]]).astype(np.float32)
    blocks = np.array_split(samples, STEPS)
    steps = np.stack([_step(block, rate_hz, level_db) for block in blocks])
    return Vectors("vibration", summary, steps, offsets(waveform, trigger_ns, STEPS))


def meanings() -> Meanings:
    """Return what each number of `describe` tells of."""
    spectrum = bands(BAND_EDGES_HZ)
    carriers = [m for band in CARRIERS_HZ for m in (*beats(ENVELOPE_EDGES_HZ, band), *[Meaning(band_hz=band)] * 3)]
    return Meanings((*spectrum, *carriers, *[WHOLE] * 6, WHOLE), (*spectrum, WHOLE))


def envelope(samples: NDArray[np.float32], rate_hz: float, low_hz: float, high_hz: float) -> Array:
    """Return the amplitude envelope of one carrier band (analytic signal by FFT; the band is cut at the Nyquist frequency)."""
    size = next_fast_len(len(samples), real=True)
    spectrum = rfft(samples, n=size)
    bins_hz = np.arange(len(spectrum)) * rate_hz / size
    band = np.where((bins_hz >= low_hz) & (bins_hz <= high_hz), spectrum, 0)
    # The quadrature part of a real signal is the same spectrum turned by -90 degrees.
    real, quadrature = irfft(band, n=size), irfft(-1j * band, n=size)
    return np.asarray(np.hypot(real, quadrature)[: len(samples)], dtype=np.float32)


def _carrier(samples: NDArray[np.float32], rate_hz: float, low_hz: float, high_hz: float) -> Array:
    bands = len(ENVELOPE_EDGES_HZ) - 1
    if low_hz * 1.2 > rate_hz / 2:
        return np.full(bands + 3, np.nan, np.float32)
    amplitude = envelope(samples, rate_hz, low_hz, high_hz)
    mean = float(amplitude.mean()) + 1e-12
    power, bins_rate_hz = whole_power(amplitude / mean, rate_hz)
    top_hz = ENVELOPE_EDGES_HZ[-1]
    used = power[: int(len(power) * min(1.0, top_hz / (bins_rate_hz / 2)))]
    floor_db = float(np.median(log_power(used))) if len(used) else 0.0
    peaks = log_power(band_peak(power, bins_rate_hz, ENVELOPE_EDGES_HZ)) - floor_db
    kurtosis = np.log(np.mean((amplitude / (np.sqrt(np.mean(amplitude**2)) + 1e-12)) ** 4))
    crest = np.log(float(amplitude.max()) / mean)
    return np.concatenate([peaks, [kurtosis, crest, np.log10(mean)]]).astype(np.float32)


def _impacts(samples: NDArray[np.float32]) -> Array:
    spread = float(samples.std()) + 1e-12
    scaled = samples / spread
    size = np.abs(scaled)
    return np.array(
        [
            np.log(np.mean(scaled**4)),
            np.mean(scaled**3),
            np.log(size.max()),
            np.log(size.max() / (np.mean(np.sqrt(size)) ** 2 + 1e-9)),
            np.log(1 / (size.mean() + 1e-9)),
            np.log(np.std(np.diff(scaled)) + 1e-9),
        ],
        dtype=np.float32,
    )


def _step(block: NDArray[np.float32], rate_hz: float, level_db: float) -> Array:
    power = frame_power(block, len(block), len(block))[0]
    bands = log_power(band_mean(power, rate_hz, BAND_EDGES_HZ)) - level_db
    return np.concatenate([bands, [np.log(np.mean((block / (block.std() + 1e-12)) ** 4))]]).astype(np.float32)
