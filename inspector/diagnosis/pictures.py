"""What a picture says of the station itself: light, sharpness, shadows that dirt on the lens would throw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inspector.diagnosis.measurements import Sheet

_MOST_PX = 240
_BLOCKS = (9, 12)


def measure_picture(sheet: Sheet, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Note brightness, contrast, sharpness and evenness of (H, W) or (H, W, 3) pixels, all as shares of full scale."""
    if pixels.size == 0:
        return
    grey = _grey(pixels)
    mean = float(grey.mean())
    sheet.note("brightness", 100 * mean, "%")
    aside = grey.ravel() - mean
    sheet.note("contrast", 100 * float(np.sqrt(aside @ aside / aside.size)) / max(mean, 1e-3), "%")
    sheet.note("dark", 100 * np.count_nonzero(grey < 0.06) / grey.size, "%")
    sheet.note("glare", 100 * np.count_nonzero(grey > 0.97) / grey.size, "%")
    if min(grey.shape) >= 3:
        # against the mean: a darker picture of the same part is not a blurred one
        sheet.note("sharpness", 10 * float(np.log10((_edges(grey) + 1e-12) / (mean**2 + 1e-6))), "dB")
    if grey.shape[0] >= 3 * _BLOCKS[0] and grey.shape[1] >= 3 * _BLOCKS[1] and mean > 0:
        _shading(sheet, grey, mean)


def _grey(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return 0..1 grey of every n-th pixel: light and shade need no full resolution, and sharpness keeps its scale by it."""
    step = max(1, min(pixels.shape[:2]) // _MOST_PX)
    small, full = pixels[::step, ::step], np.iinfo(pixels.dtype).max
    if small.ndim == 2:
        return np.asarray(small / full)
    # plane by plane, in whole numbers: numpy is slow at many short sums
    return np.asarray(sum(small[..., plane].astype(np.uint32) for plane in range(small.shape[2])) / (small.shape[2] * full))


def _edges(grey: NDArray[np.float64]) -> float:
    """Return the mean square of how far each inner pixel bends the grey, down and across together."""
    inner = grey[1:-1, 1:-1] * 2
    down = grey[:-2, 1:-1] + grey[2:, 1:-1]
    across = grey[1:-1, :-2] + grey[1:-1, 2:]
    for bends in (down, across):
        bends -= inner
        np.abs(bends, out=bends)
    down += across
    flat = down.ravel()
    return float(flat @ flat) / flat.size


def _shading(sheet: Sheet, grey: NDArray[np.float64], mean: float) -> None:
    rows, columns = _BLOCKS
    height, width = grey.shape[0] // rows, grey.shape[1] // columns
    blocks = grey[: rows * height, : columns * width].reshape(rows, height, columns, width).mean(axis=(1, 3)) / mean
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    basis = np.stack([np.ones(blocks.size), x.ravel(), y.ravel()], axis=1)
    fitted, *_ = np.linalg.lstsq(basis, blocks.ravel(), rcond=None)
    rest = blocks.ravel() - basis @ fitted
    sheet.note("light_slope", 100 * float(np.hypot(fitted[1], fitted[2])), "%")
    sheet.note("shading", 100 * float(rest.std()), "%")
    sheet.note("darkest_spot", 100 * float(-rest.min()), "%")
