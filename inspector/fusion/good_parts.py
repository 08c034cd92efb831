"""What good parts of the training line look and sound like: pictures to lay beside a defective part, and the mean of every signal."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from inspector.errors import ModelError
from inspector.parts import GoodPart

FILE = "good_parts.npz"
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GoodPictures:
    """Good pictures of one camera."""

    part_ids: tuple[str, ...]
    jpegs: tuple[bytes, ...]
    embeddings: Array
    """(N, C), see `embedding`."""
    usual: float
    """How far a good picture usually lies from the nearest of these."""

    def nearest(self, camera: str, wanted: Array) -> GoodPart:
        """Return the picture whose embedding is nearest to `wanted` (C,)."""
        distances = np.linalg.norm(self.embeddings - wanted, axis=1)
        best = int(distances.argmin())
        bgr = cv2.imdecode(np.frombuffer(self.jpegs[best], np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise ModelError(f"{FILE}: the picture of '{self.part_ids[best]}' cannot be decoded: fetch the model again")
        pixels = np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)
        return GoodPart(camera, self.part_ids[best], float(distances[best] / max(self.usual, 1e-6)), pixels)


@dataclass(frozen=True, slots=True)
class GoodParts:
    """Pictures by camera; by waveform or series channel the mean summary (S,) and the mean steps (N, D)."""

    pictures: Mapping[str, GoodPictures] = field(default_factory=dict)
    means: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the content of the file that an artefact keeps."""
        arrays: dict[str, NDArray[Any]] = {"cameras": np.array(list(self.pictures)), "channels": np.array(list(self.means))}
        for number, kept in enumerate(self.pictures.values()):
            arrays[f"camera{number}.part_ids"] = np.array(kept.part_ids)
            arrays[f"camera{number}.embeddings"] = kept.embeddings.astype(np.float16)
            arrays[f"camera{number}.usual"] = np.array(kept.usual)
            arrays |= {f"camera{number}.jpeg{row}": np.frombuffer(jpeg, np.uint8) for row, jpeg in enumerate(kept.jpegs)}
        for number, (summary, steps) in enumerate(self.means.values()):
            arrays[f"channel{number}.summary"], arrays[f"channel{number}.steps"] = summary, steps
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        return content.getvalue()

    @classmethod
    def read(cls, path: Path) -> GoodParts:
        """Read the file of an artefact. Raises ModelError."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as found:
                arrays = dict(found)
            pictures = {str(camera): _pictures(arrays, number) for number, camera in enumerate(arrays["cameras"])}
            means = {
                str(channel): (arrays[f"channel{number}.summary"], arrays[f"channel{number}.steps"])
                for number, channel in enumerate(arrays["channels"])
            }
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path}: cannot be read ({error}): fetch the model again") from error
        return cls(pictures, means)


def _pictures(arrays: Mapping[str, NDArray[Any]], number: int) -> GoodPictures:
    part_ids = tuple(str(name) for name in arrays[f"camera{number}.part_ids"])
    return GoodPictures(
        part_ids,
        tuple(arrays[f"camera{number}.jpeg{row}"].tobytes() for row in range(len(part_ids))),
        arrays[f"camera{number}.embeddings"].astype(np.float32),
        float(arrays[f"camera{number}.usual"]),
    )


def embedding(maps: Sequence[ArrayLike]) -> Array:
    """Return what one picture looks like (C,): the means of its backbone maps (1, c, h, w)."""
    return np.concatenate([np.asarray(one, dtype=np.float32)[0].mean(axis=(1, 2)) for one in maps])
