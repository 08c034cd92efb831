"""Does the decision really come from where a heat map is hot? Take away what the network reads there and see how far the decision falls.

Deletion as in Petsiuk et al. (2018), but in the backbone's maps and against a control, the same places moved elsewhere. Pixels that are
painted over leave seams, which the network takes for defects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Decide = Callable[[list[Map]], Sequence[float]]
"""Backbone maps (n, C, h, w) at stride 8, 16 and 32 -> the decision on each as log odds (n,)."""

REMOVED_SHARE = 0.02
"""Of the places of the finest map; `tests.bench.heat_trust` compares shares."""
MOVED = (0.5, 0.5)
"""Where the control's places lie, in heights and widths away from the hot ones."""
LEAST_FALL = 0.5
"""Log odds: falls smaller than this are noise, and the score stays near 0."""


def faithfulness(heat: Map, maps: Sequence[Map], decide: Decide, removed_share: float = REMOVED_SHARE) -> float:
    """Return -1 to 1: how much more the decision falls without the hottest places of `heat` than without as many others.

    `maps` are one picture's backbone maps (1, C, h, w). Near 0: the decision does not care about the hot places more than about others.
    """
    height, width = maps[0].shape[-2:]
    hot = np.asarray(cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR))
    hole = (hot > np.quantile(hot, 1 - removed_share)).astype(np.float32)
    moved = np.roll(hole, (round(MOVED[0] * height), round(MOVED[1] * width)), axis=(0, 1))
    holes = np.stack([np.zeros_like(hole), hole, moved])
    before, without_hot, without_others = decide([_without(one, holes) for one in maps])
    by_heat, by_chance = before - without_hot, before - without_others
    return float((by_heat - by_chance) / (abs(by_heat) + abs(by_chance) + LEAST_FALL))


def _without(values: Map, holes: Map) -> Map:
    """Return `values` (1, C, h, w) once for each of `holes` (n, H, W): what lies in the hole is the median of the picture."""
    height, width = values.shape[-2:]
    # A place of a coarser map is taken away as a whole as soon as any of it lies in the hole: it has seen what is there.
    share = holes.reshape(len(holes), height, -1, width, holes.shape[2] // width).max(axis=(2, 4))[:, None]
    places = values.reshape(*values.shape[:2], -1)
    middle = (places.shape[2] - 1) // 2
    usual = np.partition(places, middle, axis=2)[:, :, middle, None, None]
    return np.asarray(values * (1 - share) + usual * share, dtype=np.float32)
