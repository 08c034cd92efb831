"""The sound part, as a surface: brushed plate, bevelled edge, rivets or holes, the place of its press mark. Drawn once, kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from stations.simulator.chance import Pixels, Samples, rng_for

WIDTH_PX, HEIGHT_PX = 640, 480
SCALE_MM_PER_PX = 0.1
PLATE = (54, 52, 532, 376)
"""(x, y, width, height) of the plate in the picture, before its pose."""
_FINE = 4
"""Shapes are drawn this much finer and shrunk, which smooths their edges."""
_TEXTURE_SIZE = (900, 1500)


@dataclass(frozen=True, slots=True)
class Surface:
    """One product variant. All arrays are (480, 640) float32."""

    alpha: Samples
    """1 on the plate, 0 beside it and in its holes."""
    albedo: Samples
    shade: Samples
    """Light that the plate's own relief adds or takes."""
    mark_shade: Samples
    """The same of the press mark at its full depth, in its right place."""
    mark_foot: Samples
    """1 where the press mark is."""


def relief_shade(height_px: Samples) -> Samples:
    """Return how a relief catches the light, which falls from the upper left."""
    slope_x = cv2.Scharr(height_px, cv2.CV_32F, 1, 0, scale=1 / 32)
    slope_y = cv2.Scharr(height_px, cv2.CV_32F, 0, 1, scale=1 / 32)
    return np.asarray(0.55 * slope_x + 0.85 * slope_y, np.float32)


@lru_cache(maxsize=8)
def surface_of(variant: str) -> Surface:
    """Return the surface of a product variant."""
    draw = {"a": _variant_a, "b": _variant_b, "c": _variant_c}[variant]
    outline, holes, height, mark = draw()
    alpha = _shrunk(outline) * (1 - _shrunk(holes))
    solid = (alpha > 0.5).astype(np.uint8)
    depth_px = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    bevel = 3.2 * np.sqrt(np.clip(depth_px / 7.0, 0, 1))
    foot = _shrunk(mark)
    pressed = -2.4 * cv2.GaussianBlur(foot, (0, 0), 1.1)
    return Surface(
        alpha=alpha,
        albedo=(1.0 - 0.10 * np.exp(-depth_px / 3.0)).astype(np.float32),
        shade=relief_shade((bevel + cv2.GaussianBlur(height, (0, 0), 0.8)).astype(np.float32)),
        mark_shade=relief_shade(pressed.astype(np.float32)) - 0.13 * foot,
        mark_foot=foot,
    )


@lru_cache(maxsize=1)
def brushed_texture() -> Samples:
    """Return a large sheet of brushed metal (mean 0, deviation 1), brushed along x; each part is cut from its own place."""
    rng = rng_for(0, "brushed metal")
    noise = rng.standard_normal(_TEXTURE_SIZE, dtype=np.float32)
    fine = cv2.blur(noise, (61, 1))
    coarse = cv2.GaussianBlur(cv2.blur(rng.standard_normal(_TEXTURE_SIZE, dtype=np.float32), (281, 1)), (0, 0), sigmaX=1, sigmaY=1.6)
    grain = cv2.GaussianBlur(noise, (0, 0), 0.8)
    mottle = cv2.GaussianBlur(rng.standard_normal(_TEXTURE_SIZE, dtype=np.float32), (0, 0), 28)
    layers = ((fine, 0.62), (coarse, 0.5), (grain, 0.28), (mottle, 0.35))
    return np.asarray(sum(weight * layer / layer.std() for layer, weight in layers), np.float32)


@lru_cache(maxsize=1)
def belt_texture() -> Samples:
    """Return the belt's rubber: a woven pattern with dust on it, (480, 1600), around 0.13."""
    y, x = np.mgrid[0:HEIGHT_PX, 0:1600].astype(np.float32)
    weave = 0.012 * np.sin(2 * np.pi * (x + y) / 8.0) * np.sin(2 * np.pi * (x - y) / 8.0)
    rng = rng_for(0, "belt rubber")
    dust = cv2.GaussianBlur(rng.standard_normal((HEIGHT_PX, 1600), dtype=np.float32), (0, 0), 1.2)
    worn = cv2.GaussianBlur(rng.standard_normal((HEIGHT_PX, 1600), dtype=np.float32), (0, 0), sigmaX=90, sigmaY=14)
    return np.asarray(0.13 + weave + 0.010 * dust / dust.std() + 0.012 * worn / worn.std(), np.float32)


def _shrunk(fine: Pixels) -> Samples:
    return np.asarray(cv2.resize(fine, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA) / 255, np.float32)


def _sheet() -> Pixels:
    return np.zeros((HEIGHT_PX * _FINE, WIDTH_PX * _FINE), np.uint8)


def _scaled(*values: float) -> tuple[int, ...]:
    return tuple(round(value * _FINE) for value in values)


def _plate(radius_px: float) -> Pixels:
    x, y, width, height = _scaled(*PLATE)
    sheet, radius = _sheet(), round(radius_px * _FINE)
    cv2.rectangle(sheet, (x + radius, y), (x + width - radius, y + height), 255, -1)
    cv2.rectangle(sheet, (x, y + radius), (x + width, y + height - radius), 255, -1)
    for corner in (
        (x + radius, y + radius),
        (x + width - radius, y + radius),
        (x + radius, y + height - radius),
        (x + width - radius, y + height - radius),
    ):
        cv2.circle(sheet, corner, radius, 255, -1)
    return sheet


def _discs(places: list[tuple[float, float]], radius_px: float) -> Pixels:
    sheet = _sheet()
    for place in places:
        cv2.circle(sheet, _scaled(*place), round(radius_px * _FINE), 255, -1)
    return sheet


def _domes(places: list[tuple[float, float]], radius_px: float, height_px: float) -> Samples:
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    total = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    for place_x, place_y in places:
        r2 = ((x - place_x) ** 2 + (y - place_y) ** 2) / radius_px**2
        total += height_px * np.sqrt(np.clip(1 - r2, 0, 1))
    return total


def _corners(inset_px: float) -> list[tuple[float, float]]:
    x, y, width, height = PLATE
    return [(x + i * width + (1 - 2 * i) * inset_px, y + j * height + (1 - 2 * j) * inset_px) for i in (0, 1) for j in (0, 1)]


def _lettering(sheet: Pixels, text: str, place: tuple[float, float], size: float) -> None:
    cv2.putText(sheet, text, _scaled(*place), cv2.FONT_HERSHEY_DUPLEX, size * _FINE, 255, round(3.2 * size * _FINE), cv2.LINE_AA)


def _variant_a() -> tuple[Pixels, Pixels, Samples, Pixels]:
    """Four rivets; a ring with a cross and a type number."""
    mark = _sheet()
    cv2.circle(mark, _scaled(320, 222), 62 * _FINE, 255, 6 * _FINE, cv2.LINE_AA)
    cv2.line(mark, _scaled(320, 182), _scaled(320, 262), 255, 6 * _FINE, cv2.LINE_AA)
    cv2.line(mark, _scaled(280, 222), _scaled(360, 222), 255, 6 * _FINE, cv2.LINE_AA)
    _lettering(mark, "LX-24", (262, 330), 1.0)
    return _plate(16), _sheet(), _domes(_corners(38), 15, 11), mark


def _variant_b() -> tuple[Pixels, Pixels, Samples, Pixels]:
    """Four holes and two pressed ribs; a hexagon with a number."""
    mark = _sheet()
    angles = np.arange(6) * np.pi / 3
    hexagon = np.stack([320 + 70 * np.cos(angles), 240 + 70 * np.sin(angles)], axis=1)
    cv2.polylines(mark, [np.round(hexagon * _FINE).astype(np.int32)], True, 255, 6 * _FINE, cv2.LINE_AA)
    _lettering(mark, "B7", (288, 257), 1.5)
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    inside = 1 / (1 + np.exp(-(170 - np.abs(x - 320)) / 4))
    ribs = sum(4.0 * np.exp(-(((y - row) / 7.0) ** 2)) for row in (118, 362)) * inside
    return _plate(34), _discs(_corners(46), 17), ribs.astype(np.float32), mark


def _variant_c() -> tuple[Pixels, Pixels, Samples, Pixels]:
    """Two slots, two rivets; a triangle, an arrow in the direction of travel and a number."""
    mark, holes = _sheet(), _sheet()
    for slot_x in (120, 520):
        cv2.line(holes, _scaled(slot_x, 190), _scaled(slot_x, 290), 255, 30 * _FINE)
    triangle = np.array([[318, 150], [258, 254], [378, 254]], np.float64)
    cv2.polylines(mark, [np.round(triangle * _FINE).astype(np.int32)], True, 255, 6 * _FINE, cv2.LINE_AA)
    cv2.arrowedLine(mark, _scaled(262, 288), _scaled(378, 288), 255, 6 * _FINE, cv2.LINE_AA, 0, 0.2)
    _lettering(mark, "C-09", (272, 342), 0.9)
    return _plate(8), holes, _domes([(320, 86), (320, 394)], 13, 9), mark
