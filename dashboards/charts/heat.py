"""A heat map as a layer to lay over a picture."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Violet over red to yellow: hues that bare metal, plastic and wood do not have, rising in lightness so that it reads without colour too.
_STOPS = np.array([[0.0, 70, 20, 120], [0.35, 150, 30, 130], [0.6, 220, 50, 60], [0.8, 250, 140, 20], [1.0, 255, 235, 90]])
_INVISIBLE_BELOW = 0.2
_FULL_ALPHA_AT = 0.65


@lru_cache(maxsize=128)
def overlay_png(heat_map: Path) -> bytes:
    """Return an 8-bit grey heat map as a coloured PNG that is clear where the map is cold."""
    with Image.open(heat_map) as grey:
        layer = grey.convert("L")
    colours, alpha = palette()
    # The grey values become palette indices as they are: no pixel has to be computed.
    indexed = Image.frombytes("P", layer.size, layer.tobytes())
    indexed.putpalette(colours.tobytes())
    file = BytesIO()
    indexed.save(file, "PNG", transparency=alpha.tobytes())
    return file.getvalue()


def palette() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the colour (256, 3) and the opacity (256,) of each grey value."""
    heat = np.linspace(0, 1, 256)
    colours = np.stack([np.interp(heat, _STOPS[:, 0], _STOPS[:, channel]) for channel in (1, 2, 3)], axis=1)
    alpha = np.clip((heat - _INVISIBLE_BELOW) / (_FULL_ALPHA_AT - _INVISIBLE_BELOW), 0, 1) * 255
    return colours.astype(np.uint8), alpha.astype(np.uint8)
