"""A part of the size that lines have, for measuring: a picture of 640 x 480, 2 s of sound, 1 s of vibration, 60 s of each series."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inspector.parts import Channel, Frame, Modality, PartRecord, Series, Trigger, Waveform

SOUND_HZ, VIBRATION_HZ, SERIES_HZ = 44_100.0, 20_000.0, 10.0
SOUND_S, VIBRATION_S, SERIES_S = 2.0, 1.0, 60.0
SIZE_PX = (640, 480)


def made_up_part(channels: Mapping[str, Modality], seed: int) -> PartRecord:
    """Return a part of chance with these channels, all whole and on one clock."""
    random = np.random.default_rng(seed)
    frames, waveforms, series = {}, {}, {}
    for name, modality in channels.items():
        if modality == "image":
            coarse = random.integers(60, 190, (SIZE_PX[1] // 16, SIZE_PX[0] // 16, 3), dtype=np.uint8)
            pixels = coarse.repeat(16, axis=0).repeat(16, axis=1)
            frames[name] = Frame(0, (pixels + random.integers(0, 20, pixels.shape, dtype=np.uint8)).astype(np.uint8))
        elif modality == "series":
            t_ns = -np.arange(int(SERIES_S * SERIES_HZ))[::-1] * round(1e9 / SERIES_HZ)
            series[name] = Series(t_ns.astype(np.int64), random.normal(20, 1, len(t_ns)), "")
        else:
            rate_hz, span_s = (SOUND_HZ, SOUND_S) if modality == "audio" else (VIBRATION_HZ, VIBRATION_S)
            samples = (0.1 * random.normal(size=int(rate_hz * span_s))).astype(np.float32)
            waveforms[name] = Waveform(-round(span_s * 1e9), rate_hz, samples, "")
    return PartRecord(
        trigger=Trigger("bench", f"made-up-{seed}", 0),
        channels={name: Channel(name, modality) for name, modality in channels.items()},
        frames=frames,
        waveforms=waveforms,
        series=series,
        sync_error_ns=dict.fromkeys(channels, 0),
    )
