"""What a model keeps of good parts to show beside a defective one: pictures that cover their variety, and the mean of every signal."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from inspector.fusion.good_parts import GoodParts, GoodPictures, embedding
from inspector.training.preparing import Prepared
from inspector.training.samples import Sample

PICTURES_KEPT = 30
LONG_SIDE_PX = 256
JPEG_QUALITY = 80
LARGEST_BYTES = 900_000


def good_parts(prepared: Prepared) -> GoodParts:
    """Return what is kept of the good training parts; empty where there is none."""
    good = [sample for sample in prepared.train if not sample.defective]
    share = max(4, PICTURES_KEPT // max(len(prepared.cameras), 1))
    pictures = {camera: found for camera in prepared.cameras if (found := _pictures(good, camera, share)) is not None}
    return GoodParts(pictures, {vector.name: mean for vector in prepared.vectors if (mean := _mean(good, vector.name)) is not None})


def _pictures(good: list[Sample], camera: str, count: int) -> GoodPictures | None:
    seen = [sample for sample in good if camera in sample.views]
    if not seen:
        return None
    found = [sample.views[camera][0] for sample in seen]
    embeddings = np.stack([embedding((view.fine[None], view.coarse[None])) for view in found])
    chosen = k_centre(embeddings, count)
    jpegs = _within(LARGEST_BYTES * count // PICTURES_KEPT, [_jpeg(seen[row].features.pictures[camera].pixels) for row in chosen])
    chosen = chosen[: len(jpegs)]
    nearest = np.sort(cdist(embeddings, embeddings[chosen]), axis=1)[:, min(1, len(chosen) - 1)]
    return GoodPictures(tuple(seen[row].part.part_id for row in chosen), jpegs, embeddings[chosen], float(np.median(nearest)))


def k_centre(points: NDArray[np.float32], count: int) -> list[int]:
    """Return the rows of `count` points: the one nearest to the mean, then each the farthest from those before it."""
    chosen = [int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmin())]
    distances = cdist(points, points[chosen])[:, 0]
    while len(chosen) < min(count, len(points)):
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, cdist(points, points[chosen[-1:]])[:, 0])
    return chosen


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    factor = min(1.0, LONG_SIDE_PX / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(small[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())


def _within(most_bytes: int, jpegs: list[bytes]) -> tuple[bytes, ...]:
    sizes = np.cumsum([len(jpeg) for jpeg in jpegs])
    return tuple(jpegs[: max(1, int(np.searchsorted(sizes, most_bytes, side="right")))])


def _mean(good: list[Sample], channel: str) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return the mean summary and steps of a channel over good parts; NaN where none of them can tell."""
    vectors = [sample.features.vectors[channel] for sample in good if channel in sample.features.vectors]
    if not vectors:
        return None
    return _known_mean([vector.summary for vector in vectors]), _known_mean([vector.steps for vector in vectors])


def _known_mean(values: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    stacked = np.stack(values)
    known = np.isfinite(stacked)
    count = known.sum(axis=0)
    total = np.where(known, stacked, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
