"""Is a defect of a kind that training showed? One of a new kind is called unknown, not forced into a known one.

What counts is the direction in which a part leaves the usual and not how far it goes, as one fault comes faint and strong: the cosine
between its standardised numbers and those of remembered defective parts, in the modality where left-out kinds were told best. They are
numbers that nothing was learned from. A network's own logits are as sure of a new kind as of an old one, as it learns to see just what
tells its kinds apart.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from inspector.errors import ModelError
from inspector.fusion.spec import FAR
from inspector.parts import Modality

FILE = "known_defects.npz"
Array = NDArray[np.float32]


class Recognition(BaseModel):
    """When a defect is called unknown, and how far to trust that: kinds were left out, one after the other, and looked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    modality: Modality
    limit: float
    """A defect whose `strangeness` is above this is of no known kind."""
    auroc: float
    """How well parts of a left-out kind were told from those of the others, mean over kinds."""
    found: float
    """Share of parts of a left-out kind that were called unknown."""
    mistaken: float
    """Share of held-out parts of known kinds that were called unknown."""
    used: bool
    """Whether that is good enough to call anything unknown."""


@dataclass(frozen=True, slots=True)
class KnownDefects:
    """Defective parts of the known kinds as directions in which they leave the usual."""

    mean: Array
    spread: Array
    directions: Array
    """(N, size), of length 1."""

    def strangeness(self, numbers: Array) -> float:
        """Return 1 minus the cosine between a part's numbers (size,) and the most similar remembered part: 0 alike, 1 nothing in common."""
        return float(1 - (self.directions @ directions(numbers[None], self.mean, self.spread)[0]).max())

    def to_bytes(self) -> bytes:
        """Return the content of the file that an artefact keeps."""
        content = io.BytesIO()
        half = self.directions.astype(np.float16)
        np.savez(content, allow_pickle=False, mean=self.mean, spread=self.spread, directions=half)
        return content.getvalue()

    @classmethod
    def read(cls, path: Path) -> KnownDefects:
        """Read the file of an artefact. Raises ModelError."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as found:
                arrays: dict[str, Any] = {name: found[name].astype(np.float32) for name in ("mean", "spread", "directions")}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path}: cannot be read ({error}): fetch the model again") from error
        return cls(**arrays)


def directions(numbers: Array, mean: Array, spread: Array) -> Array:
    """Return the directions (N, size), of length 1, in which parts leave the usual."""
    out = FAR * np.tanh((numbers - mean) / spread / FAR)
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6), dtype=np.float32)
