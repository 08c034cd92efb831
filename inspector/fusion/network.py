"""The fusion network: any subset of pictures, sounds, vibrations and series of one part in; defect, kind and cause out.

Every channel becomes tokens with a channel and a time embedding; one transformer reads them all through a decision token. Beside the
trunk every modality has a small head of its own. Their logits add up, so that a missing modality leaves the sum of the others.
Quality weighs twice: as a bias on attention, and as a factor on the modality's own logits.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.batch import Batch, Outputs
from inspector.fusion.picture_encoder import CameraEncoder
from inspector.fusion.signal_encoder import VectorEncoder, Witness
from inspector.fusion.spec import NetworkSpec
from inspector.parts import MODALITIES, Modality

NAME = "line-fusion"
VERSION = 1
"""Raised whenever weights of an older network no longer mean the same."""

QUALITY_FLOOR = 0.05


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
            logits, token, weight = witness(present, places, batch.counsel.get(modality))
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
