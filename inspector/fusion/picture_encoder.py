"""One camera: backbone maps in; tokens, the picture's own answer, and the defect logit of every place out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.backbone import COARSE_CHANNELS, FINE_CHANNELS
from inspector.fusion.spec import NetworkSpec


class CameraEncoder(nn.Module):
    """Backbone maps of one camera -> patch tokens, the picture's own logits, and the defect logit of every place."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        maps = spec.map_width
        self.fine = nn.Conv2d(FINE_CHANNELS, maps, 1)
        self.coarse = nn.Conv2d(COARSE_CHANNELS, maps, 1)
        self.unusual = nn.Conv2d(1, maps, 1)
        self.first = nn.Sequential(nn.GroupNorm(4, maps), nn.GELU(), nn.Conv2d(maps, maps, 3, padding=1))
        self.second = nn.Sequential(nn.GroupNorm(4, maps), nn.GELU(), nn.Conv2d(maps, maps, 3, padding=2, dilation=2))
        self.last = nn.Sequential(nn.GroupNorm(4, maps), nn.GELU())
        """Its output is the map that heat maps are drawn on."""
        self.place = nn.Conv2d(maps, 1, 1)
        self.drop = nn.Dropout2d(spec.dropout / 2)
        gathered = 3 * maps + len(_TOP_SHARES) * 2
        self.embed = nn.Sequential(nn.LayerNorm(gathered), nn.Dropout(spec.dropout), nn.Linear(gathered, spec.width), nn.GELU())
        self.own = nn.Sequential(nn.Dropout(spec.dropout), nn.Linear(spec.width, spec.outputs))
        self.tops = nn.Linear(len(_TOP_SHARES), 1)
        self.patch = nn.Linear(maps, spec.width)
        rows, columns = (max(2, side // 64) for side in spec.image_size)
        self.grid = (rows, columns)
        self.position = nn.Parameter(torch.randn(rows * columns, spec.width) * 0.02)
        nn.init.constant_(self.place.bias, -2.0)  # type: ignore[arg-type]
        nn.init.constant_(self.tops.weight, 1.0 / len(_TOP_SHARES))

    def forward(self, fine: Tensor, coarse: Tensor, unusual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        up = functional.interpolate(self.coarse(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False)
        x = self.fine(fine) + up + self.unusual(unusual)
        x = x + self.first(x)
        x = self.last(x + self.second(x))
        x = self.drop(x)
        places = self.place(x)[:, 0]
        gathered, tops = self._gather(x, places, unusual[:, 0])
        embedded = self.embed(gathered)
        own = self.own(embedded)
        own = torch.cat([own[:, :1] + self.tops(tops), own[:, 1:]], dim=1)
        patches = self.patch(functional.adaptive_avg_pool2d(x, self.grid).flatten(2).transpose(1, 2)) + self.position
        return torch.cat([embedded[:, None], patches], dim=1), own, places

    def _gather(self, x: Tensor, places: Tensor, unusual: Tensor) -> tuple[Tensor, Tensor]:
        flat, logits = x.flatten(2), places.flatten(1)
        focus = torch.softmax(logits, dim=1)
        focused = (flat * focus[:, None]).sum(dim=2)
        tops = _top_means(logits)
        return torch.cat([focused, flat.mean(dim=2), flat.amax(dim=2), tops, _top_means(unusual.flatten(1))], dim=1), tops


_TOP_SHARES = (0.0, 0.005, 0.03, 0.2)


def _top_means(values: Tensor) -> Tensor:
    """Return the means of the highest values (B, shares): the peak alone, and ever larger shares of all places."""
    ordered = values.sort(dim=1, descending=True).values
    counts = [max(1, round(share * values.shape[1])) for share in _TOP_SHARES]
    return torch.stack([ordered[:, :count].mean(dim=1) for count in counts], dim=1)
