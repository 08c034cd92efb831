"""Which graphs an exported judge is made of, and what their inputs and outputs are called; read by who writes and by who runs them.

One graph a sense, so that a sense which is absent is not computed; one that lets all of them decide; and two that are gradients.
"""

from __future__ import annotations

from collections.abc import Sequence

from inspector.fusion.spec import NetworkSpec, VectorSpec
from inspector.parts import Modality

EYE, DECIDE, WHY = "eye", "decide", "why"
MAPS = ("fine", "coarse", "deep")


def camera_graph(spec: NetworkSpec, camera: str) -> str:
    """Return the name of the graph that reads one camera's maps."""
    return f"camera{spec.cameras.index(camera)}"


def cam_graph(spec: NetworkSpec, camera: str) -> str:
    """Return the name of the graph that tells which places of a camera's map the decision was made from."""
    return f"where{spec.cameras.index(camera)}"


def modality_graph(modality: Modality) -> str:
    """Return the name of the graph that reads all channels of one modality but pictures."""
    return f"sense_{modality}"


def vectors_of(spec: NetworkSpec, modality: Modality) -> list[VectorSpec]:
    """Return the channels of a modality, in the network's order."""
    return [vector for vector in spec.vectors if vector.modality == modality]


def heard_modalities(spec: NetworkSpec) -> list[Modality]:
    """Return the model's modalities without pictures."""
    return [modality for modality in spec.modalities if modality != "image"]


def vector_inputs(vectors: Sequence[VectorSpec]) -> list[str]:
    """Return the names of what a graph reads of channels: numbers, when they were taken, quality (0: absent)."""
    return [f"{what}:{vector.name}" for vector in vectors for what in ("summary", "steps", "offsets", "quality")]


def blocks(spec: NetworkSpec) -> list[str]:
    """Return the names of what the trunk reads: tokens and quality of every channel, answers of every camera and modality."""
    names = [f"{what}:{camera}" for camera in spec.cameras for what in ("tokens", "own", "quality")]
    names += [f"{what}:{vector.name}" for vector in spec.vectors for what in ("tokens", "quality")]
    return names + [f"{what}:{modality}" for modality in heard_modalities(spec) for what in ("token", "own", "weight")]


def evidence_names(spec: NetworkSpec) -> list[str]:
    """Return the names of the evidence that the deciding graph tells, in order."""
    return ["fused", *(f"own_{modality}" for modality in spec.modalities)]
