"""Spectra that mean the same at every sampling rate: fixed bands in hertz; what lies above the Nyquist frequency is NaN."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft

from inspector.features.content import Array

FLOOR = 1e-12


def frame_power(samples: NDArray[np.float32], length: int, hop: int) -> Array:
    """Return the power spectra (frames, length // 2 + 1) of Hann-windowed frames; a shorter signal is padded to one frame."""
    if len(samples) < length:
        samples = np.pad(samples, (0, length - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]
    spectrum = rfft(frames * hann(length), axis=1)
    return np.asarray(np.abs(spectrum) ** 2 / length, dtype=np.float32)


def band_mean(power: Array, sample_rate_hz: float, edges_hz: tuple[float, ...]) -> Array:
    """Return the mean power (…, bands) between neighbouring edges; a band narrower than a bin takes the bins around it."""
    weights, known = _band_weights(power.shape[-1], float(sample_rate_hz), edges_hz)
    bands = power @ weights
    return np.where(known, bands, np.nan).astype(np.float32)


def band_peak(power: Array, sample_rate_hz: float, edges_hz: tuple[float, ...]) -> Array:
    """Return the highest power (bands,) between neighbouring edges of one spectrum (bins,)."""
    bins_hz = np.linspace(0, sample_rate_hz / 2, len(power))
    starts = np.searchsorted(bins_hz, edges_hz)
    peaks = np.full(len(edges_hz) - 1, np.nan, np.float32)
    for band, (start, end) in enumerate(itertools.pairwise(starts)):
        end = max(end, start + 1)
        if end <= len(power):
            peaks[band] = power[start:end].max()
    return peaks


def whole_power(samples: NDArray[np.float32], sample_rate_hz: float) -> tuple[Array, float]:
    """Return the power spectrum of the whole signal and the rate at which its bins lie (padding keeps frequencies exact)."""
    size = next_fast_len(max(len(samples), 16), real=True)
    centred = samples - samples.mean()
    spectrum = rfft(centred * hann(len(centred)), n=size)
    return (np.abs(spectrum) ** 2 / max(len(samples), 1)).astype(np.float32), sample_rate_hz * 2 * (len(spectrum) - 1) / size


def log_edges(low_hz: float, high_hz: float, per_decade: int) -> tuple[float, ...]:
    """Return band edges spaced evenly in log frequency."""
    count = round(np.log10(high_hz / low_hz) * per_decade) + 1
    return tuple(float(edge) for edge in np.geomspace(low_hz, high_hz, count))


def mel_edges(low_hz: float, high_hz: float, bands: int) -> tuple[float, ...]:
    """Return the corners of `bands` overlapping triangles on the mel scale (O'Shaughnessy): `bands` + 2 values."""
    low, high = 2595 * np.log10(1 + low_hz / 700), 2595 * np.log10(1 + high_hz / 700)
    return tuple(float(hz) for hz in 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1))


def mel_mean(power: Array, sample_rate_hz: float, corners_hz: tuple[float, ...]) -> Array:
    """Return the mean power (…, bands) under triangles with these corners."""
    weights, known = _triangles(power.shape[-1], float(sample_rate_hz), corners_hz)
    return np.where(known, power @ weights, np.nan).astype(np.float32)


def log_power(power: Array) -> Array:
    """Return decibels, with a floor far below any sensor's noise."""
    return np.asarray(10 * np.log10(power + FLOOR), dtype=np.float32)


@lru_cache(maxsize=16)
def hann(length: int) -> Array:
    """Return the periodic Hann window; do not write into it."""
    window: Array = np.hanning(length + 1)[:-1].astype(np.float32)
    return window


@lru_cache(maxsize=32)
def _band_weights(bins: int, sample_rate_hz: float, edges_hz: tuple[float, ...]) -> tuple[Array, NDArray[np.bool_]]:
    step_hz = sample_rate_hz / 2 / (bins - 1)
    edges = np.asarray(edges_hz)
    low, high = edges[:-1, None], edges[1:, None]
    middles = np.arange(bins) * step_hz
    overlap = np.clip(np.minimum(high, middles + step_hz / 2) - np.maximum(low, middles - step_hz / 2), 0, None)
    weights = overlap / np.maximum(overlap.sum(axis=1, keepdims=True), 1e-9)
    return weights.T.astype(np.float32), edges[1:] <= sample_rate_hz / 2


@lru_cache(maxsize=32)
def _triangles(bins: int, sample_rate_hz: float, corners_hz: tuple[float, ...]) -> tuple[Array, NDArray[np.bool_]]:
    step_hz = sample_rate_hz / 2 / (bins - 1)
    corners = np.asarray(corners_hz)
    middles = np.arange(bins) * step_hz
    # A triangle narrower than a bin would see nothing: it is widened to one bin on each side.
    centre = corners[1:-1, None]
    left, right = np.maximum(centre - corners[:-2, None], step_hz), np.maximum(corners[2:, None] - centre, step_hz)
    weights = np.clip(np.minimum(1 - (centre - middles) / left, 1 - (middles - centre) / right), 0, None)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    return weights.T.astype(np.float32), corners[2:] <= sample_rate_hz / 2 * 1.001
