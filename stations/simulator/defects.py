"""What a defect does to a part's surface, with the exact pixels that it is on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from stations.simulator.chance import Floats, Samples
from stations.simulator.motion import BELT_M_PER_S, BPFO_PER_REV, SHAFT_HZ
from stations.simulator.sounds import STICK_SLIP_HZ
from stations.simulator.surface import HEIGHT_PX, PLATE, SCALE_MM_PER_PX, WIDTH_PX, Surface, relief_shade

_PX_PER_S = BELT_M_PER_S * 1000 / SCALE_MM_PER_PX
"""What stands still draws along the part at this speed."""


@dataclass(slots=True)
class Canvas:
    """A part in the making, in its own frame: all (480, 640), `tint` with three colours more."""

    alpha: Samples
    albedo: Samples
    shade: Samples
    mask: Samples
    tint: Samples | None = None

    def add_tint(self, tint: Samples) -> None:
        self.tint = tint if self.tint is None else self.tint * tint


@dataclass(frozen=True, slots=True)
class Defect:
    """What is to be drawn: how far it has got (0–1), what caused it, dice of its own."""

    extent: float
    cause: str
    rng: np.random.Generator


def draw_defect(canvas: Canvas, surface: Surface, kind: str, defect: Defect) -> None:
    """Put a defect on a part, and its pixels into the mask."""
    DEFECTS[kind](canvas, surface, defect)
    canvas.mask[canvas.alpha < 0.5] = 0


@dataclass(frozen=True, slots=True)
class Groove:
    """One scratch. `pulse_px` lets it come and go at this pitch, as a slipping belt does."""

    at: tuple[float, float]
    length_px: float
    angle: float
    width_px: float
    depth: float
    pulse_px: float | None = None


def cut_groove(canvas: Canvas, rng: np.random.Generator, groove: Groove) -> Samples:
    """Cut a scratch, a dark floor with bright lips, uneven along its way; return its mask."""
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    cos, sin = np.cos(groove.angle), np.sin(groove.angle)
    x_span = _pixels(groove.at[0], groove.length_px * cos, WIDTH_PX)
    y_span = _pixels(groove.at[1], groove.length_px * sin, HEIGHT_PX)
    y, x = np.mgrid[y_span, x_span].astype(np.float32)
    dx, dy = x - groove.at[0], y - groove.at[1]
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    across -= rng.uniform(-2.5, 2.5) * np.sin(np.pi * along / max(groove.length_px, 60.0))
    pressure = _uneven(rng, groove.length_px, groove.pulse_px)
    force = np.interp(along, np.arange(len(pressure)), pressure, left=0.0, right=0.0)
    u = across / groove.width_px
    profile = -np.exp(-(u**2)) + 0.55 * np.exp(-((u - 1.7) ** 2)) + 0.25 * np.exp(-((u + 1.7) ** 2))
    canvas.shade[y_span, x_span] += (groove.depth * force * profile).astype(np.float32)
    mask[y_span, x_span] = (np.abs(across) < max(1.4 * groove.width_px, 1.0)) & (force > 0.15)
    return mask


def _pixels(start: float, way: float, size: int) -> slice:
    """Return the pixels of one axis that a scratch may touch."""
    low, high = min(start, start + way) - 12, max(start, start + way) + 13
    return slice(int(np.clip(low, 0, size)), int(np.clip(high, 0, size)))


def _uneven(rng: np.random.Generator, length_px: float, pulse_px: float | None) -> Floats:
    count = max(int(length_px), 4)
    rough = cv2.GaussianBlur(rng.standard_normal((1, count)), (0, 0), 9).ravel()
    pressure = np.clip(0.85 + 0.35 * rough / (rough.std() + 1e-6), 0.15, 1.3)
    if pulse_px is not None:
        pressure *= 0.65 + 0.45 * np.cos(2 * np.pi * (np.arange(count) / pulse_px + rng.random()))
    taper = np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.12 * count)
    return np.asarray(np.clip(pressure, 0.0, 1.3) * np.clip(taper, 0.0, 1.0), np.float64)


def _scratch(canvas: Canvas, surface: Surface, defect: Defect) -> None:  # noqa: ARG001  one signature for all defects
    """A slipping belt scores along its travel; a scratch from before the line lies anyhow."""
    rng, extent = defect.rng, defect.extent
    slipped = defect.cause == "belt_slip"
    for _ in range(1 + int(rng.random() < 0.5 * extent) + int(rng.random() < 0.3 * extent)):
        length_px = min((70 + 330 * extent) * rng.uniform(0.75, 1.2), 430)
        angle = rng.normal(0, 0.02) if slipped else rng.uniform(-1.4, 1.4)
        reach = abs(length_px * np.cos(angle)), length_px * np.sin(angle)
        x = rng.uniform(PLATE[0] + 12, max(PLATE[0] + PLATE[2] - 12 - reach[0], PLATE[0] + 20))
        y = rng.uniform(PLATE[1] + 20 + max(-reach[1], 0) * 0.8, PLATE[1] + PLATE[3] - 20 - max(reach[1], 0) * 0.8)
        pulse_px = _PX_PER_S / STICK_SLIP_HZ if slipped else None
        depth = (0.24 + 0.32 * extent) * rng.uniform(0.8, 1.2)
        mask = cut_groove(canvas, rng, Groove((x, y), length_px, angle, 1.15 + 1.1 * extent, depth, pulse_px))
        np.maximum(canvas.mask, mask, out=canvas.mask)


def _chatter(canvas: Canvas, surface: Surface, defect: Defect) -> None:  # noqa: ARG001
    """Waves across the travel, one per impact of the bearing, or long and faint ones, one per turn of an unbalanced shaft."""
    rng, extent = defect.rng, defect.extent
    per_rev = 1.0 if defect.cause == "imbalance" else BPFO_PER_REV
    pitch_px = _PX_PER_S / (SHAFT_HZ * per_rev) * rng.uniform(0.97, 1.03)
    depth = (0.045 + 0.11 * extent) * (0.75 if defect.cause == "imbalance" else 1.0)
    width, height = PLATE[2] * (0.35 + 0.5 * extent) * rng.uniform(0.8, 1.1), PLATE[3] * (0.25 + 0.45 * extent) * rng.uniform(0.8, 1.1)
    centre_x = rng.uniform(PLATE[0] + width * 0.45, PLATE[0] + PLATE[2] - width * 0.45) if width < PLATE[2] else WIDTH_PX / 2
    centre_y = rng.uniform(PLATE[1] + height * 0.5, PLATE[1] + PLATE[3] - height * 0.5)
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    lean = rng.normal(0, 0.05)
    wave = np.cos(2 * np.pi * (x + lean * (y - centre_y) + 3 * np.sin(y / 55)) / pitch_px + rng.uniform(0, 6.28))
    ridge = np.sign(wave) * np.abs(wave) ** 1.6
    presence = 1 / (1 + np.exp(-(width / 2 - np.abs(x - centre_x)) / 9)) / (1 + np.exp(-(height / 2 - np.abs(y - centre_y)) / 6))
    patchy = 0.8 + 0.35 * _blotches(rng, 36)
    canvas.shade += (depth * ridge * presence * patchy).astype(np.float32)
    np.maximum(canvas.mask, (presence > 0.4).astype(np.float32), out=canvas.mask)


_TEMPER = np.array(
    [
        [1, 1, 1],
        [1.01, 0.95, 0.80],
        [0.98, 0.86, 0.60],
        [0.84, 0.63, 0.45],
        [0.64, 0.46, 0.60],
        [0.46, 0.47, 0.80],
        [0.52, 0.65, 0.86],
        [0.68, 0.76, 0.80],
    ]
)
"""Temper colours of steel with growing oxide: bare, pale straw, straw, brown, purple, blue, light blue, grey."""


def _discoloration(canvas: Canvas, surface: Surface, defect: Defect) -> None:  # noqa: ARG001
    """Heat tints, thickest where the part was hottest."""
    rng, extent = defect.rng, defect.extent
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    oxide = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    for _ in range(1 + int(rng.random() < 0.6 * extent)):
        centre = rng.uniform(PLATE[0] + 50, PLATE[0] + PLATE[2] - 50), rng.uniform(PLATE[1] + 40, PLATE[1] + PLATE[3] - 40)
        size = (38 + 75 * extent) * rng.uniform(0.8, 1.25)
        r2 = ((x - centre[0]) / (1.35 * size)) ** 2 + ((y - centre[1]) / size) ** 2
        oxide += np.exp(-(r2**1.2)).astype(np.float32)
    oxide *= (0.20 + 0.72 * extent) * rng.uniform(0.85, 1.15) * (1 + 0.15 * _blotches(rng, 16) + 0.05 * _blotches(rng, 5))
    oxide = np.clip(oxide, 0, 1.1)
    levels = np.linspace(0, 1.1, len(_TEMPER))
    canvas.add_tint(np.stack([np.interp(oxide, levels, _TEMPER[:, colour]) for colour in range(3)], axis=-1).astype(np.float32))
    np.maximum(canvas.mask, (oxide > 0.09).astype(np.float32), out=canvas.mask)


def _press_mark(canvas: Canvas, surface: Surface, defect: Defect) -> None:
    """A stroke with too little force leaves one side of the mark faint; a part that slid in the die has it in the wrong place."""
    rng, extent = defect.rng, defect.extent
    if rng.random() < 0.3:
        angle, way_px = rng.uniform(0, 2 * np.pi), 16 + 42 * extent
        move = np.array([[1, 0, way_px * np.cos(angle)], [0, 1, 0.7 * way_px * np.sin(angle)]], np.float32)
        shifted = cv2.warpAffine(surface.mark_shade, move, (WIDTH_PX, HEIGHT_PX))
        foot = cv2.warpAffine(surface.mark_foot, move, (WIDTH_PX, HEIGHT_PX))
        canvas.shade += (1 - 0.25 * extent) * shifted - surface.mark_shade
    else:
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        side = ((x - 320) * np.cos(angle) + (y - 240) * np.sin(angle)) / 75
        missing = (0.25 + 0.75 * extent) / (1 + np.exp(-(side + 2.2 * extent - 1.0) * 2.5))
        canvas.shade -= (missing * surface.mark_shade).astype(np.float32)
        foot = surface.mark_foot * (missing > 0.35 * (0.25 + 0.75 * extent) + 0.1)
    area = cv2.dilate((foot > 0.3).astype(np.float32), np.ones((5, 5), np.uint8))
    np.maximum(canvas.mask, area, out=canvas.mask)


def _burr(canvas: Canvas, surface: Surface, defect: Defect) -> None:  # noqa: ARG001
    """A ragged lip of metal beyond one edge, bright where it is bent, with a rough rim inside."""
    rng, extent = defect.rng, defect.extent
    x0, y0, width, height = PLATE
    horizontal = rng.random() < 0.65
    side = width if horizontal else height
    length = min((70 + 250 * extent) * rng.uniform(0.8, 1.2), side - 90)
    start = (x0 if horizontal else y0) + rng.uniform(42, side - 42 - length)
    count = WIDTH_PX if horizontal else HEIGHT_PX
    place = np.arange(count)
    within = np.clip(np.minimum(place - start, start + length - place) / 14, 0, 1)
    teeth, swell = (_ragged(rng, count, size_px) for size_px in (2.2, 11.0))
    reach = within * (0.6 + 4.6 * extent) * (0.25 + 0.45 * teeth + 0.9 * swell**1.5)
    low_side = rng.random() < 0.5
    grid = np.arange(HEIGHT_PX if horizontal else WIDTH_PX, dtype=np.float64)
    edge = (y0 if low_side else y0 + height) if horizontal else (x0 if low_side else x0 + width)
    outward = (edge - grid if low_side else grid - edge)[:, None]
    lip = np.clip(reach[None, :] - outward, 0, 1) * (outward > -0.5) * (reach[None, :] > 0.6)
    rim = within[None, :] * np.exp(-((outward + 3.0) ** 2) / 6.0)
    bent = (_ragged(rng, count, 3.5) - 1.0)[None, :]
    glint = np.clip(0.22 * bent + 0.25 * (outward - 0.6 * reach[None, :]) / (reach[None, :] + 1.0), -0.5, 0.5)
    lip, rim, glint = (a if horizontal else a.T for a in (lip, rim, np.broadcast_to(glint, lip.shape)))
    canvas.alpha = np.maximum(canvas.alpha, lip.astype(np.float32))
    canvas.shade += (lip * (0.05 + glint) + rim * (0.07 + 0.5 * glint) * (0.4 + extent)).astype(np.float32)
    np.maximum(canvas.mask, ((lip > 0.4) | (rim > 0.45)).astype(np.float32), out=canvas.mask)


def _ragged(rng: np.random.Generator, count: int, size_px: float) -> Floats:
    """Return a ragged outline: positive, mean 1, with teeth of about the given size."""
    teeth = np.abs(cv2.GaussianBlur(rng.standard_normal((1, count)), (0, 0), size_px / 1.5).ravel())
    return np.asarray(teeth / teeth.mean(), np.float64)


def _inclusion(canvas: Canvas, surface: Surface, defect: Defect) -> None:  # noqa: ARG001
    """Slag or scale that was rolled in: dark, ragged, drawn out along the rolling direction, with a small step around it."""
    rng, extent = defect.rng, defect.extent
    centre = rng.uniform(PLATE[0] + 40, PLATE[0] + PLATE[2] - 40), rng.uniform(PLATE[1] + 35, PLATE[1] + PLATE[3] - 35)
    y_span, x_span = _pixels(centre[1] - 45, 90, HEIGHT_PX), _pixels(centre[0] - 80, 160, WIDTH_PX)
    y, x = np.mgrid[y_span, x_span].astype(np.float32)
    field = np.full(x.shape, -1.0, np.float32)
    for _ in range(1 + int(rng.integers(0, 3) * (0.4 + extent))):
        size = (4.2 + 8.5 * extent) * rng.uniform(0.6, 1.2)
        at = centre[0] + rng.normal(0, 20) * extent, centre[1] + rng.normal(0, 9) * extent
        r2 = ((x - at[0]) / (rng.uniform(1.3, 2.8) * size)) ** 2 + ((y - at[1]) / size) ** 2
        field = np.maximum(field, (1 - r2).astype(np.float32))
    ragged = field + 0.45 * _blotches(rng, 2.2, x.shape) + 0.25 * _blotches(rng, 5, x.shape)
    body = 1 / (1 + np.exp(-(ragged - 0.25) * 6)) * (field > -1)
    body = np.where(body > 0.04, body, 0).astype(np.float32)
    dark = (0.36 + 0.32 * extent) * rng.uniform(0.85, 1.15) * (1 + 0.18 * _blotches(rng, 1.2, x.shape))
    canvas.albedo[y_span, x_span] *= 1 - np.clip(dark * body, 0, 0.85)
    canvas.shade[y_span, x_span] += 0.35 * relief_shade(np.asarray(-3.0 * body, np.float32))
    tint = np.ones((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    tint[y_span, x_span] -= body[..., None] * np.array([0.0, 0.06, 0.12], np.float32)
    canvas.add_tint(tint)
    canvas.mask[y_span, x_span] = np.maximum(canvas.mask[y_span, x_span], body > 0.4)


def _blotches(rng: np.random.Generator, size_px: float, shape: tuple[int, ...] = (HEIGHT_PX, WIDTH_PX)) -> Samples:
    """Return smooth noise (mean 0, deviation about 1) with blotches of a given size, made coarse and enlarged."""
    step = max(size_px / 2.0, 1.0)
    height, width = shape
    small = round(height / step) + 2, round(width / step) + 2
    coarse = np.asarray(cv2.GaussianBlur(rng.standard_normal(small, dtype=np.float32), (0, 0), size_px / step / 1.4), np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR) if step > 1 else coarse[:height, :width]
    return np.asarray(fine / (coarse.std() + 1e-6), np.float32)


DEFECTS: dict[str, Callable[[Canvas, Surface, Defect], None]] = {
    "scratch": _scratch,
    "chatter_mark": _chatter,
    "discoloration": _discoloration,
    "press_mark": _press_mark,
    "burr": _burr,
    "inclusion": _inclusion,
}
