"""The fusion network: any subset of pictures, sounds, vibrations and series of one part in; defect, kind and cause out.

Every channel becomes tokens with a channel and a time embedding; one transformer reads them all through a decision token. Beside the
trunk every modality has a small head of its own. Their logits add up, so that a missing modality leaves the sum of the others.
Quality weighs twice: as a bias on attention, and as a factor on the modality's own logits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.backbone import COARSE_CHANNELS, FINE_CHANNELS
from inspector.parts import MODALITIES, Modality

NAME = "line-fusion"
VERSION = 1
"""Raised whenever weights of an older network no longer mean the same."""

QUALITY_FLOOR = 0.05


@dataclass(frozen=True, slots=True)
class VectorSpec:
    """One waveform or series channel: the lengths of its vectors."""

    name: str
    modality: Modality
    summary: int
    steps: int
    step_size: int


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """All that must be known to build the network before its weights are loaded."""

    cameras: tuple[str, ...]
    image_size: tuple[int, int]
    vectors: tuple[VectorSpec, ...]
    kinds: tuple[str, ...]
    causes: tuple[str, ...]
    width: int = 96
    map_width: int = 48
    layers: int = 2
    heads: int = 4
    dropout: float = 0.2

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        present = {spec.modality for spec in self.vectors} | ({"image"} if self.cameras else set())
        return tuple(modality for modality in MODALITIES if modality in present)

    @property
    def outputs(self) -> int:
        """One logit for the defect, one for each kind and each cause."""
        return 1 + len(self.kinds) + len(self.causes)


@dataclass(slots=True)
class Batch:
    """Several parts as tensors. A quality of 0 means the channel is absent and its numbers are ignored."""

    maps: dict[str, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)
    """Camera -> fine (B, 40, h, w), coarse (B, 112, h/2, w/2), anomaly (B, 1, h, w)."""
    summaries: dict[str, Tensor] = field(default_factory=dict)
    steps: dict[str, Tensor] = field(default_factory=dict)
    offsets_s: dict[str, Tensor] = field(default_factory=dict)
    quality: dict[str, Tensor] = field(default_factory=dict)


@dataclass(slots=True)
class Outputs:
    """What the network says of each part of a batch; `logits` (B, 1 + kinds + causes)."""

    logits: Tensor
    by_modality: dict[Modality, Tensor]
    quality: dict[Modality, Tensor]
    attention: dict[Modality, Tensor]
    """Share of the decision token's attention that each modality gets; sums to 1."""
    evidence: dict[str, Tensor]
    """Camera -> defect logit per place (B, h, w)."""


class FusionNetwork(nn.Module):
    """Backbone maps and vectors in, logits out. The backbone is not part of it."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        width = spec.width
        self.cameras = nn.ModuleList([_CameraEncoder(spec) for _ in spec.cameras])
        self.vectors = nn.ModuleList([_VectorEncoder(vector, spec) for vector in spec.vectors])
        self.witnesses = nn.ModuleDict({m: _Witness(spec, m) for m in spec.modalities if m != "image"})
        self.kinds_of_token = nn.Embedding(len(MODALITIES) + 1, width)
        self.time = nn.Linear(_TIME_WAVES * 2, width)
        self.decision = nn.Parameter(torch.randn(width) * 0.02)
        self.trunk = nn.ModuleList([_Layer(width, spec.heads, spec.dropout) for _ in range(spec.layers)])
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Dropout(spec.dropout), nn.Linear(width, spec.outputs))

    def forward(self, batch: Batch) -> Outputs:
        tokens = _Tokens()
        by_modality: dict[Modality, Tensor] = {}
        quality: dict[Modality, Tensor] = {}
        evidence: dict[str, Tensor] = {}
        if self.spec.cameras:
            self._read_pictures(batch, tokens, by_modality, quality, evidence)
        self._read_vectors(batch, tokens, by_modality, quality)
        decided, attention = self._decide(tokens)
        logits = self.head(decided)
        for modality, own in by_modality.items():
            logits = logits + own * quality[modality][:, None]
        return Outputs(logits, by_modality, quality, attention, evidence)

    def _read_pictures(
        self,
        batch: Batch,
        tokens: _Tokens,
        by_modality: dict[Modality, Tensor],
        quality: dict[Modality, Tensor],
        evidence: dict[str, Tensor],
    ) -> None:
        own, weights = [], []
        for name, encoder in zip(self.spec.cameras, self.cameras, strict=True):
            if name not in batch.maps:
                continue
            patches, logits, evidence[name] = encoder(*batch.maps[name])
            weight = batch.quality[name]
            tokens.add(patches + self._kind("image") + self._time_of(torch.zeros_like(weight)[:, None]), weight, "image")
            own.append(logits)
            weights.append(weight)
        if own:
            # Several cameras see one part: the one that sees most of a defect decides, so they add, each by its quality.
            share = torch.stack(weights)
            quality["image"] = share.amax(dim=0)
            scaled = share / quality["image"].clamp(min=1e-6)
            by_modality["image"] = (torch.stack(own) * scaled[:, :, None]).sum(dim=0)

    def _read_vectors(self, batch: Batch, tokens: _Tokens, by_modality: dict[Modality, Tensor], quality: dict[Modality, Tensor]) -> None:
        inputs: dict[Modality, list[tuple[Tensor, Tensor]]] = {}
        for vector, encoder in zip(self.spec.vectors, self.vectors, strict=True):
            if vector.name not in batch.summaries:
                continue
            weight = batch.quality[vector.name]
            summary, own_tokens = encoder(batch.summaries[vector.name], batch.steps[vector.name])
            offsets_s = batch.offsets_s[vector.name]
            times = torch.cat([offsets_s.mean(dim=1, keepdim=True), offsets_s], dim=1)[:, : own_tokens.shape[1]]
            tokens.add(own_tokens + self._kind(vector.modality) + self._time_of(times), weight, vector.modality)
            inputs.setdefault(vector.modality, []).append((summary, weight))
        for modality, present in inputs.items():
            witness = self.witnesses[modality]
            places = [v.name in batch.summaries for v in self.spec.vectors if v.modality == modality]
            logits, token, weight = witness(present, places)
            by_modality[modality], quality[modality] = logits, weight
            tokens.add((token + self._kind(modality))[:, None], weight, modality)

    def _decide(self, tokens: _Tokens) -> tuple[Tensor, dict[Modality, Tensor]]:
        x, bias, owners = tokens.joined(self.decision + self._kind_of_decision())
        attention = x.new_zeros(x.shape[0], x.shape[1])
        for layer in self.trunk:
            x, attention = layer(x, bias)
        shares: dict[Modality, Tensor] = {}
        total = attention[:, 1:].sum(dim=1).clamp(min=1e-6)
        for modality in dict.fromkeys(owners):
            mine = torch.tensor([owner == modality for owner in owners], device=x.device)
            shares[modality] = attention[:, 1:][:, mine].sum(dim=1) / total
        return x[:, 0], shares

    def _kind(self, modality: Modality) -> Tensor:
        return self.kinds_of_token.weight[MODALITIES.index(modality)]

    def _kind_of_decision(self) -> Tensor:
        return self.kinds_of_token.weight[len(MODALITIES)]

    def _time_of(self, offsets_s: Tensor) -> Tensor:
        embedded: Tensor = self.time(_waves(offsets_s))
        return embedded


_TIME_WAVES = 6


def _waves(offsets_s: Tensor) -> Tensor:
    """Return sines of a compressed time: milliseconds near the trigger and minutes before it are told apart alike."""
    place = torch.asinh(offsets_s * 10)
    angles = place[..., None] * (2.0 ** torch.arange(_TIME_WAVES, device=place.device) / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class _Tokens:
    """The tokens of a batch while they are gathered, each with the quality and modality it comes from."""

    def __init__(self) -> None:
        self._tokens: list[Tensor] = []
        self._quality: list[Tensor] = []
        self._owners: list[Modality] = []

    def add(self, tokens: Tensor, quality: Tensor, modality: Modality) -> None:
        self._tokens.append(tokens)
        # A channel of many tokens must not outvote a channel of one: its tokens share one vote.
        self._quality.append((quality / tokens.shape[1])[:, None].expand(-1, tokens.shape[1]))
        self._owners += [modality] * tokens.shape[1]

    def joined(self, decision: Tensor) -> tuple[Tensor, Tensor, list[Modality]]:
        """Return tokens (B, 1 + T, width), the attention bias (B, 1, 1, 1 + T) and the owner of each token after the first."""
        batch = self._tokens[0].shape[0]
        tokens = torch.cat([decision.expand(batch, 1, -1), *self._tokens], dim=1)
        quality = torch.cat(self._quality, dim=1)
        bias = torch.where(quality > 0, torch.log(quality.clamp(min=1e-6)), torch.full_like(quality, -1e4))
        return tokens, functional.pad(bias, (1, 0))[:, None, None, :], self._owners


class _Layer(nn.Module):
    """One pre-norm transformer layer; returns the decision token's attention, too."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        batch, count, width = x.shape
        split = self.mix(self.norm_in(x)).view(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split[0], split[1], split[2]
        attention = torch.softmax(query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5 + bias, dim=-1)
        mixed = (self.dropout(attention) @ value).transpose(1, 2).reshape(batch, count, width)
        x = x + self.dropout(self.out(mixed))
        return x + self.dropout(self.feed(self.norm_out(x))), attention[:, :, 0].mean(dim=1).detach()


class _CameraEncoder(nn.Module):
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


class _VectorEncoder(nn.Module):
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


class Scale(nn.Module):
    """Standardise by what training saw; NaN becomes the mean, and far outliers are bent towards ±8."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.mean: Tensor
        self.spread: Tensor

    def forward(self, values: Tensor) -> Tensor:
        scaled = torch.nan_to_num((values - self.mean) / self.spread)
        return 8 * torch.tanh(scaled / 8)


class _Witness(nn.Module):
    """All channels of one modality together -> the modality's own logits, and one token for the trunk."""

    def __init__(self, spec: NetworkSpec, modality: Modality) -> None:
        super().__init__()
        self.sizes = [vector.summary for vector in spec.vectors if vector.modality == modality]
        size, hidden = sum(self.sizes), 64
        self.noise = Noise(0.3)
        self.hidden = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(size, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(0.4), nn.Linear(hidden, hidden), nn.GELU()
        )
        self.own = nn.Sequential(nn.Dropout(0.3), nn.Linear(hidden, spec.outputs))
        self.token = nn.Linear(hidden, spec.width)

    def forward(self, present: list[tuple[Tensor, Tensor]], places: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
        batch = present[0][0].shape[0]
        found = iter(present)
        columns, weights = [], []
        for size, there in zip(self.sizes, places, strict=True):
            summary, weight = next(found) if there else (self.token.weight.new_zeros(batch, size), self.token.weight.new_zeros(batch))
            columns.append(summary * weight[:, None])
            weights.append(weight)
        hidden = self.hidden(self.noise(torch.cat(columns, dim=1)))
        sizes = torch.tensor(self.sizes, dtype=hidden.dtype, device=hidden.device)
        weight = (torch.stack(weights, dim=1) * sizes).sum(dim=1) / sizes.sum()
        return self.own(hidden), self.token(hidden), weight


class Noise(nn.Module):
    """Add Gaussian noise while training."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.spread = spread

    def forward(self, values: Tensor) -> Tensor:
        return values + torch.randn_like(values) * self.spread if self.training else values
