"""Pictures, levels and curves drawn with characters, for a terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stations.readings import full_scale

COLUMNS = 48
LOWEST_DBFS = -60.0
RESET = "\x1b[0m"
BLOCKS = "▁▂▃▄▅▆▇█"
CUBE = np.array([0, 95, 135, 175, 215, 255])
"""The six steps of red, green and blue in the palette of 256 colours."""


def colours(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many colours the terminal shows: 0, 256 or 2**24."""
    term = environment.get("TERM", "")
    if environment.get("NO_COLOR") or term in ("", "dumb"):
        return 0
    return 2**24 if environment.get("COLORTERM") in ("truecolor", "24bit") else 256


def picture_lines(pixels: NDArray[Any], palette: int, columns: int = COLUMNS) -> list[str]:
    """Return a picture as lines of half blocks, each character two pixels: the upper one its colour, the lower one its ground.

    Args:
        pixels: grey or RGB, 8 or 16 bits.
        palette: 256 or 2**24, as `colours` says.
        columns: how wide; a narrower picture is not enlarged.
    """
    height, width = pixels.shape[:2]
    columns = min(columns, width)
    rows = max(2, 2 * round(columns * height / width / 2))
    small = cv2.resize(_eight_bits(pixels), (columns, rows), interpolation=cv2.INTER_AREA)
    colour = _true_colour if palette > 256 else _palette_colour
    return [
        "".join(f"\x1b[38;{colour(above)};48;{colour(below)}m▀" for above, below in zip(upper, lower, strict=True)) + RESET
        for upper, lower in zip(small[::2], small[1::2], strict=True)
    ]


def level_bar(rms_dbfs: float, peak_dbfs: float, columns: int = 40) -> str:
    """Return a level as a bar from -60 to 0 dBFS, the peak as a mark in it."""

    def at(dbfs: float) -> int:
        return int(np.clip(round((dbfs - LOWEST_DBFS) / -LOWEST_DBFS * columns), 0, columns))

    bar = list("█" * at(rms_dbfs) + "·" * (columns - at(rms_dbfs)))
    if at(peak_dbfs) > 0:
        bar[at(peak_dbfs) - 1] = "|"
    return f"-60 {''.join(bar)} 0 dBFS"


def curve_line(values: Sequence[float], columns: int = 40) -> str:
    """Return a course of values as one line of blocks, from the lowest to the highest of them."""
    pieces = np.array_split(np.asarray(values, np.float64), min(columns, len(values)))
    means = np.array([piece.mean() for piece in pieces])
    low, high = float(means.min()), float(means.max())
    if high <= low:
        return BLOCKS[0] * len(means)
    return "".join(BLOCKS[int(step)] for step in np.rint((means - low) / (high - low) * (len(BLOCKS) - 1)))


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8:
        pixels = (pixels.astype(np.float32) * (255 / full_scale(pixels))).astype(np.uint8)
    return np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels


def _true_colour(rgb: NDArray[np.uint8]) -> str:
    red, green, blue = (int(part) for part in rgb)
    return f"2;{red};{green};{blue}"


def _palette_colour(rgb: NDArray[np.uint8]) -> str:
    """Return the nearest colour of the cube of 216, or of the 24 greys where that is nearer."""
    parts = rgb.astype(int)
    steps = np.abs(parts[:, None] - CUBE).argmin(axis=1)
    grey = int(np.clip(round((parts.mean() - 8) / 10), 0, 23))
    if np.abs(parts - (8 + 10 * grey)).sum() < np.abs(parts - CUBE[steps]).sum():
        return f"5;{232 + grey}"
    return f"5;{16 + int(steps @ [36, 6, 1])}"
