"""What goes into the network and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from inspector.parts import Modality


@dataclass(slots=True)
class Batch:
    """Several parts as tensors. A quality of 0 means the channel is absent and its numbers are ignored."""

    maps: dict[str, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)
    """Camera -> fine (B, 40, h, w), coarse (B, 112, h/2, w/2), anomaly (B, 1, h, w)."""
    summaries: dict[str, Tensor] = field(default_factory=dict)
    steps: dict[str, Tensor] = field(default_factory=dict)
    offsets_s: dict[str, Tensor] = field(default_factory=dict)
    """Channel -> when each of its steps happened, from the trigger on (B, steps); (B, 1) for a camera, at the trigger where none."""
    quality: dict[str, Tensor] = field(default_factory=dict)
    counsel: dict[str, Tensor] = field(default_factory=dict)
    """Modality -> what its counsel says without having seen these parts (B, outputs); only in training, else it is asked."""


@dataclass(slots=True)
class Outputs:
    """What the network says of each part of a batch; `logits` (B, 1 + kinds + causes)."""

    logits: Tensor
    by_modality: dict[Modality, Tensor]
    quality: dict[Modality, Tensor]
    attention: dict[Modality, Tensor]
    """Share of the decision token's attention that each modality gets; sums to 1."""
    evidence: dict[str, Tensor]
    """Camera -> per place the logit of a defect, then of each kind that it would be of (B, 1 + kinds, h, w)."""
    conflict: Tensor | None = None
    """Logit (B,) that the modalities contradict each other; None where the model has only one."""
