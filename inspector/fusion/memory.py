"""A memory of good surfaces: how far each place of a picture is from everything that good parts showed.

The distance to the nearest of a bounded set of remembered patches (a k-centre coreset, Roth et al., 2022), on random projections of the
backbone's maps. It needs no defect to have been seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.vision import COARSE_CHANNELS, FINE_CHANNELS

REMEMBERED = 1500
CANDIDATES = 20_000
PROJECTED = 64


class GoodMemory(nn.Module):
    """Backbone maps -> anomaly map (B, 1, h, w): 0 is the median of good surfaces, 1 their usual spread above it."""

    def __init__(self) -> None:
        super().__init__()
        size = FINE_CHANNELS + COARSE_CHANNELS
        for name, value in {
            "mean": torch.zeros(size),
            "spread": torch.ones(size),
            "projection": torch.zeros(size, PROJECTED),
            "patches": torch.zeros(REMEMBERED, PROJECTED),
            "count": torch.zeros(1),
            "middle": torch.zeros(1),
            "scale": torch.ones(1),
        }.items():
            self.register_buffer(name, value)
        self.mean: Tensor
        self.spread: Tensor
        self.projection: Tensor
        self.patches: Tensor
        self.count: Tensor
        self.middle: Tensor
        self.scale: Tensor

    @property
    def filled(self) -> bool:
        return bool(self.count.item() > 0)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        batch, _, height, width = fine.shape
        if not self.filled:
            return fine.new_zeros(batch, 1, height, width)
        distances = self._distances(self._project(_patches(fine, coarse)))
        return ((distances - self.middle) / self.scale).view(batch, 1, height, width)

    @torch.no_grad()
    def fit(self, maps: list[tuple[Tensor, Tensor]], generator: torch.Generator) -> None:
        """Remember good surfaces: `maps` are backbone maps (1, C, h, w) of good pictures, any number of them."""
        per_picture = max(8, CANDIDATES // len(maps))
        sampled = []
        for fine, coarse in maps:
            patches = _patches(fine.float(), coarse.float())
            chosen = torch.randperm(len(patches), generator=generator)[:per_picture]
            sampled.append(patches[chosen])
        # Some pictures stay out of the memory and tell how far good surfaces lie from it; patches of one picture are too much alike.
        apart = max(1, len(sampled) // 4) if len(sampled) > 1 else 0
        candidates = torch.cat(sampled[apart:])
        candidates = candidates[torch.randperm(len(candidates), generator=generator)[:CANDIDATES]]
        self.mean, self.spread = candidates.mean(dim=0), candidates.std(dim=0).clamp(min=1e-3)
        size = FINE_CHANNELS + COARSE_CHANNELS
        self.projection = torch.randn(size, PROJECTED, generator=generator) / size**0.5
        remembered = self._project(candidates)
        held_out = self._project(torch.cat(sampled[:apart])) if apart else remembered
        chosen = _k_centre(remembered, min(REMEMBERED, len(remembered)))
        self.patches = torch.zeros(REMEMBERED, PROJECTED)
        self.patches[: len(chosen)] = chosen
        self.count = torch.tensor([float(len(chosen))])
        distances = self._distances(held_out)
        low, middle, high = (float(torch.quantile(distances, q)) for q in (0.16, 0.5, 0.84))
        self.middle, self.scale = torch.tensor([middle]), torch.tensor([max((high - low) / 2, 1e-3)])

    def _project(self, patches: Tensor) -> Tensor:
        return ((patches - self.mean) / self.spread) @ self.projection

    def _distances(self, projected: Tensor) -> Tensor:
        known = self.patches[: int(self.count.item())]
        return torch.cat([self.nearest(block, known) for block in torch.split(projected, 4096)])

    def nearest(self, projected: Tensor, known: Tensor) -> Tensor:
        """Return how far each place (N, `PROJECTED`) is from the nearest of those known."""
        return torch.cdist(projected, known).amin(dim=1)


def _patches(fine: Tensor, coarse: Tensor) -> Tensor:
    """Return (B·h·w, channels): each place with the mean of its neighbours, both strides."""
    up = functional.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)
    joined = functional.avg_pool2d(torch.cat([fine, up], dim=1), 3, 1, 1, count_include_pad=False)
    return joined.permute(0, 2, 3, 1).reshape(-1, joined.shape[1])


def _k_centre(points: Tensor, count: int) -> Tensor:
    """Return `count` points, each the farthest from those chosen before it (greedy k-centre)."""
    chosen = [0]
    distances = torch.cdist(points, points[:1])[:, 0]
    squares = (points**2).sum(dim=1)
    for _ in range(count - 1):
        farthest = int(distances.argmax())
        chosen.append(farthest)
        new = (squares + squares[farthest] - 2 * (points @ points[farthest])).clamp(min=0).sqrt()
        distances = torch.minimum(distances, new)
    return points[chosen]
