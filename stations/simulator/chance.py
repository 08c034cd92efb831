"""Random numbers that depend on what they are for, and never on the order in which they are asked for."""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Samples = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_SHIFT = 1 << 40
"""Added to an index: a seed must not be negative, and the line's history before its first part is."""


def rng_for(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Return the generator that belongs to one purpose (a channel, a defect) and one index (a block, a part)."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(purpose.encode()), index + _SHIFT]))


@lru_cache(maxsize=256)
def white(seed: int, purpose: str, block: int, count: int) -> Samples:
    """Return the white noise (unit variance) of one block of a stream."""
    noise = rng_for(seed, purpose, block).standard_normal(count, dtype=np.float32)
    noise.setflags(write=False)
    return noise


def coloured(seed: int, purpose: str, block: int, count: int, kernel: Samples) -> Samples:
    """Return one block of filtered noise that joins its neighbours without a seam. The kernel is at most one block long."""
    memory = white(seed, purpose, block - 1, count)[count - len(kernel) + 1 :]
    return np.convolve(np.concatenate([memory, white(seed, purpose, block, count)]), kernel, mode="valid")
