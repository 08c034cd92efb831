"""One waveform or series channel, and one modality of them: vectors in; tokens and the modality's own answer out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inspector.fusion.counsel import Counsel
from inspector.fusion.scale import Scale
from inspector.fusion.spec import NetworkSpec, VectorSpec
from inspector.parts import Modality


class VectorEncoder(nn.Module):
    """One waveform or series channel -> its standardised summary, and tokens: the summary first, then the steps."""

    def __init__(self, vector: VectorSpec, spec: NetworkSpec) -> None:
        super().__init__()
        self.with_steps = vector.modality != "series"
        self.summary_scale, self.step_scale = Scale(vector.summary), Scale(vector.step_size)
        self.summary = nn.Sequential(nn.Dropout(spec.dropout), nn.Linear(vector.summary, spec.width))
        self.step = nn.Linear(vector.step_size, spec.width)
        self.channel = nn.Parameter(torch.randn(spec.width) * 0.02)

    def forward(self, summary: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        scaled = self.summary_scale(summary)
        tokens = self.summary(scaled)[:, None]
        if self.with_steps:
            tokens = torch.cat([tokens, self.step(self.step_scale(steps))], dim=1)
        return scaled, tokens + self.channel


class Witness(nn.Module):
    """All channels of one modality together -> the modality's own logits, and one token for the trunk.

    The counsel speaks for itself; a small network hears it together with all numbers, corrects it and tells the trunk.
    """

    def __init__(self, spec: NetworkSpec, modality: Modality) -> None:
        super().__init__()
        self.sizes = [vector.summary for vector in spec.vectors if vector.modality == modality]
        size, hidden = sum(self.sizes), 64
        self.counsel = Counsel(size, spec)
        self.gain = nn.Parameter(torch.ones(spec.outputs))
        self.noise = Noise(0.3)
        self.hidden = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear(size + spec.outputs, hidden),
            nn.LayerNorm(hidden),
            nn.GELU(),
            nn.Dropout(0.4),
            nn.Linear(hidden, hidden),
            nn.GELU(),
        )
        self.own = nn.Sequential(nn.Dropout(0.3), nn.Linear(hidden, spec.outputs))
        self.token = nn.Linear(hidden, spec.width)

    def forward(
        self, present: list[tuple[Tensor, Tensor]], places: list[bool], heard: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return own logits, token and quality of the modality; `heard` stands for the counsel where it must not know these parts."""
        batch = present[0][0].shape[0]
        found = iter(present)
        columns, weights = [], []
        for size, there in zip(self.sizes, places, strict=True):
            summary, weight = next(found) if there else (self.token.weight.new_zeros(batch, size), self.token.weight.new_zeros(batch))
            columns.append(summary)
            weights.append(weight)
        said = (
            self.counsel(torch.cat([c * (w[:, None] > 0) for c, w in zip(columns, weights, strict=True)], dim=1))
            if heard is None
            else heard
        )
        weighted = torch.cat([c * w[:, None] for c, w in zip(columns, weights, strict=True)], dim=1)
        hidden = self.hidden(torch.cat([self.noise(weighted), said], dim=1))
        sizes = torch.tensor(self.sizes, dtype=hidden.dtype, device=hidden.device)
        weight = (torch.stack(weights, dim=1) * sizes).sum(dim=1) / sizes.sum()
        return self.own(hidden) + self.gain * said, self.token(hidden), weight


class Noise(nn.Module):
    """Add Gaussian noise while training."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.spread = spread

    def forward(self, values: Tensor) -> Tensor:
        return values + torch.randn_like(values) * self.spread if self.training else values
