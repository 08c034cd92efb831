"""Pictures: any depth, colour and size to 8-bit RGB of bounded size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.features.content import Picture
from inspector.parts import Frame

LONG_SIDE_PX = 640


def prepare(frame: Frame, trigger_ns: int) -> Picture:
    """Return `frame` as 8-bit RGB, shrunk (never enlarged) to `LONG_SIDE_PX`."""
    pixels = eight_bit(frame.pixels)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return Picture(shrunk(pixels[:, :, :3], LONG_SIDE_PX), frame.size_px, (frame.t_ns - trigger_ns) / 1e9)


def eight_bit(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return `pixels` as uint8. A 16-bit container is scaled by the sensor's depth: the smallest of 10, 12, 14, 16 bits that holds it."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    peak = int(pixels.max(initial=0))
    depth = next(bits for bits in (10, 12, 14, 16) if peak < 2**bits)
    return (pixels >> (depth - 8)).astype(np.uint8)


def shrunk(pixels: NDArray[np.uint8], long_side_px: int) -> NDArray[np.uint8]:
    """Return pixels with their long side at most `long_side_px`."""
    height, width = pixels.shape[:2]
    factor = long_side_px / max(height, width)
    if factor >= 1:
        return np.ascontiguousarray(pixels)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
