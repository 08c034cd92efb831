"""Quality of a sound or vibration: clipping, dropped blocks, silence, noise, mains hum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft

from inspector.features.quality import AMBIGUOUS_COST, Quality, judged, ramp
from inspector.features.spectra import frame_power, hann
from inspector.parts import Waveform
from inspector.remarks import remark

Samples = NDArray[np.float32]

FEWEST_SAMPLES = 256
HELD_SAMPLES = 32
"""So many equal samples in a row are no signal: a block was lost, or the input is dead."""
SILENT_DB = {"FS": (-85.0, -100.0)}
DEAD_DB = (-100.0, -115.0)
"""For every other unit: below the noise of any accelerometer, whether in m/s² or g."""
FINEST_STEPS = 20
CUT_FROM = 0.002
"""Share of samples in flat tops from which on a signal counts as cut."""
FRAME, FRAMES, BANDS = 256, 32, 32
HISS_QUANTILE = 0.25
MAINS_HZ = (50.0, 60.0)
HARMONICS = 5
HUM_RATE_HZ = 1200.0
HUM_STANDS_OUT = 6.0
"""A mains line is this much stronger than what lies beside it."""


def assess(waveform: Waveform) -> Quality:
    """Rate a waveform. Sound and vibration are spoilt alike; only silence is counted in the unit's own terms."""
    samples = waveform.samples
    if not np.isfinite(samples).all():
        return Quality(0.0, remark("samples that are not numbers"), {})
    if len(samples) < FEWEST_SAMPLES:
        return Quality(0.0, remark("only one sample") if len(samples) == 1 else remark("only {n} samples", n=str(len(samples))), {})
    centred = samples - samples.mean()
    power = float(np.mean(centred**2))
    steps = np.abs(np.diff(samples))
    clipped, held = clipped_share(centred, steps), held_share(steps)
    is_cut = clipped >= CUT_FROM
    indicators = {
        "clipped": clipped,
        # a signal that is cut hard stands still at its rails, too: that is no lost block
        "dropped": held_share(np.where(on_a_rail(centred)[1:], 1, steps)) if is_cut and held else held,
        "level_db": float(10 * np.log10(power + 1e-12)),
        "snr_db": snr_db(centred),
        "hum": hum_share(centred, waveform.sample_rate_hz, power),
    }
    penalties = {
        "silent": ramp(indicators["level_db"], *SILENT_DB.get(waveform.unit, DEAD_DB)),
        # cut crests leave something to hear, blocks at the rails nothing
        "clipped": max(0.85 * ramp(clipped, CUT_FROM, 0.08), _standing_still(held) if is_cut else 0.0),
        "blocks dropped": _standing_still(indicators["dropped"]),
        # A hiss may be the machine's own, and so may be a line at the mains frequency.
        "noise": AMBIGUOUS_COST * ramp(indicators["snr_db"], 0.0, -12.0),
        "mains hum": AMBIGUOUS_COST * ramp(indicators["hum"], 0.5, 0.95),
    }
    return judged(penalties, indicators)


def clipped_share(centred: Samples, steps: Samples) -> float:
    """Return the share of samples in flat tops, at whatever level they were cut.

    A smooth crest, be it of a pure tone, spends more samples just below its top than at it (a sine 9.9 % in the 2 % below its last
    0.1 %, where it spends 2.8 %); a cut one the reverse. What is coarser than `FINEST_STEPS` from end to end cannot be told.
    """
    finest = float(np.where(steps > 0, steps, np.inf).min())
    high, low = float(centred.max()), float(centred.min())
    if not high - low >= FINEST_STEPS * finest:
        return 0.0
    share = 0.0
    for top, side in ((high, centred), (-low, -centred)):
        at_top = int(np.count_nonzero(side >= 0.999 * top))
        below = int(np.count_nonzero(side >= top - max(0.02 * top, 4.5 * finest))) - at_top
        share += max(0, at_top - below - 1) / len(centred)
    return share


def _standing_still(share: float) -> float:
    return ramp(share, 0.05, 0.5)


def on_a_rail(centred: Samples) -> NDArray[np.bool_]:
    """Return which samples lie at the largest or the smallest value."""
    return np.asarray((centred >= 0.999 * centred.max()) | (centred <= 0.999 * centred.min()))


def held_share(steps: Samples) -> float:
    """Return the share of samples in runs of `HELD_SAMPLES` or more equal values."""
    some = steps[:: HELD_SAMPLES // 2 - 1] == 0
    if not np.any(some[1:] & some[:-1]):  # every such run holds two neighbours of these
        return 0.0
    changes = np.flatnonzero(steps)
    runs = np.diff(np.concatenate([[-1], changes, [len(steps)]]))
    return float(runs[runs >= HELD_SAMPLES].sum() / (len(steps) + 1))


def snr_db(centred: Samples) -> float:
    """Return the power above an even hiss over that of the hiss, -20 to 60 dB.

    The hiss is read where the spectrum is lowest, so that only what reaches over all frequencies alike counts. Noise of a colour is not
    told from a machine's own by one recording; nor should it be, as faults are broad, too (an inner-race fault hides all lines).
    """
    hop = max(FRAME, (len(centred) - FRAME) // FRAMES)
    bands = frame_power(centred, FRAME, hop).mean(axis=0)[1:].reshape(BANDS, -1).mean(axis=1)
    hiss = float(np.quantile(bands, HISS_QUANTILE))
    ratio = (float(bands.mean()) - hiss) / max(hiss, 1e-20)
    return float(np.clip(10 * np.log10(max(ratio, 1e-9)), -20.0, 60.0))


def hum_share(centred: Samples, sample_rate_hz: float, power: float) -> float:
    """Return the share of power in lines at the mains frequency and its multiples; 0 where the signal is too short to tell lines."""
    block = max(1, int(sample_rate_hz // HUM_RATE_HZ))
    slow = centred[: len(centred) // block * block].reshape(-1, block) @ np.full(block, 1 / block, np.float32)
    rate_hz = sample_rate_hz / block
    if len(slow) < rate_hz / 2 or power <= 0:
        return 0.0
    window = hann(len(slow))
    size = next_fast_len(len(slow), real=True)
    spectrum = np.abs(rfft(slow * window, n=size)) ** 2 * (2 / (size * float(window @ window)))
    lines = [_lines(spectrum, mains_hz * size / rate_hz) for mains_hz in MAINS_HZ]
    return min(1.0, max(lines) / power)


def _lines(spectrum: Samples, spacing: float) -> float:
    """Return the power in lines at multiples of `spacing` bins, each where it stands out from its neighbours."""
    found = 0.0
    for number in range(1, HARMONICS + 1):
        middle = round(number * spacing)
        if middle + 8 >= len(spectrum):
            break
        beside = np.concatenate([spectrum[max(0, middle - 8) : max(0, middle - 3)], spectrum[middle + 4 : middle + 9]]).mean()
        line = spectrum[max(0, middle - 2) : middle + 3]
        if line.max() > HUM_STANDS_OUT * beside:
            found += float(line.sum() - len(line) * beside)
    return found
