"""Does the decision really come from where a heat map is hot? Take away what the network reads there and see how far the decision falls.

Deletion as in Petsiuk et al. (2018), but in the backbone's maps and against a control, the same places moved elsewhere. Pixels that are
painted over leave seams, which the network takes for defects.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Map = NDArray[np.float32]
Decide = Callable[[list[Tensor]], Tensor]
"""Backbone maps (n, C, h, w) at stride 8, 16 and 32 -> the decision on each as log odds (n,)."""

REMOVED_SHARE = 0.02
"""Of the places of the finest map; `tests.bench.heat_trust` compares shares."""
MOVED = (0.5, 0.5)
"""Where the control's places lie, in heights and widths away from the hot ones."""
LEAST_FALL = 0.5
"""Log odds: falls smaller than this are noise, and the score stays near 0."""


def faithfulness(heat: Map, maps: list[Tensor], decide: Decide, removed_share: float = REMOVED_SHARE) -> float:
    """Return -1 to 1: how much more the decision falls without the hottest places of `heat` than without as many others.

    `maps` are one picture's backbone maps (1, C, h, w). Near 0: the decision does not care about the hot places more than about others.
    """
    height, width = maps[0].shape[-2:]
    hot = torch.from_numpy(cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR))
    hole = (hot > torch.quantile(hot.flatten(), 1 - removed_share)).float()
    moved = torch.roll(hole, (round(MOVED[0] * height), round(MOVED[1] * width)), dims=(0, 1))
    holes = torch.stack([torch.zeros_like(hole), hole, moved])[:, None]
    before, without_hot, without_others = decide([_without(one, holes) for one in maps]).tolist()
    by_heat, by_chance = before - without_hot, before - without_others
    return float((by_heat - by_chance) / (abs(by_heat) + abs(by_chance) + LEAST_FALL))


def _without(values: Tensor, holes: Tensor) -> Tensor:
    """Return `values` (1, C, h, w) once for each of `holes` (n, 1, H, W): what lies in the hole is the median of the picture."""
    # A place of a coarser map is taken away as a whole as soon as any of it lies in the hole: it has seen what is there.
    share = functional.adaptive_max_pool2d(holes, (values.shape[-2], values.shape[-1]))
    usual = values.flatten(2).median(dim=2).values[..., None, None]
    return values * (1 - share) + usual * share
