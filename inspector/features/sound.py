"""Sound: log-mel spectrum over time, modulation and harmony."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from inspector.features.content import Array, Vectors
from inspector.features.meaning import WHOLE, Meaning, Meanings, beats
from inspector.features.spectra import band_mean, frame_power, log_edges, log_power, mel_edges, mel_mean, whole_power
from inspector.parts import Waveform

FRAME_S = 0.064
STEPS = 8
MEL_CORNERS_HZ = mel_edges(40.0, 8000.0, 64)
MODULATION_EDGES_HZ = log_edges(2.0, 200.0, 12)
CEPSTRUM = 32


def describe(waveform: Waveform, trigger_ns: int) -> Vectors:
    """Return the sound as vectors, relative to its level: a microphone's gain is turned, and no microphone of a line is calibrated."""
    samples, rate_hz = waveform.samples - waveform.samples.mean(), waveform.sample_rate_hz
    length = int(2 ** round(np.log2(max(FRAME_S * rate_hz, 16))))
    power = frame_power(samples, length, length // 2)
    log_mel = log_power(mel_mean(power, rate_hz, MEL_CORNERS_HZ))
    level_db = float(log_power(np.asarray(power.mean(), np.float32)))
    shape = log_mel - level_db
    mean = shape.mean(axis=0)
    summary = np.concatenate(
        [
            mean,
            shape.std(axis=0),
            np.percentile(shape, 95, axis=0) - mean,
            _modulation(samples, rate_hz),
            _harmony(power),
            [_flatness(power), _kurtosis(samples), float(np.std(log_power(power.mean(axis=1))))],
        ]
    ).astype(np.float32)
    # A very short sound has fewer frames than steps: its frames are then repeated.
    spread = shape if len(shape) >= STEPS else np.repeat(shape, -(-STEPS // len(shape)), axis=0)
    steps = np.stack([block.mean(axis=0) for block in np.array_split(spread, STEPS)])
    return Vectors("audio", summary, steps.astype(np.float32), offsets(waveform, trigger_ns, STEPS))


def meanings() -> Meanings:
    """Return what each number of `describe` tells of."""
    mel = tuple(Meaning(band_hz=(low, high)) for low, high in zip(MEL_CORNERS_HZ[:-2], MEL_CORNERS_HZ[2:], strict=True))
    return Meanings((*mel, *mel, *mel, *beats(MODULATION_EDGES_HZ), *[WHOLE] * CEPSTRUM, *[WHOLE] * 3), mel)


def offsets(waveform: Waveform, trigger_ns: int, steps: int) -> Array:
    """Return the middles of `steps` equal spans of a waveform, in seconds relative to the trigger."""
    start_s = (waveform.start_ns - trigger_ns) / 1e9
    return (start_s + (np.arange(steps) + 0.5) * waveform.duration_s / max(steps, 1)).astype(np.float32)


def _modulation(samples: NDArray[np.float32], rate_hz: float) -> Array:
    """Return how the loudness beats: the spectrum of the squared signal in bands, relative to its mean, in dB."""
    block = max(1, int(rate_hz // 1000))
    usable = len(samples) // block * block
    loudness = np.sqrt((samples[:usable].reshape(-1, block) ** 2).mean(axis=1) + 1e-12).astype(np.float32)
    power, bins_rate_hz = whole_power(loudness / loudness.mean(), rate_hz / block)
    return log_power(band_mean(power, bins_rate_hz, MODULATION_EDGES_HZ))


def _harmony(power: Array) -> Array:
    """Return the low cepstrum of the mean spectrum: its comb, hence pitch and richness, without its level."""
    spectrum = log_power(power.mean(axis=0))
    cepstrum = np.asarray(dct(spectrum, norm="ortho"), dtype=np.float32)
    return cepstrum[1 : CEPSTRUM + 1] / np.float32(np.sqrt(len(spectrum)))


def _flatness(power: Array) -> float:
    mean = power.mean(axis=0)[1:] + 1e-12
    return float(10 * (np.log10(mean).mean() - np.log10(mean.mean())))


def _kurtosis(samples: NDArray[np.float32]) -> float:
    spread = float(samples.std()) + 1e-9
    return float(np.log(np.mean((samples / spread) ** 4) + 1e-6))
