"""Defects that never were: what a network learns from while a line has shown nothing but good parts.

Scratches and cracks (thin walks), pores and stains (spots), foreign or wrongly worked surface (patches of another place or part), worn
surface (a region smeared). None looks quite like a real one; together they teach that a defect is what breaks with its surroundings.
The idea is that of CutPaste (Li et al., CVPR 2021) and DRAEM (Zavrtanik et al., ICCV 2021).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Numbers = NDArray[np.float32]

LEAST_CONTRAST = 5.0
"""Mean change in grey levels (of 255) that a made-up defect must bring: one that nobody can see would teach to see what is not there."""
TRIES = 12


def invented(pixels: Pixels, other: Pixels, random: np.random.Generator) -> tuple[Pixels, Mask]:
    """Return a good picture (H, W, 3) with one or two made-up defects on it, and where they are; `other` lends its surface."""
    shown = pixels.astype(np.float32)
    mask = np.zeros(pixels.shape[:2], np.float32)
    wanted = 1 + int(random.random() < 0.25)
    for _ in range(TRIES):
        shape = _SHAPES[int(random.integers(len(_SHAPES)))](pixels.shape[:2], random)
        fill = _FILLS[int(random.integers(len(_FILLS)))](shown, other, random)
        change = shape[..., None] * (fill - shown)
        inside = shape > 0.4
        if not inside.any() or float(np.abs(change[inside]).mean()) < LEAST_CONTRAST:
            continue
        shown, mask, wanted = np.clip(shown + change, 0, 255), np.maximum(mask, shape), wanted - 1
        if wanted == 0:
            break
    return shown.astype(np.uint8), np.where(mask > 0.4, 255, 0).astype(np.uint8)


# --- where: shapes (H, W) in 0–1 with soft edges -------------------------------------------------------------------------------


def _walk(size: tuple[int, ...], random: np.random.Generator) -> Numbers:
    """Return a thin line that wanders: a scratch or a crack."""
    height, width = size
    steps, direction = int(random.integers(6, 30)), float(random.uniform(0, 2 * np.pi))
    wander, length = float(random.uniform(0.02, 0.5)), float(random.uniform(0.06, 0.6)) * max(size)
    points = [np.array([random.uniform(0, width), random.uniform(0, height)])]
    for _ in range(steps):
        direction += float(random.normal(0, wander))
        points.append(points[-1] + length / steps * np.array([np.cos(direction), np.sin(direction)]))
    drawn = np.zeros((height, width), np.uint8)
    thickness = max(1, round(float(random.uniform(0.002, 0.012)) * max(size)))
    cv2.polylines(drawn, [np.round(np.array(points) * 8).astype(np.int32)], False, 255, thickness, cv2.LINE_AA, 3)
    return np.asarray(drawn.astype(np.float32) / 255, dtype=np.float32)


def _spot(size: tuple[int, ...], random: np.random.Generator) -> Numbers:
    """Return a small ellipse with a soft edge: a pore, a stain, a dent."""
    return _ellipse(size, float(np.exp(random.uniform(np.log(0.006), np.log(0.06)))) * max(size), random)


def _region(size: tuple[int, ...], random: np.random.Generator) -> Numbers:
    """Return a larger region with an uneven border, anywhere, also over the edge."""
    height, width = size
    base = _ellipse(size, float(np.exp(random.uniform(np.log(0.05), np.log(0.3)))) * max(size), random)
    cells = (max(2, height // 24), max(2, width // 24))
    noise = cv2.resize(random.normal(0, 1, cells).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip((base + 0.25 * noise - 0.35) * 6, 0, 1), dtype=np.float32)


def _band(size: tuple[int, ...], random: np.random.Generator) -> Numbers:
    """Return a box, upright as machines work: a step, a wrongly worked stripe, a chipped corner."""
    height, width = size
    rows, columns = (int(np.clip(np.exp(random.uniform(np.log(0.02), np.log(0.5))) * side, 2, side)) for side in size)
    top, left = int(random.integers(-rows // 2, height - rows // 2)), int(random.integers(-columns // 2, width - columns // 2))
    drawn = np.zeros((height, width), np.float32)
    drawn[max(top, 0) : max(top + rows, 1), max(left, 0) : max(left + columns, 1)] = 1
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), float(random.uniform(0.4, 2.0))), dtype=np.float32)


def _ellipse(size: tuple[int, ...], radius_px: float, random: np.random.Generator) -> Numbers:
    height, width = size
    ratio, turn = float(np.exp(random.normal(0, 0.5))), float(random.uniform(0, np.pi))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y - np.float32(random.uniform(0, height)), x - np.float32(random.uniform(0, width))
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    away = np.sqrt((along / (radius_px * ratio)) ** 2 + (across * ratio / radius_px) ** 2)
    softness = max(0.15, 1.0 / radius_px)
    return np.asarray(np.clip((1 + softness - away) / softness, 0, 1), dtype=np.float32)


_SHAPES: tuple[Callable[[tuple[int, ...], np.random.Generator], Numbers], ...] = (_walk, _spot, _region, _band)


# --- what: the surface that shows instead (H, W, 3) ----------------------------------------------------------------------------


def _shade(shown: Numbers, other: Pixels, random: np.random.Generator) -> Numbers:  # noqa: ARG001 - one of several fills
    """Return the same surface, darker or brighter."""
    gain = float(np.exp(random.choice([-1, 1]) * random.uniform(0.15, 1.2)))
    return np.asarray(shown * gain, dtype=np.float32)


def _colour(shown: Numbers, other: Pixels, random: np.random.Generator) -> Numbers:  # noqa: ARG001 - one of several fills
    """Return one even colour between black and the brightest of the picture, grey on a grey picture."""
    grey = bool(np.ptp(shown, axis=2).max() < 1)
    level = random.uniform(0, float(shown.max()), 1 if grey else 3)
    return np.asarray(np.broadcast_to(level, shown.shape), dtype=np.float32)


def _elsewhere(shown: Numbers, other: Pixels, random: np.random.Generator) -> Numbers:
    """Return the surface of another part, or of another place of this one, turned and with a level of its own."""
    height, width = shown.shape[:2]
    source = cv2.resize(other, (width, height)).astype(np.float32) if random.random() < 0.5 else shown
    moved = np.roll(source, (int(random.integers(height)), int(random.integers(width))), axis=(0, 1))
    if random.random() < 0.5:
        moved = np.ascontiguousarray(moved[::-1] if random.random() < 0.5 else moved[:, ::-1])
    if random.random() < 0.5:
        moved = np.asarray(cv2.resize(np.ascontiguousarray(moved.transpose(1, 0, 2)), (width, height)))
    return np.asarray(moved * float(random.uniform(0.6, 1.4)), dtype=np.float32)


def _smear(shown: Numbers, other: Pixels, random: np.random.Generator) -> Numbers:  # noqa: ARG001 - one of several fills
    """Return the surface smeared along one direction, and a little darker or brighter."""
    length = max(3, int(random.uniform(0.02, 0.12) * max(shown.shape[:2])))
    kernel = np.ones((1, length) if random.random() < 0.5 else (length, 1), np.float32) / length
    return np.asarray(cv2.filter2D(shown, -1, kernel) * float(random.uniform(0.8, 1.25)), dtype=np.float32)


_FILLS: tuple[Callable[[Numbers, Pixels, np.random.Generator], Numbers], ...] = (_shade, _colour, _elsewhere, _smear)
