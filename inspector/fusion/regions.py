"""From a heat map to regions: box, outline, area, severity."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.parts import Defect, Mask

Map = NDArray[np.float32]
REGIONS_AT_MOST = 5
LEAST_SHARE_OF_PEAK = 0.5
"""A second region must be at least this hot beside the hottest; what is fainter is mostly its echo."""


def regions(
    heat: Map,
    *,
    outline: float,
    camera: str,
    kind: str,
    confidence: float,
    scale_mm_per_px: float | None,
    usual_area_share: float,
) -> list[Defect]:
    """Return the connected regions in which `heat` (0–1) is at least `outline` of its peak, the hottest first.

    `usual_area_share` is the share of a picture that a usual defect takes: such a region, if the map is sure of it, has severity 0.5.
    """
    peak = float(heat.max(initial=0.0))
    if peak <= 0:
        return []
    count, labels, statistics, _ = cv2.connectedComponentsWithStats((heat >= outline * peak).astype(np.uint8))
    found = []
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in statistics[label])
        box = (slice(y, y + height), slice(x, x + width))
        inside = labels[box] == label
        hottest = float(heat[box][inside].max())
        if hottest < LEAST_SHARE_OF_PEAK * peak:
            continue
        extent = area / (area + usual_area_share * heat.size)
        found.append(
            Defect(
                kind,
                confidence * hottest / peak,
                camera,
                (x, y, width, height),
                area,
                None if scale_mm_per_px is None else area * scale_mm_per_px**2,
                run_lengths(inside, (x, y), (heat.shape[1], heat.shape[0])),
                float(np.clip(heat[box][inside].mean() / max(peak, 1e-6) * confidence * extent, 0, 1)),
            )
        )
    return sorted(found, key=lambda defect: -defect.confidence)[:REGIONS_AT_MOST]


def run_lengths(inside: NDArray[np.bool_], corner_px: tuple[int, int], size_px: tuple[int, int]) -> Mask:
    """Return the mask of a region `inside` (h, w) whose upper left corner lies at `corner_px` of a picture of `size_px`."""
    (x, y), (width, height) = corner_px, size_px
    columns = np.zeros((inside.shape[1], height), bool)
    columns[:, y : y + inside.shape[0]] = inside.T
    before, after = x * height, (width - x - inside.shape[1]) * height
    flat = columns.ravel()
    borders = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], borders, [flat.size]])).tolist()
    if flat[0]:
        lengths.insert(0, 0)
    lengths[0] += before
    if len(lengths) % 2:
        lengths[-1] += after
    elif after:
        lengths.append(after)
    return Mask(size_px, tuple(int(length) for length in lengths))


def pixels_of(mask: Mask) -> NDArray[np.bool_]:
    """Return the mask as (height, width)."""
    width, height = mask.size_px
    inside = np.arange(len(mask.runs)) % 2 == 1
    return np.repeat(inside, mask.runs).reshape(width, height).T
