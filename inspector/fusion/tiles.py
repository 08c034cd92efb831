"""A closer look at the hot places of a large picture: tiles of the original pixels through the same backbone.

The network reads a picture shrunk to its input size, where a scratch of ten pixels in five megapixels is about one pixel, and its heat as
wide as a whole place. The tiles are read at up to the original's own scale; what stands out from its tile there keeps its heat.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.features.picture import eight_bit
from inspector.fusion.vision import STRIDE_PX
from inspector.parts import Frame

Map = NDArray[np.float32]
Pixels = NDArray[np.uint8]
LookAt = Callable[[Pixels], Map]
"""Pixels (h, w, 3) -> the backbone's finest map (C, h', w')."""

WORTH_ZOOM = 2.0
"""Below this many original pixels for one of the network's, a closer look shows nothing new."""
CLOSEST_ZOOM = 2.0
"""A tile is read with this many original pixels for one of the network's: closer, the backbone sees texture only."""
TILES_AT_MOST = 6
LEAST_HEAT_SHARE = 0.35
"""Of the peak: only where the map is hotter is it looked at closer."""
LEAST_FOUND_SHARE = 0.2
MARGIN_PLACES = 2
"""Round each tile, and thrown away: places at an edge look strange to the backbone."""
STANDS_OUT_FROM, STANDS_OUT_FULLY = 3.0, 6.0
"""Distance from the tile's own middle, in usual spreads, at which a place begins to keep its heat, and keeps all of it."""


def closer(heat: Map, frame: Frame, input_size: tuple[int, int], look_at: LookAt) -> Map:
    """Return `heat` (the size of `frame`), sharpened in up to six tiles round its hottest places; as it is for a small picture.

    `input_size` is (height, width) of what the network reads. The peak of the map stays what it was.
    """
    zoom = (heat.shape[0] / input_size[0], heat.shape[1] / input_size[1])
    peak = float(heat.max(initial=0.0))
    if min(zoom) < WORTH_ZOOM or peak <= 0:
        return heat
    size = (min(round(input_size[0] * CLOSEST_ZOOM), heat.shape[0]), min(round(input_size[1] * CLOSEST_ZOOM), heat.shape[1]))
    margin = round(MARGIN_PLACES * STRIDE_PX * CLOSEST_ZOOM)
    pixels = cv2.copyMakeBorder(_rgb(frame), margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    # A place of the coarse map is as wide as this; what it lit may lie at its edge.
    reach = cv2.getStructuringElement(cv2.MORPH_RECT, (round(2 * STRIDE_PX * zoom[1]), round(2 * STRIDE_PX * zoom[0])))
    near = np.asarray(cv2.dilate(heat, reach), dtype=np.float32)
    sharpened = np.minimum(heat, LEAST_HEAT_SHARE * peak)
    found = 0.0
    for top, left in _tiles(heat, peak, size):
        tile = (slice(top, top + size[0]), slice(left, left + size[1]))
        seen = pixels[top : top + size[0] + 2 * margin, left : left + size[1] + 2 * margin]
        shown = cv2.resize(_stands_out(look_at(np.ascontiguousarray(seen, dtype=np.uint8))), (seen.shape[1], seen.shape[0]))
        sharp = near[tile] * shown[margin:-margin, margin:-margin]
        sharpened[tile] = sharp
        found = max(found, float(sharp.max(initial=0.0)))
    # Nothing stands out from its own tile: the defect is larger than a tile, or only the whole picture shows it.
    return (sharpened * (peak / found)).clip(0, peak).astype(np.float32) if found > LEAST_FOUND_SHARE * peak else heat


def _tiles(heat: Map, peak: float, size: tuple[int, int]) -> list[tuple[int, int]]:
    """Return upper left corners of tiles that together cover the hottest places, hottest first."""
    left_over = heat.copy()
    corners: list[tuple[int, int]] = []
    while len(corners) < TILES_AT_MOST:
        row, column = np.unravel_index(int(left_over.argmax()), heat.shape)
        if left_over[row, column] < LEAST_HEAT_SHARE * peak:
            break
        top = int(np.clip(row - size[0] // 2, 0, heat.shape[0] - size[0]))
        left = int(np.clip(column - size[1] // 2, 0, heat.shape[1] - size[1]))
        corners.append((top, left))
        left_over[top : top + size[0], left : left + size[1]] = 0
    return corners


def _rgb(frame: Frame) -> Pixels:
    pixels = eight_bit(frame.pixels)
    return np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, :3])


def _stands_out(values: Map) -> Map:
    """Return 0–1 per place: how far each place lies from the middle of its tile, against how far places of this tile usually do."""
    middle = np.median(values, axis=(1, 2), keepdims=True)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=(1, 2), keepdims=True) + 1e-3
    distance = np.sqrt((np.clip((values - middle) / spread, -20, 20) ** 2).mean(axis=0))
    usual = float(np.median(distance))
    width = 1.4826 * float(np.median(np.abs(distance - usual))) + 1e-3
    share = ((distance - usual) / width - STANDS_OUT_FROM) / (STANDS_OUT_FULLY - STANDS_OUT_FROM)
    return np.asarray(np.clip(share, 0, 1), dtype=np.float32)
