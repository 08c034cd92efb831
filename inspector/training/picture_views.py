"""The views of a picture that training sees: as it is, in another exposure and pose, its defect on another part, with a made-up defect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.training.inventing import invented
from inspector.training.parts_folder import UNLABELLED
from inspector.training.recipe import PictureRecipe
from inspector.training.samples import Sample

Pixels = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Way = Literal["as it is", "altered", "transplanted", "invented"]

LARGEST_TRANSPLANT = 0.5
"""A defect that covers more of its picture than this is the surface itself, and is not put onto another."""
MARGIN_SHARE, LEAST_MARGIN_PX = 0.15, 3
"""How much of its surroundings a transplanted defect brings along, fading out: a share of its size, and at least so much."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture of a labelled part; `mask` is all zero on a good part, None where nobody drew the defect."""

    sample: Sample
    camera: str
    pixels: Pixels
    mask: Mask | None

    @property
    def trains(self) -> bool:
        return self.sample.part.split == "train"

    @property
    def movable(self) -> bool:
        """Tell whether it shows a defect that can be put onto another part."""
        return self.mask is not None and 0 < float(np.mean(self.mask > 0)) <= LARGEST_TRANSPLANT


def plan_of(pictures: Sequence[LabelledPicture], recipe: PictureRecipe) -> list[tuple[Way, ...]]:
    """Return in which ways each picture is looked at; only training pictures in more than one."""
    defects_seen = any(picture.sample.defective for picture in pictures if picture.trains and picture.sample.part.label != UNLABELLED)
    with_good = {picture.camera for picture in pictures if picture.trains and not picture.sample.defective}
    plan: list[tuple[Way, ...]] = []
    for picture in pictures:
        moves = recipe.transplants if picture.movable and picture.camera in with_good else 0
        ways: list[Way] = ["as it is"]
        if picture.trains:
            ways += ["altered"] * max(recipe.views - 1 - moves // 2, 0)
            ways += ["transplanted"] * moves
            ways += ["invented"] * (0 if defects_seen else recipe.invented)
        plan.append(tuple(ways))
    return plan


def views_of(
    pictures: Sequence[LabelledPicture], plan: Sequence[tuple[Way, ...]], random: np.random.Generator
) -> Iterator[tuple[LabelledPicture, Way, Pixels, Mask | None]]:
    """Yield every planned view: whose it is, how it was made, its pixels and where they are defective."""
    grounds: dict[str, list[Pixels]] = {}
    for picture in pictures:
        if picture.trains and not picture.sample.defective:
            grounds.setdefault(picture.camera, []).append(picture.pixels)
    for picture, ways in zip(pictures, plan, strict=True):
        for way in ways:
            pixels, mask = picture.pixels, picture.mask
            if way == "transplanted" and mask is not None:
                pixels, mask = transplanted(pixels, mask, _any_of(grounds[picture.camera], random), random)
            if way == "invented":
                pixels, mask = invented(pixels, _any_of(grounds[picture.camera], random), random)
            if way != "as it is":
                pixels, mask = altered(pixels, mask, random)
            yield picture, way, pixels, mask


def _any_of(pictures: Sequence[Pixels], random: np.random.Generator) -> Pixels:
    return pictures[int(random.integers(len(pictures)))]


def mask_of(sample: Sample, camera: str) -> Mask | None:
    """Return where the picture is defective: all zero on a good part, None where a defect is somewhere and nobody drew it."""
    shape = sample.features.pictures[camera].pixels.shape[:2]
    if not sample.defective:
        return np.zeros(shape, np.uint8)
    mask = sample.part.mask(sample.features.pictures[camera].size_px) if sample.part.camera == camera else None
    if mask is None or not mask.any():
        return None
    return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def transplanted(pixels: Pixels, mask: Mask, ground: Pixels, random: np.random.Generator) -> tuple[Pixels, Mask]:
    """Return a good picture with the defect of another on it, at about the place where it was, and its mask.

    So a network that knows a few dozen defects by the parts they were on must look at the defects instead. Same idea as copy-paste
    augmentation (Ghiasi et al., CVPR 2021); the labels of the defective part stay true.
    """
    patch, alpha, centre = _cut_out(pixels, mask)
    for axis in (0, 1):
        if random.random() < 0.5:
            patch, alpha = np.flip(patch, axis), np.flip(alpha, axis)
            centre = (1 - centre[0], centre[1]) if axis == 0 else (centre[0], 1 - centre[1])
    patch, alpha = _fitted(patch, alpha, ground.shape[:2])
    height, width = alpha.shape
    at = [
        int(np.clip(round((share + random.uniform(-0.08, 0.08)) * whole - side / 2), 0, whole - side))
        for share, whole, side in zip(centre, ground.shape[:2], (height, width), strict=True)
    ]
    window = np.s_[at[0] : at[0] + height, at[1] : at[1] + width]
    here = ground[window].astype(np.float32)
    # As bright as the new surroundings: the defect's contrast to its own surroundings is what it is known by.
    outside = (alpha < 0.5)[..., None]
    gain = np.clip(_mean_where(here, outside) / max(_mean_where(patch, outside), 1.0), 0.4, 2.5)
    shown, moved = ground.copy(), np.zeros(ground.shape[:2], np.uint8)
    blended = here + alpha[..., None] * (patch * gain - here)
    shown[window] = np.clip(blended, 0, 255).astype(np.uint8)
    moved[window] = np.where(alpha > 0.5, 255, 0)
    return shown, moved


def _cut_out(pixels: Pixels, mask: Mask) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[float, float]]:
    """Return the defect with its margin (h, w, 3), how much of each pixel is taken (h, w), and its middle as shares of the picture."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    margin = max(LEAST_MARGIN_PX, round(MARGIN_SHARE * float(side)))
    top, bottom = max(int(rows[0]) - margin, 0), min(int(rows[-1]) + margin + 1, mask.shape[0])
    left, right = max(int(columns[0]) - margin, 0), min(int(columns[-1]) + margin + 1, mask.shape[1])
    inside = (mask[top:bottom, left:right] > 0).astype(np.float32)
    spread = cv2.GaussianBlur(cv2.dilate(inside, np.ones((3, 3), np.uint8)), (0, 0), margin / 3)
    alpha = np.maximum(inside, np.asarray(spread, dtype=np.float32))
    middle = ((top + bottom) / 2 / mask.shape[0], (left + right) / 2 / mask.shape[1])
    return pixels[top:bottom, left:right].astype(np.float32), alpha, middle


def _fitted(
    patch: NDArray[np.float32], alpha: NDArray[np.float32], shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    factor = min(1.0, shape[0] / alpha.shape[0], shape[1] / alpha.shape[1])
    if factor == 1.0:
        return np.ascontiguousarray(patch), np.ascontiguousarray(alpha)
    size = (max(1, int(alpha.shape[1] * factor)), max(1, int(alpha.shape[0] * factor)))
    smaller = [
        np.asarray(cv2.resize(np.ascontiguousarray(a), size, interpolation=cv2.INTER_AREA), dtype=np.float32) for a in (patch, alpha)
    ]
    return smaller[0], smaller[1]


def _mean_where(pixels: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    return float(pixels.mean(where=where)) if where.any() else float(pixels.mean())


def altered(pixels: Pixels, mask: Mask | None, random: np.random.Generator) -> tuple[Pixels, Mask | None]:
    """Return the picture as another exposure in another pose might show it, and its mask moved alike."""
    height, width = pixels.shape[:2]
    angle_deg, zoom = float(random.uniform(-6, 6)), float(random.uniform(0.92, 1.12))
    turn = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, zoom), dtype=np.float64)
    turn[:, 2] += random.uniform(-0.05, 0.05, 2) * (width, height)
    moved = cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    level = np.asarray(moved, dtype=np.float64) / 255
    level = level ** float(random.uniform(0.75, 1.33)) * float(random.uniform(0.8, 1.2))
    level = level + np.asarray(random.normal(0, random.uniform(0, 0.015), level.shape[:2]))[..., None]
    if random.random() < 0.15:
        level = np.asarray(cv2.GaussianBlur(level, (0, 0), float(random.uniform(0.5, 1.2))), dtype=np.float64)
    shown = np.clip(level * 255, 0, 255).astype(np.uint8)
    if mask is None:
        return shown, None
    # Reflected borders repeat the surface, and with it the defect: the mask is reflected, too.
    return shown, np.asarray(cv2.warpAffine(mask, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))
