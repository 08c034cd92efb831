"""Numbers brought to one scale by what training saw of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inspector.fusion.spec import FAR


class Scale(nn.Module):
    """Standardise by what training saw; NaN becomes the mean, and far outliers are bent towards ±8."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.mean: Tensor
        self.spread: Tensor

    def forward(self, values: Tensor) -> Tensor:
        return standardised(values, self.mean, self.spread)


def standardised(values: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Return values in spreads from the mean, far outliers bent towards ±8, NaN as the mean."""
    return FAR * torch.tanh(torch.nan_to_num((values - mean) / spread) / FAR)
