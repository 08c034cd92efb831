"""How far a part's waveforms and series lie from good parts: a distance that needs no defect to have been seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

COMPONENTS = 24
FEWEST_PARTS = 8


class Normality(nn.Module):
    """Standardised vectors (B, size) -> distance (B,): 0 is the median of good parts, 1 their usual spread above it.

    A Gaussian on the leading directions of good parts, and what is left outside of them. Directions are shrunk, as there are fewer
    parts than numbers.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        for name, value in {
            "mean": torch.zeros(size),
            "directions": torch.zeros(COMPONENTS, size),
            "spread": torch.ones(COMPONENTS),
            "rest": torch.ones(1),
            "middle": torch.zeros(1),
            "scale": torch.ones(1),
            "count": torch.zeros(1),
        }.items():
            self.register_buffer(name, value)
        self.mean: Tensor
        self.directions: Tensor
        self.spread: Tensor
        self.rest: Tensor
        self.middle: Tensor
        self.scale: Tensor
        self.count: Tensor

    def forward(self, values: Tensor) -> Tensor:
        if self.count.item() == 0:
            return values.new_zeros(len(values))
        return (self._distance(values) - self.middle) / self.scale

    @torch.no_grad()
    def fit(self, values: Tensor, folds: Tensor) -> None:
        """Learn good parts (N, size). `folds` (N,) keeps related parts together when the usual distance of unseen parts is found."""
        if len(values) < FEWEST_PARTS:
            return
        held_out = []
        for fold in torch.unique(folds):
            rest = values[folds != fold]
            if len(rest) >= FEWEST_PARTS // 2:
                self._fit(rest)
                held_out.append(self._distance(values[folds == fold]))
        self._fit(values)
        distances = torch.cat(held_out) if held_out else self._distance(values)
        low, middle, high = (float(torch.quantile(distances, q)) for q in (0.16, 0.5, 0.84))
        self.middle, self.scale = torch.tensor([middle]), torch.tensor([max((high - low) / 2, 0.05 * middle, 1e-3)])
        self.count = torch.tensor([float(len(values))])

    def _fit(self, values: Tensor) -> None:
        self.mean = values.mean(dim=0)
        centred = values - self.mean
        _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
        keep = min(COMPONENTS, max(1, len(values) // 4), len(singular))
        variance = singular**2 / max(len(values) - 1, 1)
        total = float(variance.sum())
        left = max(total - float(variance[:keep].sum()), 0.02 * total, 1e-6) / max(values.shape[1] - keep, 1)
        self.directions = torch.zeros(COMPONENTS, values.shape[1])
        self.directions[:keep] = directions[:keep]
        self.spread = torch.ones(COMPONENTS)
        self.spread[:keep] = (variance[:keep] + left).sqrt()
        self.rest = torch.tensor([left**0.5])

    def _distance(self, values: Tensor) -> Tensor:
        centred = values - self.mean
        along = centred @ self.directions.T
        outside = (centred**2).sum(dim=1) - (along**2).sum(dim=1)
        inside = ((along / self.spread) ** 2).sum(dim=1)
        return ((inside + outside.clamp(min=0) / self.rest**2) / centred.shape[1]).sqrt()
