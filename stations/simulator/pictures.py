"""What the camera sees: the part in its pose on the belt, under a light that is never quite the same, through a lens."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from stations.simulator.chance import Pixels, Samples, rng_for
from stations.simulator.defects import Canvas, Defect, Groove, cut_groove, draw_defect
from stations.simulator.fate import VARIANTS, Fate
from stations.simulator.nuisance import slow_wander
from stations.simulator.surface import HEIGHT_PX, PLATE, WIDTH_PX, belt_texture, brushed_texture, surface_of
from stations.simulator.world import World

_METAL = np.array([0.985, 1.0, 1.015], np.float32)
"""Bare steel under a cool white light."""


def picture_of(world: World, part: int) -> tuple[Pixels, Pixels]:
    """Return the picture (480, 640, 3) RGB of a part and its mask (480, 640), 255 on the defect."""
    fate = world.fate(part)
    rng = rng_for(world.seed, "picture", part)
    canvas = _part_surface(fate, rng, rng_for(world.seed, "defect", part))
    pose = _pose(rng)
    scene = _on_the_belt(canvas, pose, rng) * _light(world, fate.t_s, rng)
    scene = _through_the_lens(world, fate.t_s, scene)
    tint = None if canvas.tint is None else _posed_tint(canvas, canvas.tint, pose)
    return _on_the_sensor(scene, tint, rng), _posed_mask(canvas, pose)


def warm_up() -> None:
    """Draw what all pictures share."""
    for variant in VARIANTS:
        surface_of(variant)
    for draw in (brushed_texture, belt_texture, _sensor_noise, _grid):
        draw()


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
        cut_groove(canvas, rng, Groove(at, rng.uniform(10, 34), rng.uniform(-1.2, 1.2), 0.7, rng.uniform(0.03, 0.10)))
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


def _on_the_belt(canvas: Canvas, pose: Samples, rng: np.random.Generator) -> Samples:
    """Lay the part on the belt, with its shadow; return how bright each pixel is under an even light."""
    size = (WIDTH_PX, HEIGHT_PX)
    metal = cv2.warpAffine(canvas.albedo * (1 + canvas.shade), pose, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(canvas.alpha, pose, size)
    metal -= 0.6 * np.maximum(metal - 0.98, 0.0)
    shadow = cv2.resize(alpha, (160, 120), interpolation=cv2.INTER_AREA)
    shadow = cv2.GaussianBlur(np.roll(shadow, (2, 2), (0, 1)), (0, 0), 2.2)
    left = int(rng.integers(0, 1600 - WIDTH_PX))
    belt = belt_texture()[:, left : left + WIDTH_PX] * (1 - 0.6 * cv2.resize(shadow, size, interpolation=cv2.INTER_LINEAR))
    return np.asarray(belt + alpha * (metal - belt), np.float32)


def _posed_tint(canvas: Canvas, tint: Samples, pose: Samples) -> Samples:
    """Return the colour that the part's surface gives the light; none beside the part."""
    alpha = canvas.alpha[..., None]
    return np.asarray(cv2.warpAffine(1 + alpha * (tint - 1), pose, (WIDTH_PX, HEIGHT_PX), borderValue=(1, 1, 1)), np.float32)


def _posed_mask(canvas: Canvas, pose: Samples) -> Pixels:
    if not canvas.mask.any():
        return np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    posed = cv2.warpAffine(canvas.mask, pose, (WIDTH_PX, HEIGHT_PX))
    return (posed > 0.5).astype(np.uint8) * 255


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
    coarse = np.asarray(level * corner * (field + band - 0.04 * y), np.float32)
    return np.asarray(cv2.resize(coarse, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC), np.float32)


def _through_the_lens(world: World, t_s: float, scene: Samples) -> Samples:
    dirty = float(world.severity("lens_dirt", np.array([t_s]))[0])
    scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), 0.62 + 0.8 * dirty), np.float32)
    if not dirty:
        return scene
    episode = world.scenario.episodes(t_s, t_s + 1e-6, "lens_dirt")[0]
    film, haze = _dirt(world.seed, round(episode.onset_s * 1000))
    grown = np.clip(film * (0.35 + 1.1 * dirty) - 0.25 * (1 - dirty), 0, 0.85)
    veil = haze * 0.22 * dirty
    return np.asarray(scene * (1 - grown) + grown * 0.16 + veil * (0.5 - 0.5 * scene), np.float32)


@lru_cache(maxsize=8)
def _dirt(seed: int, episode: int) -> tuple[Samples, Samples]:
    """Return what lies on the lens during one episode: drops and dust, out of focus, always in the same place; and a haze."""
    rng = rng_for(seed, "lens", episode)
    film: Samples = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    warp = [cv2.resize(rng.normal(0, 9, (16, 20)).astype(np.float32), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC) for _ in "xy"]
    for _ in range(int(rng.integers(10, 22))):
        spot = np.zeros_like(film)
        centre = int(rng.integers(10, WIDTH_PX - 10)), int(rng.integers(10, HEIGHT_PX - 10))
        size = float(rng.lognormal(2.6, 0.55))
        axes = max(round(size * rng.uniform(0.8, 1.8)), 4), max(round(size * rng.uniform(0.6, 1.1)), 4)
        cv2.ellipse(spot, centre, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.25, 0.8)), -1)
        film = np.asarray(1 - (1 - film) * (1 - cv2.GaussianBlur(spot, (0, 0), 6.0 + 0.25 * size)), np.float32)
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    film = np.asarray(cv2.remap(film, x + warp[0], y + warp[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)
    haze = cv2.GaussianBlur(rng.random((12, 16), dtype=np.float32), (0, 0), 2.0)
    haze = cv2.resize(haze / haze.max(), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    return film, haze


@lru_cache(maxsize=1)
def _sensor_noise() -> Samples:
    """Return noise for three colours, larger than the picture, so that each picture takes its own part of it."""
    return rng_for(0, "sensor noise").standard_normal((3, HEIGHT_PX + 128, WIDTH_PX + 128), dtype=np.float32)


def _on_the_sensor(scene: Samples, tint: Samples | None, rng: np.random.Generator) -> Pixels:
    """Return 8-bit colours with shot and read noise."""
    top, left = (int(shift) for shift in rng.integers(0, 128, 2))
    noise = _sensor_noise()[:, top : top + HEIGHT_PX, left : left + WIDTH_PX]
    gain = 1.2 + 2.0 * np.sqrt(np.maximum(scene, 0.0))
    planes = []
    for colour in range(3):
        plane = scene * (255 * _METAL[colour])
        if tint is not None:
            plane *= tint[..., colour]
        planes.append(cv2.add(plane, cv2.multiply(gain, noise[colour]), dtype=cv2.CV_8U))
    return np.asarray(cv2.merge(planes), np.uint8)
