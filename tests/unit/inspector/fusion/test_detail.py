"""Heat maps at the picture's own scale."""

from __future__ import annotations

import numpy as np
import pytest

from inspector.fusion.detail import details_of, sharpened

INPUT = (256, 320)


def scratched(size: tuple[int, int] = INPUT) -> np.ndarray:
    """Return a grey surface (height, width, 3) with one dark vertical line at three tenths of its width."""
    pixels = np.full((*size, 3), 128, np.uint8)
    column = round(0.3 * size[1])
    pixels[:, column : column + max(1, size[1] // 160)] = 40
    return pixels


def test_the_peak_moves_onto_the_line() -> None:
    heat = np.zeros((32, 40), np.float32)
    heat[10:14, 11:14] = 0.8  # the line crosses the hot places at their edge
    found = sharpened(heat, details_of(scratched(), (320, 256), INPUT))
    assert np.unravel_index(found.argmax(), found.shape)[1] in range(94, 101)
    assert found.max() <= 0.8 + 1e-6


@pytest.mark.parametrize("size", [(64, 48), (256, 320), (2048, 2600)])
def test_the_picture_may_have_any_size(size: tuple[int, int]) -> None:
    heat = np.random.default_rng(0).random((32, 40), dtype=np.float32)
    found = sharpened(heat, details_of(scratched(size), (size[1], size[0]), INPUT))
    assert found.shape == size
    assert found.min() >= 0
    assert np.isfinite(found).all()


def test_a_surface_without_detail_keeps_its_heat() -> None:
    assert (details_of(np.full((256, 320, 3), 90, np.uint8), (320, 256), INPUT) == 1).all()
