"""The same part heard again on another day: sounds, vibrations and series altered as a line alters them, and at times made bad.

Made on the raw signals, so that everything that is computed of them follows. What a part is stays as it is: its label holds for every view.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inspector.degradations import degraded, noisy
from inspector.parts import Channel, Modality, PartRecord, Series, Waveform

Random = np.random.Generator

GAIN_DB: dict[Modality, float] = {"audio": 6.0, "vibration": 1.0}
"""A microphone is moved and turned up; an accelerometer is screwed on and calibrated, and how strongly a machine shakes means something."""
BACKGROUND_SNR_DB = (15.0, 40.0)
TEMPO = 0.03
"""Share by which the machine may run faster or slower."""
JITTER = 0.3
"""Noise on a series, as a share of its usual step."""
WARP = 0.03
"""How far a moment of a series may be shifted, as a share of its span; below 1 / 2π, so that time never runs backward."""
BAD_SHARE = 0.15
"""So many channels are made bad, by a random way and strength: what it sounds like then, and how little to trust it."""


def altered(record: PartRecord, random: Random) -> PartRecord:
    """Return the part without its pictures, its signals as another day might have brought them."""
    waveforms = {name: _wave(wave, record.channels[name], random) for name, wave in record.waveforms.items()}
    series = {name: _course(one, record.channels[name], random) for name, one in record.series.items()}
    return replace(record, frames={}, waveforms=waveforms, series=series)


def _wave(wave: Waveform, channel: Channel, random: Random) -> Waveform:
    if random.random() < BAD_SHARE:
        bad, _ = degraded(wave, channel.modality, random)
        assert isinstance(bad, Waveform)
        return bad
    background = noisy(wave, random.uniform(*BACKGROUND_SNR_DB), random, colour=float(random.uniform(0, 1)))
    gain_db = GAIN_DB.get(channel.modality, 0.0)
    louder = background.samples * np.float32(10 ** (random.uniform(-gain_db, gain_db) / 20))
    # Played at another rate, every tone of the machine moves alike, as it does with its speed.
    return replace(background, samples=louder, sample_rate_hz=wave.sample_rate_hz * (1 + random.uniform(-TEMPO, TEMPO)))


def _course(series: Series, channel: Channel, random: Random) -> Series:
    if random.random() < BAD_SHARE:
        bad, _ = degraded(series, channel.modality, random)
        assert isinstance(bad, Series)
        return bad
    steps = np.abs(np.diff(series.values[np.isfinite(series.values)]))
    noise = random.normal(0, JITTER * (np.median(steps) if len(steps) else 0.0), len(series.values))
    span_ns = int(series.t_ns[-1] - series.t_ns[0]) if len(series.t_ns) else 0
    turn = (series.t_ns - series.t_ns[:1]) / max(span_ns, 1) * 2 * np.pi
    # Both ends stay: the window of a part is what it is.
    shift_ns = WARP * span_ns * random.uniform(-1, 1) * np.sin(turn)
    return replace(series, t_ns=series.t_ns + shift_ns.astype(np.int64), values=series.values + noise)
