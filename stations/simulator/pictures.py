"""What the camera sees: the part in its pose on the belt, under a light that is never quite the same, through a lens."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from stations.simulator.chance import Samples, rng_for
from stations.simulator.defects import Canvas, Defect, draw_defect, groove
from stations.simulator.fate import Fate
from stations.simulator.nuisance import slow_wander
from stations.simulator.surface import HEIGHT_PX, PLATE, SCALE_MM_PER_PX, WIDTH_PX, belt_texture, brushed_texture, surface_of
from stations.simulator.world import World

Pixels = NDArray[np.uint8]
_METAL = np.array([0.985, 1.0, 1.015], np.float32)
"""Bare steel under a cool white light."""


def picture_of(world: World, part: int) -> tuple[Pixels, Pixels]:
    """Return the picture (480, 640, 3) RGB of a part and its mask (480, 640), 255 on the defect."""
    fate = world.fate(part)
    rng = rng_for(world.seed, "picture", part)
    canvas = _part_surface(fate, rng, rng_for(world.seed, "defect", part))
    pose = _pose(rng)
    scene, mask = _on_the_belt(canvas, pose, rng)
    scene *= _light(world, fate.t_s, rng)[..., None]
    scene = _through_the_lens(world, fate.t_s, scene)
    return _on_the_sensor(scene, rng), mask


def _part_surface(fate: Fate, rng: np.random.Generator, defect_rng: np.random.Generator) -> Canvas:
    """Draw the part in its own frame: its sheet of metal, its mark, its harmless blemishes, its defect."""
    surface = surface_of(fate.variant)
    sheet = brushed_texture()
    top, left = (int(rng.integers(0, size - extent)) for size, extent in zip(sheet.shape, (HEIGHT_PX, WIDTH_PX), strict=True))
    brush = sheet[top : top + HEIGHT_PX, left : left + WIDTH_PX]
    canvas = Canvas(
        alpha=surface.alpha.copy(),
        albedo=surface.albedo * (0.60 + rng.normal(0, 0.012) + rng.uniform(0.030, 0.045) * brush),
        shade=surface.shade + rng.uniform(0.9, 1.1) * surface.mark_shade,
        mask=np.zeros((HEIGHT_PX, WIDTH_PX), np.float32),
    )
    _blemishes(canvas, rng)
    if fate.extent:
        draw_defect(canvas, surface, fate.label, Defect(fate.extent, fate.cause, defect_rng))
    return canvas


def _blemishes(canvas: Canvas, rng: np.random.Generator) -> None:
    """Add what every good part has: hairlines, specks, a trace of oil. All below the limit of a defect."""
    x0, y0, width, height = PLATE
    for _ in range(rng.poisson(1.2)):
        at = rng.uniform(x0 + 20, x0 + width - 60), rng.uniform(y0 + 20, y0 + height - 20)
        groove(canvas, rng, at=at, length_px=rng.uniform(10, 34), angle=rng.uniform(-1.2, 1.2), width_px=0.7, depth=rng.uniform(0.03, 0.10))
    for _ in range(rng.poisson(3.0)):
        at_px = (round(rng.uniform(x0 + 10, x0 + width - 10) * 8), round(rng.uniform(y0 + 10, y0 + height - 10) * 8))
        spot = np.zeros_like(canvas.albedo[:8, :8])
        cv2.circle(spot, (28, 28), round(rng.uniform(4, 11)), float(rng.uniform(0.08, 0.3)), -1, cv2.LINE_AA, 3)
        x, y = at_px[0] // 8, at_px[1] // 8
        canvas.albedo[y : y + 8, x : x + 8] *= 1 - spot
    if rng.random() < 0.35:
        oil = np.zeros((60, 80), np.float32)
        centre = int(rng.integers(15, 65)), int(rng.integers(12, 48))
        cv2.ellipse(oil, centre, (int(rng.integers(4, 12)), int(rng.integers(3, 7))), float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        film = cv2.resize(cv2.GaussianBlur(oil, (0, 0), 2.0), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
        canvas.albedo *= 1 - rng.uniform(0.02, 0.07) * film


def _pose(rng: np.random.Generator) -> Samples:
    """Return the affine map from part to picture: the part never lies quite the same."""
    turn = cv2.getRotationMatrix2D((WIDTH_PX / 2, HEIGHT_PX / 2), float(np.clip(rng.normal(0, 0.6), -1.6, 1.6)), 1.0)
    turn[:, 2] += np.clip(rng.normal(0, (7.0, 4.5)), (-18, -12), (18, 12))
    return turn.astype(np.float32)


def _on_the_belt(canvas: Canvas, pose: Samples, rng: np.random.Generator) -> tuple[Samples, Pixels]:
    size = (WIDTH_PX, HEIGHT_PX)
    lum = cv2.warpAffine(canvas.albedo * (1 + canvas.shade), pose, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(canvas.alpha, pose, size)
    mask = cv2.warpAffine(canvas.mask, pose, size)
    metal = lum[..., None] * _METAL
    if canvas.tint is not None:
        metal *= cv2.warpAffine(canvas.tint, pose, size, borderMode=cv2.BORDER_REPLICATE)
    glow = np.clip(metal - 0.98, 0, None)
    metal -= 0.6 * glow
    shadow = cv2.resize(alpha, (160, 120), interpolation=cv2.INTER_AREA)
    shadow = cv2.GaussianBlur(np.roll(shadow, (2, 2), (0, 1)), (0, 0), 2.2)
    left = int(rng.integers(0, 1600 - WIDTH_PX))
    belt = belt_texture()[:, left : left + WIDTH_PX] * (1 - 0.6 * cv2.resize(shadow, size, interpolation=cv2.INTER_LINEAR))
    covered = alpha[..., None]
    return metal * covered + belt[..., None] * (1 - covered), (mask > 0.5).astype(np.uint8) * 255


@lru_cache(maxsize=1)
def _grid() -> tuple[Samples, Samples]:
    """Return x and y over the picture, −1 to 1, coarse: light is smooth."""
    y, x = np.mgrid[-1:1:30j, -1:1:40j].astype(np.float32)
    return x, y


def _light(world: World, t_s: float, rng: np.random.Generator) -> Samples:
    """Two bars, left and right, and the sheen of brushed steel; bars age, the hall's daylight comes and goes; one bar may fail."""
    at = np.array([t_s])
    drift, lean, sheen = (slow_wander(world.seed, f"light {name}", at, (190.0, 67.0))[0] for name in ("level", "lean", "sheen"))
    failing = float(world.severity("light_failure", at)[0])
    x, y = _grid()
    left, right = 1 / (1 + np.exp(2.2 * x)), 1 / (1 + np.exp(-2.2 * x))
    flicker = 1 - 0.25 * failing * rng.random()
    field = (1 + 0.05 * lean) * left + (1 - 0.05 * lean) * (1 - 0.72 * failing) * flicker * right
    band = 0.15 * np.exp(-(((y + 0.25 + 0.15 * sheen + rng.normal(0, 0.05)) / 0.55) ** 2))
    corner = 1 - 0.10 * (x**2 + y**2)
    level = 1.02 + 0.06 * drift + rng.normal(0, 0.008)
    return cv2.resize((level * corner * (field + band - 0.04 * y)).astype(np.float32), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)


def _through_the_lens(world: World, t_s: float, scene: Samples) -> Samples:
    dirty = float(world.severity("lens_dirt", np.array([t_s]))[0])
    scene = cv2.GaussianBlur(scene, (0, 0), 0.62 + 0.8 * dirty)
    if not dirty:
        return scene
    episode = world.scenario.episodes(t_s, t_s + 1e-6, "lens_dirt")[0]
    film, haze = _dirt(world.seed, round(episode.onset_s * 1000))
    grown = np.clip(film * (0.35 + 1.1 * dirty) - 0.25 * (1 - dirty), 0, 0.85)[..., None]
    veil = (haze * 0.22 * dirty)[..., None]
    return scene * (1 - grown) + grown * 0.16 + veil * (0.5 - 0.5 * scene)


@lru_cache(maxsize=8)
def _dirt(seed: int, episode: int) -> tuple[Samples, Samples]:
    """Return what lies on the lens during one episode: drops and dust, out of focus, always in the same place; and a haze."""
    rng = rng_for(seed, "lens", episode)
    film = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    for _ in range(int(rng.integers(7, 14))):
        drop = np.zeros_like(film)
        centre = int(rng.integers(20, WIDTH_PX - 20)), int(rng.integers(20, HEIGHT_PX - 20))
        axes = int(rng.integers(9, 42)), int(rng.integers(9, 34))
        cv2.ellipse(drop, centre, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.3, 0.9)), -1)
        film = np.maximum(film, cv2.GaussianBlur(drop, (0, 0), float(rng.uniform(4, 9))))
    haze = cv2.GaussianBlur(rng.random((12, 16), dtype=np.float32), (0, 0), 2.0)
    haze = cv2.resize(haze / haze.max(), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    return film, haze


@lru_cache(maxsize=1)
def _sensor_noise() -> Samples:
    return rng_for(0, "sensor noise").standard_normal((HEIGHT_PX + 128, WIDTH_PX + 128, 3), dtype=np.float32)


def _on_the_sensor(scene: Samples, rng: np.random.Generator) -> Pixels:
    """Shot and read noise, then 8 bits."""
    top, left = (int(shift) for shift in rng.integers(0, 128, 2))
    noise = _sensor_noise()[top : top + HEIGHT_PX, left : left + WIDTH_PX]
    return np.clip(255 * scene + (1.2 + 2.0 * np.sqrt(np.clip(scene[..., :1], 0, 1))) * noise, 0, 255).astype(np.uint8)


__all__ = ["HEIGHT_PX", "SCALE_MM_PER_PX", "WIDTH_PX", "picture_of"]
