"""What must be known to build the network before its weights are loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from inspector.parts import MODALITIES, Modality

NAME = "line-fusion"
VERSION = 3
"""Raised whenever weights of an older network no longer mean the same."""


FAR = 8.0
"""Numbers farther out than this many spreads are bent back, as wild ones would decide alone."""


@dataclass(frozen=True, slots=True)
class VectorSpec:
    """One waveform or series channel: the lengths of its vectors."""

    name: str
    modality: Modality
    summary: int
    steps: int
    step_size: int


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """All that must be known to build the network before its weights are loaded."""

    cameras: tuple[str, ...]
    image_size: tuple[int, int]
    vectors: tuple[VectorSpec, ...]
    kinds: tuple[str, ...]
    causes: tuple[str, ...]
    width: int = 96
    map_width: int = 48
    layers: int = 2
    heads: int = 4
    dropout: float = 0.2

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        present = {spec.modality for spec in self.vectors} | ({"image"} if self.cameras else set())
        return tuple(modality for modality in MODALITIES if modality in present)

    @property
    def outputs(self) -> int:
        """One logit for the defect, one for each kind and each cause."""
        return 1 + len(self.kinds) + len(self.causes)
