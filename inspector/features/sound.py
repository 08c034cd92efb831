"""Sound: log-mel spectrum over time, modulation and harmony; clipping, silence and dropped blocks as quality."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from inspector.features.content import Array, Vectors
from inspector.features.meaning import WHOLE, Meaning, Meanings, beats
from inspector.features.quality import Quality, judged, ramp
from inspector.features.spectra import band_mean, frame_power, log_edges, log_power, mel_edges, mel_mean, whole_power
from inspector.parts import Waveform

FRAME_S = 0.064
STEPS = 8
MEL_CORNERS_HZ = mel_edges(40.0, 8000.0, 64)
MODULATION_EDGES_HZ = log_edges(2.0, 200.0, 12)
CEPSTRUM = 32


def describe(waveform: Waveform, trigger_ns: int) -> Vectors:
    """Return the sound as vectors. The level is one number of the summary; everything else is relative to it."""
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
            [level_db, _flatness(power), _kurtosis(samples), float(np.std(log_power(power.mean(axis=1))))],
        ]
    ).astype(np.float32)
    # A very short sound has fewer frames than steps: its frames are then repeated.
    spread = shape if len(shape) >= STEPS else np.repeat(shape, -(-STEPS // len(shape)), axis=0)
    steps = np.stack([block.mean(axis=0) for block in np.array_split(spread, STEPS)])
    return Vectors("audio", summary, steps.astype(np.float32), offsets(waveform, trigger_ns, STEPS))


def meanings() -> Meanings:
    """Return what each number of `describe` tells of."""
    mel = tuple(Meaning(band_hz=(low, high)) for low, high in zip(MEL_CORNERS_HZ[:-2], MEL_CORNERS_HZ[2:], strict=True))
    return Meanings((*mel, *mel, *mel, *beats(MODULATION_EDGES_HZ), *[WHOLE] * CEPSTRUM, *[WHOLE] * 4), mel)


def assess(waveform: Waveform) -> Quality:
    """Rate clipping, silence and dropped blocks of a sound."""
    samples = waveform.samples
    if len(samples) < 256 or not np.isfinite(samples).all():
        return Quality(0.0, "sound too short or not a number", {})
    peak = float(np.abs(samples).max())
    indicators = {
        "clipped": clipped_share(samples),
        "level_db": float(10 * np.log10(np.mean(samples**2) + 1e-12)),
        "dropped": held_share(samples),
        "flatness": _flatness(frame_power(samples - samples.mean(), 512, 512)),
        "crest_db": float(20 * np.log10(peak / (float(samples.std()) + 1e-9) + 1e-9)),
    }
    penalties = {
        "clipped": 0.85 * ramp(indicators["clipped"], 0.002, 0.08),
        "silent": ramp(indicators["level_db"], -85.0, -100.0),
        "blocks dropped": ramp(indicators["dropped"], 0.05, 0.5),
    }
    return judged(penalties, indicators)


def clipped_share(samples: NDArray[np.float32]) -> float:
    """Return the share of samples that stand in a run at the signal's own extremes: a flat top, at whatever level it was cut."""
    peak = float(np.abs(samples).max())
    if peak <= 0:
        return 0.0
    at_top = np.abs(samples) >= 0.995 * peak
    in_run = at_top[1:] & at_top[:-1]
    return float(in_run.mean())


def held_share(samples: NDArray[np.float32]) -> float:
    """Return the share of samples in runs of 32 or more equal values: dropped blocks, or a dead input."""
    changes = np.flatnonzero(np.diff(samples) != 0)
    borders = np.concatenate([[-1], changes, [len(samples) - 1]])
    runs = np.diff(borders)
    return float(runs[runs >= 32].sum() / len(samples))


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
