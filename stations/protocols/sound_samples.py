"""Samples of a decoded sound frame (PyAV) as this house holds them: one channel, float32, full scale ±1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def one_channel(frame: Any, channel: int = 0) -> NDArray[np.float32]:
    """Return one channel of a frame, counted from 0."""
    samples = frame.to_ndarray()
    chosen = samples[channel] if frame.format.is_planar else samples[0, channel :: len(frame.layout.channels)]
    if np.issubdtype(samples.dtype, np.floating):
        return np.ascontiguousarray(chosen, dtype=np.float32)
    bits = samples.dtype.itemsize * 8
    offset = 2 ** (bits - 1) if samples.dtype.kind == "u" else 0
    return np.asarray((chosen.astype(np.float64) - offset) / 2 ** (bits - 1), dtype=np.float32)
