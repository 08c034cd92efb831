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

REMOVED_SHARE = 0.05
"""Each further share would cost two more looks of the backbone, the dearest part of explaining."""
MOVED = (0.5, 0.5)
"""Where the control's holes lie, in heights and widths away from the hot places."""
LEAST_FALL = 0.5
"""Log odds: falls smaller than this are noise, and the score stays near 0."""


def faithfulness(heat: Map, pixels: Pixels, before: float, decide: Decide) -> float:
    """Return -1 to 1: how much more the decision `before` falls without the hottest places than without as many others.

    `heat` is brought to the size of `pixels`. Near 0: the decision does not care about the hot places more than about others.
    """
    hot = cv2.resize(heat, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_LINEAR)
    hole = np.asarray(hot > np.quantile(hot, 1 - REMOVED_SHARE))
    moved = np.roll(hole, (round(MOVED[0] * hole.shape[0]), round(MOVED[1] * hole.shape[1])), axis=(0, 1))
    without_hot, without_others = decide([_filled(pixels, hole), _filled(pixels, moved)])
    by_heat, by_chance = before - without_hot, before - without_others
    return float((by_heat - by_chance) / (abs(by_heat) + abs(by_chance) + LEAST_FALL))


def _filled(pixels: Pixels, hole: NDArray[np.bool_]) -> Pixels:
    return np.asarray(cv2.inpaint(pixels, hole.astype(np.uint8), 3, cv2.INPAINT_NS), dtype=np.uint8)
