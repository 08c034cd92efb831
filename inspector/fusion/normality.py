"""How far a part's waveforms and series lie from good parts: a distance that needs no defect to have been seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEWEST_PARTS = 8
KNOTS = 65
BEYOND = 1.0
"""A number beyond all that good parts showed is rarer the farther out it lies, by a factor e at most for each of its values."""


class Normality(nn.Module):
    """Standardised vectors (B, size) -> distance (B,): 0 is the median of good parts, 1 their usual spread above it.

    Each number is as strange as the share of good parts that lie farther out on its side is small, and the logarithms add up (ECOD, Li et
    al., 2022). It has no covariance to estimate from fewer parts than numbers, and one wild number cannot outvote a hundred odd ones:
    where good parts come from many runs that differ in level, that is what tells.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("knots", torch.zeros(size, KNOTS))
        for name, value in {"middle": 0.0, "scale": 1.0, "count": 0.0}.items():
            self.register_buffer(name, torch.tensor([value]))
        self.knots: Tensor
        """Quantiles of good parts, from the least to the greatest."""
        self.middle: Tensor
        self.scale: Tensor
        self.count: Tensor

    def forward(self, values: Tensor) -> Tensor:
        if self.known() == 0:
            return values.new_zeros(len(values))
        return (self._distance(values) - self.middle) / self.scale

    def known(self) -> float:
        """Return how many good parts were seen."""
        return self.count.item()

    @torch.no_grad()
    def fit(self, values: Tensor, good: Tensor, folds: Tensor) -> Tensor:
        """Learn the parts (N, size) that are `good` (N,); return how far each part lies from the good ones outside its own fold (N,).

        `folds` (N,) keeps related parts together.
        """
        if good.sum() < FEWEST_PARTS:
            return values.new_zeros(len(values))
        self._fit(values[good])
        distances = self._distance(values)
        for fold in torch.unique(folds):
            others = good & (folds != fold)
            if others.sum() >= FEWEST_PARTS // 2:
                self._fit(values[others])
                distances[folds == fold] = self._distance(values[folds == fold])
        self._fit(values[good])
        low, middle, high = (float(torch.quantile(distances[good], q)) for q in (0.16, 0.5, 0.84))
        self.middle, self.scale = torch.tensor([middle]), torch.tensor([max((high - low) / 2, 0.05 * middle, 1e-3)])
        return (distances - self.middle) / self.scale

    def _fit(self, values: Tensor) -> None:
        self.knots = torch.quantile(values, torch.linspace(0, 1, KNOTS), dim=0).T.contiguous()
        self.count = torch.tensor([float(len(values))])

    def _distance(self, values: Tensor) -> Tensor:
        columns = values.T.contiguous()
        # Where good parts share a number to the last digit, all of them lie on both its sides.
        tail = torch.minimum(self._rank(columns, right=True), 1 - self._rank(columns, right=False))
        tail = tail.clamp(0.5 / (self.known() + 1), 0.5)
        outside = torch.relu(columns - self.knots[:, -1:]) + torch.relu(self.knots[:, :1] - columns)
        return (BEYOND * torch.tanh(outside) - torch.log(2 * tail)).mean(dim=0)

    def _rank(self, columns: Tensor, *, right: bool) -> Tensor:
        """Return the share of good parts below each number, with those equal to it (`right`) or without."""
        # Counted and not searched: as fast for so few knots, and an exported network has no search.
        reached = columns.detach()[:, :, None] >= self.knots[:, None] if right else columns.detach()[:, :, None] > self.knots[:, None]
        place = reached.sum(dim=2).clamp(1, KNOTS - 1)
        low, high = self.knots.gather(1, place - 1), self.knots.gather(1, place)
        within = torch.where(high > low, (columns - low) / (high - low).clamp(min=1e-9), torch.full_like(columns, float(right)))
        return (place - 1 + within.clamp(0, 1)) / (KNOTS - 1)
