"""What goes into the network and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from inspector.parts import Modality

Maps = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(slots=True)
class Batch:
    """Several parts as tensors. A quality of 0 means the channel is absent and its numbers are ignored."""

    maps: dict[str, Maps] = field(default_factory=dict)
    """Camera -> fine (B, 40, h, w), coarse (B, 112, h/2, w/2), deep (B, 192, h/4, w/4), anomaly (B, 1, h, w)."""
    summaries: dict[str, Tensor] = field(default_factory=dict)
    steps: dict[str, Tensor] = field(default_factory=dict)
    offsets_s: dict[str, Tensor] = field(default_factory=dict)
    """Channel -> when each of its steps happened, from the trigger on (B, steps); (B, 1) for a camera, at the trigger where none."""
    quality: dict[str, Tensor] = field(default_factory=dict)
    counsel: dict[str, Tensor] = field(default_factory=dict)
    """Modality -> what its counsel says without having seen these parts (B, outputs); only in training, else it is asked."""
    overviews: dict[str, Tensor] = field(default_factory=dict)
    """Camera -> the same of its overview (B, kinds)."""

    def repeated(self, times: int = 1) -> Batch:
        """Return a batch of one part as `times` copies that autograd may use: it refuses what was made in inference mode."""

        def rows(value: Tensor) -> Tensor:
            return value.repeat(times, *([1] * (value.ndim - 1)))

        def all_rows(values: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: rows(value) for name, value in values.items()}

        return replace(
            self,
            maps={name: (rows(maps[0]), rows(maps[1]), rows(maps[2]), rows(maps[3])) for name, maps in self.maps.items()},
            summaries=all_rows(self.summaries),
            steps=all_rows(self.steps),
            offsets_s=all_rows(self.offsets_s),
            quality=all_rows(self.quality),
        )


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
