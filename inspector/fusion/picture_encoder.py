"""One camera: backbone maps in; tokens, the picture's own answer, and what every place shows out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.counsel import Overview, overview_of
from inspector.fusion.spec import NetworkSpec
from inspector.fusion.vision import COARSE_CHANNELS, DEEP_CHANNELS, FINE_CHANNELS


class CameraEncoder(nn.Module):
    """Backbone maps of one camera -> patch tokens, the picture's own logits, and the defect logit of every place.

    Coarser maps see ever larger surroundings; they are added onto the fine one from the top down, so that a place is judged by its own
    detail and by what lies around it.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        maps = spec.map_width
        self.fine = nn.Conv2d(FINE_CHANNELS, maps, 1)
        self.coarse = nn.Conv2d(COARSE_CHANNELS, maps, 1)
        self.deep = nn.Conv2d(DEEP_CHANNELS, maps, 1)
        self.unusual = nn.Conv2d(1, maps, 1)
        self.first = nn.Sequential(nn.GroupNorm(4, maps), nn.GELU(), nn.Conv2d(maps, maps, 3, padding=1))
        self.second = nn.Sequential(nn.GroupNorm(4, maps), nn.GELU(), nn.Conv2d(maps, maps, 3, padding=2, dilation=2))
        self.last = nn.Sequential(nn.GroupNorm(4, maps), nn.GELU())
        """Its output is the map that heat maps are drawn on."""
        self.place = nn.Conv2d(maps, 1 + len(spec.kinds), 1)
        """Per place one logit for a defect, and one for each kind that it would be of."""
        self.drop = nn.Dropout2d(spec.dropout / 2)
        gathered = 3 * maps + len(_TOP_SHARES) * 2 + COARSE_CHANNELS + DEEP_CHANNELS
        self.embed = nn.Sequential(nn.LayerNorm(gathered), nn.Dropout(spec.dropout), nn.Linear(gathered, spec.width), nn.GELU())
        self.own = nn.Sequential(nn.Dropout(spec.dropout), nn.Linear(spec.width, spec.outputs))
        self.overview = Overview(FINE_CHANNELS + COARSE_CHANNELS + DEEP_CHANNELS, len(spec.kinds))
        self.gain = nn.Parameter(torch.ones(len(spec.kinds)))
        self.tops = nn.Linear(len(_TOP_SHARES), 1)
        self.patch = nn.Linear(maps, spec.width)
        rows, columns = (max(2, side // 64) for side in spec.image_size)
        self.grid = (rows, columns)
        self.pool = nn.AdaptiveAvgPool2d(self.grid)
        self.position = nn.Parameter(torch.randn(rows * columns, spec.width) * 0.02)
        with torch.no_grad():
            self.place.bias[0] = -2.0  # type: ignore[index]
        nn.init.constant_(self.tops.weight, 1.0 / len(_TOP_SHARES))

    def forward(
        self, fine: Tensor, coarse: Tensor, deep: Tensor, unusual: Tensor, heard: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return tokens (B, 1 + patches, width), logits (B, outputs), and the logits of every place (B, 1 + kinds, h, w).

        `heard` stands for the overview where it must not know these parts.
        """
        said = self.overview(overview_of((fine, coarse, deep))) if heard is None else heard
        return self.answer(self.drawn_on(fine, coarse, deep, unusual), coarse, deep, unusual, said)

    def drawn_on(self, fine: Tensor, coarse: Tensor, deep: Tensor, unusual: Tensor) -> Tensor:
        """Return the map (B, maps, h, w) that heat maps are drawn on."""
        x = _enlarged(self.deep(deep), coarse) + self.coarse(coarse)
        x = _enlarged(x, fine) + self.fine(fine) + self.unusual(unusual)
        x = x + self.first(x)
        return self.last(x + self.second(x))  # type: ignore[no-any-return]

    def answer(self, x: Tensor, coarse: Tensor, deep: Tensor, unusual: Tensor, said: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what `forward` does, from the map that heat maps are drawn on and what the overview said."""
        x = self.drop(x)
        places = self.place(x)
        gathered, tops = self._gather(x, places[:, 0], unusual[:, 0])
        embedded = self.embed(torch.cat([gathered, coarse.mean(dim=(2, 3)), deep.mean(dim=(2, 3))], dim=1))
        own = self._answer(self.own(embedded), places, tops, self.gain * said)
        patches = self.patch(self.pool(x).flatten(2).transpose(1, 2)) + self.position
        return torch.cat([embedded[:, None], patches], dim=1), own, places

    def _answer(self, whole: Tensor, places: Tensor, tops: Tensor, overview: Tensor) -> Tensor:
        """Add what the most suspicious places and the overview say to what the whole picture says.

        A few dozen pictures of a kind are soon known by heart, surroundings and all; so while training the places must often do without
        the whole picture when they name the kind.
        """
        kinds = places.shape[1] - 1
        focus = torch.softmax(places[:, 0].flatten(1), dim=1)
        local = (places[:, 1:].flatten(2) * focus[:, None]).sum(dim=2)
        said = whole[:, 1 : 1 + kinds]
        if self.training:
            said = said * (torch.rand(len(said), 1, device=said.device) < 0.5)
        return torch.cat([whole[:, :1] + self.tops(tops), said + local + overview, whole[:, 1 + kinds :]], dim=1)

    def _gather(self, x: Tensor, places: Tensor, unusual: Tensor) -> tuple[Tensor, Tensor]:
        flat, logits = x.flatten(2), places.flatten(1)
        focus = torch.softmax(logits, dim=1)
        focused = (flat * focus[:, None]).sum(dim=2)
        tops = _top_means(logits)
        return torch.cat([focused, flat.mean(dim=2), flat.amax(dim=2), tops, _top_means(unusual.flatten(1))], dim=1), tops


def _enlarged(small: Tensor, large: Tensor) -> Tensor:
    return functional.interpolate(small, size=large.shape[-2:], mode="bilinear", align_corners=False)


_TOP_SHARES = (0.0, 0.005, 0.03, 0.2)


def _top_means(values: Tensor) -> Tensor:
    """Return the means of the highest values (B, shares): the peak alone, and ever larger shares of all places."""
    ordered = values.sort(dim=1, descending=True).values
    counts = [max(1, round(share * int(values.shape[1]))) for share in _TOP_SHARES]
    return torch.stack([ordered[:, :count].mean(dim=1) for count in counts], dim=1)
