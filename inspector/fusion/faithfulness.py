"""Does the decision really come from where a heat map is hot? Paint over the hottest places and see how far the decision falls.

Deletion as in Petsiuk et al. (2018), with what is removed filled in from around it, so that the hole itself is no defect (as in ROAD,
Rong et al., 2022), and against a control: the same holes, moved elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Decide = Callable[[Sequence[Pixels]], NDArray[np.float64]]
"""Pictures of one camera -> the decision on each as log odds."""

REMOVED_SHARES = (0.02, 0.08)
MOVED = ((0.5, 0.5), (0.5, 0.0))
"""Where the control's holes lie, in heights and widths away from the hot places; one for each share."""
LEAST_FALL = 0.5
"""Log odds: falls smaller than this are noise, and the score stays near 0."""


def faithfulness(heat: Map, pixels: Pixels, decide: Decide) -> float:
    """Return -1 to 1: how much more the decision falls without the hottest places than without as many others.

    `heat` is brought to the size of `pixels`. Near 0: the decision does not care about the hot places more than about others.
    """
    hot = cv2.resize(heat, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_LINEAR)
    holes = [hot > np.quantile(hot, 1 - share) for share in REMOVED_SHARES]
    moved = [np.roll(hole, _offset(hole.shape, move), axis=(0, 1)) for hole, move in zip(holes, MOVED, strict=True)]
    before, *after = decide([pixels, *(_filled(pixels, hole) for hole in (*holes, *moved))])
    fell = before - np.asarray(after)
    by_heat, by_chance = fell[: len(holes)].mean(), fell[len(holes) :].mean()
    return float((by_heat - by_chance) / (abs(by_heat) + abs(by_chance) + LEAST_FALL))


def _offset(shape: tuple[int, ...], move: tuple[float, float]) -> tuple[int, int]:
    return round(move[0] * shape[0]), round(move[1] * shape[1])


def _filled(pixels: Pixels, hole: NDArray[np.bool_]) -> Pixels:
    return np.asarray(cv2.inpaint(pixels, hole.astype(np.uint8), 3, cv2.INPAINT_NS), dtype=np.uint8)
