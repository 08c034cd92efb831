"""Heat maps at the picture's own scale: within a hot place, the pixels that differ from their surroundings are the hottest.

A place of the network's finest map is eight of its pixels wide, a crack is one or two: its peak lies beside the crack as often as
on it. Where in the hot place the defect is, the picture tells, as the gradient of the pixels does in guided Grad-CAM (Selvaraju et
al., 2017), at the price of two blurs. README, "Recorded data", has what came of it as "pointing".
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Pixels = NDArray[np.uint8]

WEIGHT = 0.25
"""Power of the detail beside the heat: more of it makes maps of texture."""
FINE_PX, COARSE_PX, NEAR_PX = 1.0, 6.0, 24
"""In pixels of the network's input: what is smaller is grain, what is larger is shading, and within this reach details are compared."""
GRAIN = 4.0
"""Difference of colour (of 255 steps, summed over L, a and b) that says nothing: a surface without detail keeps its heat."""
FINEST = 2.0
"""Details are looked for in the picture at up to this many of its pixels for one of the network's: finer ones are not seen in a map."""


def sharpened(heat: Map, details: Map) -> Map:
    """Return a map of places `heat` (h, w), 0 or more, at the size of `details` and following them. Nothing gets hotter than it was."""
    size_px = (details.shape[1], details.shape[0])
    smooth = np.clip(cv2.resize(heat, size_px, interpolation=cv2.INTER_CUBIC), 0, float(heat.max(initial=0.0)))
    return np.asarray(smooth * details**WEIGHT, dtype=np.float32)


def details_of(pixels: Pixels, size_px: tuple[int, int], input_size: tuple[int, int]) -> Map:
    """Return how much each pixel differs from its surroundings, beside what differs most nearby: above 0, up to 1.

    `pixels` (H, W, 3) RGB at any size, `size_px` (width, height) of what is returned, `input_size` (height, width) that the network reads.
    """
    zoom = (pixels.shape[0] * pixels.shape[1] / (input_size[0] * input_size[1])) ** 0.5
    if zoom > FINEST:
        size = (max(1, round(pixels.shape[1] * FINEST / zoom)), max(1, round(pixels.shape[0] * FINEST / zoom)))
        pixels, zoom = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), FINEST
    colours = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(colours, (0, 0), width_px * zoom) for width_px in (FINE_PX, COARSE_PX))
    difference = np.abs(fine - coarse).sum(axis=2)
    reach = round(NEAR_PX * zoom) | 1
    # A square kernel is a row and then a column: as fast for a large reach as for a small one.
    most = cv2.dilate(cv2.dilate(difference, np.ones((1, reach), np.uint8)), np.ones((reach, 1), np.uint8))
    found = (difference + GRAIN) / (most + GRAIN)
    return np.asarray(cv2.resize(found, size_px, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
