"""The fusion network: any subset of pictures, sounds, vibrations and series of one part in; defect, kind and cause out.

Every channel becomes tokens with a channel and a time embedding; one transformer reads them all through a decision token. Beside the
trunk every modality has a small head of its own. Their logits add up, so that a missing modality leaves the sum of the others.
Quality weighs twice: as a bias on attention, and as a factor on the modality's own logits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.batch import Batch, Outputs
from inspector.fusion.conflict import ConflictHead
from inspector.fusion.picture_encoder import CameraEncoder
from inspector.fusion.signal_encoder import VectorEncoder, Witness
from inspector.fusion.spec import NetworkSpec
from inspector.parts import MODALITIES, Modality


class FusionNetwork(nn.Module):
    """Backbone maps and vectors in, logits out. The backbone is not part of it."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        width = spec.width
        self.cameras = nn.ModuleList([CameraEncoder(spec) for _ in spec.cameras])
        self.vectors = nn.ModuleList([VectorEncoder(vector, spec) for vector in spec.vectors])
        self.witnesses = nn.ModuleDict({m: Witness(spec, m) for m in spec.modalities if m != "image"})
        self.kinds_of_token = nn.Embedding(len(MODALITIES) + 1, width)
        self.time = nn.Linear(_TIME_WAVES * 2, width)
        self.decision = nn.Parameter(torch.randn(width) * 0.02)
        self.trunk = nn.ModuleList([_Layer(width, spec.heads, spec.dropout) for _ in range(spec.layers)])
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Dropout(spec.dropout), nn.Linear(width, spec.outputs))
        self.conflict = ConflictHead(spec) if len(spec.modalities) > 1 else None

    def forward(self, batch: Batch) -> Outputs:
        return self.decide(self.read(batch))

    def decide(self, read: Reading) -> Outputs:
        """Return what the trunk and the modalities say together."""
        x, attention = self.attend(read.tokens)
        decided = x[:, 0]
        logits = self.head(decided)
        for modality, own in read.by_modality.items():
            logits = logits + own * read.quality[modality][:, None]
        conflict = None if self.conflict is None else self.conflict(decided, read.by_modality, read.quality)
        return Outputs(logits, read.by_modality, read.quality, read.tokens.shares(attention), read.evidence, conflict)

    def read(self, batch: Batch) -> Reading:
        """Return the tokens of all channels that `batch` holds, and what each modality says alone; no other encoder runs."""
        read = Reading()
        if self.spec.cameras:
            self._read_pictures(batch, read)
        self._read_vectors(batch, read)
        return read

    def attend(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """Return all tokens after the trunk (B, 1 + T, width), the decision first, and the decision's attention (B, 1 + T)."""
        x, bias = tokens.joined(self.decision + self._kind_of_decision())
        attention = x.new_zeros(x.shape[0], x.shape[1])
        for layer in self.trunk:
            x, attention = layer(x, bias)
        return x, attention

    def _read_pictures(self, batch: Batch, read: Reading) -> None:
        own, weights = [], []
        for name, encoder in zip(self.spec.cameras, self.cameras, strict=True):
            if name not in batch.maps:
                continue
            patches, logits, read.evidence[name] = encoder(*batch.maps[name], batch.overviews.get(name))
            weight = batch.quality[name]
            offset_s = batch.offsets_s.get(name, torch.zeros_like(weight)[:, None])
            read.tokens.add(self.placed(patches, "image", offset_s), weight, "image", name)
            own.append(logits)
            weights.append(weight)
        if own:
            read.by_modality["image"], read.quality["image"] = together(own, weights)

    def _read_vectors(self, batch: Batch, read: Reading) -> None:
        inputs: dict[Modality, list[tuple[Tensor, Tensor]]] = {}
        for vector, encoder in zip(self.spec.vectors, self.vectors, strict=True):
            if vector.name not in batch.summaries:
                continue
            weight = batch.quality[vector.name]
            summary, own_tokens = encoder(batch.summaries[vector.name], batch.steps[vector.name])
            offsets_s = batch.offsets_s[vector.name]
            times = torch.cat([offsets_s.mean(dim=1, keepdim=True), offsets_s], dim=1)[:, : own_tokens.shape[1]]
            read.tokens.add(self.placed(own_tokens, vector.modality, times), weight, vector.modality, vector.name)
            inputs.setdefault(vector.modality, []).append((summary, weight))
        for modality, present in inputs.items():
            witness = self.witnesses[modality]
            places = [v.name in batch.summaries for v in self.spec.vectors if v.modality == modality]
            logits, token, weight = witness(present, places, batch.counsel.get(modality))
            read.by_modality[modality], read.quality[modality] = logits, weight
            read.tokens.add((token + self._kind(modality))[:, None], weight, modality)

    def placed(self, tokens: Tensor, modality: Modality, offsets_s: Tensor) -> Tensor:
        """Return tokens (B, T, width) with what they are and when they happened; `offsets_s` (B, T) or (B, 1)."""
        return tokens + self._kind(modality) + self._time_of(offsets_s)

    def _kind(self, modality: Modality) -> Tensor:
        return self.kinds_of_token.weight[MODALITIES.index(modality)]

    def _kind_of_decision(self) -> Tensor:
        return self.kinds_of_token.weight[len(MODALITIES)]

    def _time_of(self, offsets_s: Tensor) -> Tensor:
        embedded: Tensor = self.time(_waves(offsets_s))
        return embedded


def together(own: list[Tensor], weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return what several cameras say of one part (B, outputs), and how well it is seen (B,).

    The one that sees most of a defect decides, so they add, each by its quality.
    """
    share = torch.stack(weights)
    quality = share.amax(dim=0)
    scaled = share / quality.clamp(min=1e-6)
    return (torch.stack(own) * scaled[:, :, None]).sum(dim=0), quality


_TIME_WAVES = 6


def _waves(offsets_s: Tensor) -> Tensor:
    """Return sines of a compressed time: milliseconds near the trigger and minutes before it are told apart alike."""
    place = torch.asinh(offsets_s * 10)
    angles = place[..., None] * (2.0 ** torch.arange(_TIME_WAVES, device=place.device) / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Tokens:
    """The tokens of a batch while they are gathered, each with the quality, modality and channel it comes from."""

    def __init__(self) -> None:
        self.values: list[Tensor] = []
        self.channels: list[str | None] = []
        """Channel of each block in `values`; None for what stands for a whole modality."""
        self._quality: list[Tensor] = []
        self._owners: list[Modality] = []

    def add(self, tokens: Tensor, quality: Tensor, modality: Modality, channel: str | None = None) -> None:
        self.values.append(tokens)
        self.channels.append(channel)
        # A channel of many tokens must not outvote a channel of one: its tokens share one vote.
        self._quality.append((quality / tokens.shape[1])[:, None].expand(-1, tokens.shape[1]))
        self._owners += [modality] * tokens.shape[1]

    def joined(self, decision: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens (B, 1 + T, width) and the attention bias (B, 1, 1, 1 + T)."""
        batch = self.values[0].shape[0]
        tokens = torch.cat([decision.expand(batch, 1, -1), *self.values], dim=1)
        quality = torch.cat(self._quality, dim=1)
        bias = torch.where(quality > 0, torch.log(quality.clamp(min=1e-6)), torch.full_like(quality, -1e4))
        return tokens, functional.pad(bias, (1, 0))[:, None, None, :]

    def of(self, modality: Modality) -> list[Tensor]:
        """Return the blocks of tokens that a modality has."""
        starts = [0]
        for block in self.values:
            starts.append(starts[-1] + block.shape[1])
        return [block for block, start in zip(self.values, starts[:-1], strict=True) if self._owners[start] == modality]

    def shares(self, attention: Tensor) -> dict[Modality, Tensor]:
        """Return how the decision's attention (B, 1 + T) is shared out among modalities."""
        total = attention[:, 1:].sum(dim=1).clamp(min=1e-6)
        owned = {m: torch.tensor([owner == m for owner in self._owners], device=attention.device) for m in dict.fromkeys(self._owners)}
        return {modality: attention[:, 1:][:, mine].sum(dim=1) / total for modality, mine in owned.items()}


@dataclass(slots=True)
class Reading:
    """What the encoders make of a batch, before the trunk."""

    tokens: Tokens = field(default_factory=Tokens)
    by_modality: dict[Modality, Tensor] = field(default_factory=dict)
    quality: dict[Modality, Tensor] = field(default_factory=dict)
    evidence: dict[str, Tensor] = field(default_factory=dict)


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
