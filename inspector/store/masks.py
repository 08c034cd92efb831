"""Where on a picture people say the defect is: drawn by hand, signed; the last drawing of a picture counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select

from inspector.errors import StoreError
from inspector.parts import Mask
from inspector.store.models import MaskRow
from inspector.store.results import DrawnMask


def add_mask(connection: Connection, mask_id: str, drawn: DrawnMask) -> None:
    """Keep a drawing; those of before stay."""
    width_px, height_px = drawn.mask.size_px
    row: dict[str, Any] = {"mask_id": mask_id, "inspection_id": drawn.inspection_id, "camera": drawn.camera, "who": drawn.who}
    row |= {"width_px": width_px, "height_px": height_px, "runs": list(drawn.mask.runs), "wall_utc_ns": drawn.wall_utc_ns}
    connection.execute(insert(MaskRow).values(row))


def masks_of(connection: Connection, inspection_id: str) -> dict[str, DrawnMask]:
    """Return the last drawing on each picture of a part, by camera."""
    chosen = select(MaskRow.camera, MaskRow.width_px, MaskRow.height_px, MaskRow.runs, MaskRow.who, MaskRow.wall_utc_ns)
    rows = connection.execute(chosen.where(MaskRow.inspection_id == inspection_id).order_by(MaskRow.mask_id))
    return {
        row.camera: DrawnMask(inspection_id, row.camera, Mask((row.width_px, row.height_px), tuple(row.runs)), row.who, row.wall_utc_ns)
        for row in rows
    }


def checked(size_px: tuple[int, int], runs: Sequence[int]) -> Mask:
    """Return run lengths as a mask of a picture. Raises StoreError where they are none."""
    if min(size_px) < 1 or any(run < 0 for run in runs) or sum(runs) != size_px[0] * size_px[1]:
        raise StoreError(f"runs: do not add up to a picture of {size_px[0]} x {size_px[1]} px")
    return Mask(size_px, tuple(runs))


def pixels_of(mask: Mask) -> NDArray[np.uint8]:
    """Return a mask as a picture (H, W) with 255 inside."""
    width, height = mask.size_px
    inside = np.arange(len(mask.runs)) % 2 == 1
    return np.where(np.repeat(inside, mask.runs).reshape(width, height).T, np.uint8(255), np.uint8(0))


def mask_of(pixels: NDArray[np.uint8]) -> Mask:
    """Return a picture (H, W) as a mask: inside is what is not 0."""
    columns = (pixels.T > 0).ravel()
    ends = np.flatnonzero(np.diff(columns)) + 1
    runs = np.diff(np.concatenate([[0], ends, [columns.size]]))
    first = (0,) if columns[0] else ()
    return Mask((pixels.shape[1], pixels.shape[0]), (*first, *(int(run) for run in runs)))
