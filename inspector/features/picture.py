"""Pictures: any depth, colour and size to 8-bit RGB of bounded size; focus, exposure and occlusion as quality."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.features.content import Picture
from inspector.features.quality import Quality, judged, ramp
from inspector.parts import Frame

LONG_SIDE_PX = 640
ASSESS_SIDE_PX = 256


def prepare(frame: Frame, trigger_ns: int) -> Picture:
    """Return `frame` as 8-bit RGB, shrunk (never enlarged) to `LONG_SIDE_PX`."""
    pixels = eight_bit(frame.pixels)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return Picture(_shrunk(pixels[:, :, :3], LONG_SIDE_PX), frame.size_px, (frame.t_ns - trigger_ns) / 1e9)


def eight_bit(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return `pixels` as uint8. A 16-bit container is scaled by the sensor's depth: the smallest of 10, 12, 14, 16 bits that holds it."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    peak = int(pixels.max(initial=0))
    depth = next(bits for bits in (10, 12, 14, 16) if peak < 2**bits)
    return (pixels >> (depth - 8)).astype(np.uint8)


def assess(frame: Frame) -> Quality:
    """Rate focus, exposure and occlusion of a picture."""
    pixels = eight_bit(frame.pixels)
    grey = _shrunk(pixels if pixels.ndim == 2 else _grey(pixels), ASSESS_SIDE_PX)
    if min(grey.shape[:2]) < 8:
        return Quality(0.0, "picture too small to judge", {})
    indicators = {
        "bright": float(np.mean(grey >= 250)),
        "dark": float(np.mean(grey <= 5)),
        "level": float(np.mean(grey)) / 255,
        "blur": _blur(grey),
        "sharpness": float(np.log10(cv2.Laplacian(grey, cv2.CV_32F).var() + 1e-3)),
        "contrast": float(np.log10(grey.std() + 1e-2)),
        "covered": _covered(grey),
    }
    penalties = {
        "overexposed": ramp(indicators["bright"], 0.25, 0.7),
        "underexposed": max(ramp(indicators["dark"], 0.5, 0.95), ramp(indicators["level"], 0.08, 0.02)),
        "out of focus": ramp(indicators["blur"], 0.75, 0.95),
        "occluded": ramp(indicators["covered"], 0.06, 0.3),
        "no contrast": ramp(indicators["contrast"], 0.3, -0.3),
    }
    return judged(penalties, indicators)


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels[:, :, :3]), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _blur(grey: NDArray[np.uint8]) -> float:
    """Return 0 (sharp) to 1 (blurred): what is left of local variation after blurring again (Crete et al., 2007)."""
    image = grey.astype(np.float32)
    shares = []
    for axis, kernel in ((0, (1, 9)), (1, (9, 1))):
        again = cv2.blur(image, kernel)
        variation = np.abs(np.diff(image, axis=axis))
        lost = np.maximum(variation - np.abs(np.diff(again, axis=axis)), 0)
        shares.append(float(1 - lost.sum() / max(float(variation.sum()), 1e-6)))
    return max(shares)


def _covered(grey: NDArray[np.uint8]) -> float:
    """Return the share of the picture that one perfectly even patch covers: paint, tape or a dead sensor block, not a surface."""
    spread = cv2.dilate(grey, np.ones((5, 5), np.uint8)) - cv2.erode(grey, np.ones((5, 5), np.uint8))
    even = ((spread == 0) & (grey < 250)).astype(np.uint8)
    _, _, statistics, _ = cv2.connectedComponentsWithStats(even)
    return int(statistics[1:, cv2.CC_STAT_AREA].max(initial=0)) / grey.size


def _shrunk(pixels: NDArray[np.uint8], long_side_px: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    factor = long_side_px / max(height, width)
    if factor >= 1:
        return np.ascontiguousarray(pixels)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
