"""The whole model as one value: backbone, memories, normalities and the members that vote."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from inspector.errors import ModelError
from inspector.fusion.backbone import Backbone
from inspector.fusion.batch import Batch, Outputs
from inspector.fusion.calibration import Calibration
from inspector.fusion.memory import GoodMemory
from inspector.fusion.network import FusionNetwork
from inspector.fusion.normality import Normality
from inspector.fusion.opinion import CONFLICT, Opinion
from inspector.fusion.spec import NetworkSpec
from inspector.parts import Modality

TOP_SHARE = 0.01


class Ensemble(nn.Module):
    """Members of one specification with what they share. Its state is what `weights.safetensors` holds."""

    def __init__(self, spec: NetworkSpec, members: int) -> None:
        super().__init__()
        self.spec = spec
        self.members = nn.ModuleList([FusionNetwork(spec) for _ in range(members)])
        self.memories = nn.ModuleList([GoodMemory() for _ in spec.cameras])
        self.normalities = nn.ModuleDict({m: Normality(sum(sizes_of(spec, m))) for m in spec.modalities if m != "image"})

    def memory(self, camera: str) -> GoodMemory:
        memory = self.memories[self.spec.cameras.index(camera)]
        assert isinstance(memory, GoodMemory)
        return memory

    def of(self, members: Sequence[nn.Module]) -> Ensemble:
        """Return an ensemble of some members that shares all else with this one."""
        other = Ensemble(self.spec, 0)
        other.memories, other.normalities, other.members = self.memories, self.normalities, nn.ModuleList(members)
        return other

    def load(self, state: dict[str, Tensor], path: Path) -> None:
        """Take over a saved state. Raises ModelError that names the first weights that do not fit."""
        own = self.state_dict()
        wrong = sorted(own.keys() ^ state.keys()) or [name for name, value in own.items() if value.shape != state[name].shape]
        if wrong:
            raise ModelError(f"{path}: weights do not fit the manifest at '{wrong[0]}': the folder mixes two models, fetch it again")
        self.load_state_dict(state)

    def distances(self, batch: Batch) -> dict[Modality, Tensor]:
        """Return per modality how far each part is from good parts, 0 where nothing is remembered or the modality is absent."""
        found: dict[Modality, Tensor] = {}
        for name, maps in batch.maps.items():
            # A bad picture is far from all good ones, too: its distance counts as far as it can be trusted.
            here = farthest(maps[-1]) * batch.quality[name]
            found["image"] = torch.maximum(found["image"], here) if "image" in found else here
        for modality, normality in self.normalities.items():
            values = self.standardised(batch, modality)
            if values is not None:
                present = [batch.quality[v.name] for v in self.spec.vectors if v.modality == modality and v.name in batch.quality]
                quality = torch.stack(present).amax(dim=0)
                found[modality] = normality(values) * quality  # type: ignore[index]
        return found

    def standardised(self, batch: Batch, modality: str) -> Tensor | None:
        """Return all vectors of a modality side by side (B, size), absent channels as the mean; None where all are absent."""
        member = self.members[0]
        assert isinstance(member, FusionNetwork)
        columns, some = [], None
        for vector, encoder in zip(self.spec.vectors, member.vectors, strict=True):
            if vector.modality != modality:
                continue
            if vector.name in batch.summaries:
                scaled = encoder.summary_scale(batch.summaries[vector.name])  # type: ignore[operator]
                some = scaled * batch.quality[vector.name][:, None]
                columns.append(some)
            else:
                columns.append(vector.summary)
        if some is None:
            return None
        return torch.cat([some.new_zeros(len(some), c) if isinstance(c, int) else c for c in columns], dim=1)


def sizes_of(spec: NetworkSpec, modality: str) -> list[int]:
    """Return the lengths of the vectors of a modality's channels."""
    return [vector.summary for vector in spec.vectors if vector.modality == modality]


def farthest(unusual: Tensor) -> Tensor:
    """Return how far the farthest places of anomaly maps (B, 1, h, w) are from good surfaces (B,)."""
    flat = unusual.flatten(1)
    return flat.topk(max(1, round(TOP_SHARE * int(flat.shape[1]))), dim=1).values.mean(dim=1)


def evidence_of(outputs: list[Outputs], distances: dict[Modality, Tensor]) -> dict[str, Tensor]:
    """Return each evidence (B,) by the name that a calibration weighs it by, members averaged."""

    def mean(values: list[Tensor]) -> Tensor:
        return torch.stack(values).mean(dim=0)

    own = {f"own_{m}": mean([o.by_modality[m][:, 0] * o.quality[m] for o in outputs]) for m in outputs[0].by_modality}
    return {"fused": mean([o.logits[:, 0] for o in outputs]), **own, **{f"distance_{m}": value for m, value in distances.items()}}


def log_odds(ensemble: Ensemble, calibration: Calibration, batch: Batch) -> Tensor:
    """Return the decision on each part (B,) as log odds that it is defective, for autograd to follow.

    Where every part is defective, the logit of the most probable kind.
    """
    return decision([member(batch) for member in ensemble.members], ensemble.distances(batch), calibration, len(ensemble.spec.kinds))


def decision(outputs: list[Outputs], distances: dict[Modality, Tensor], calibration: Calibration, kinds: int) -> Tensor:
    """Return the log odds (B,) of what the members said."""
    if calibration.mode == "kinds_only":
        return torch.stack([o.logits[:, 1 : 1 + kinds] for o in outputs]).mean(dim=0).amax(dim=1)
    said = evidence_of(outputs, distances)
    weighed = [weight * said[name] for name, weight in calibration.evidence.items() if name in said]
    return calibration.offset + torch.stack([*weighed, torch.zeros_like(said["fused"])]).sum(dim=0)


def averaged(outputs: list[Outputs], distances: dict[Modality, Tensor], kinds: int) -> Opinion:
    """Average what members say of one batch."""
    logits = torch.stack([o.logits for o in outputs]).mean(dim=0).double().numpy()
    said = evidence_of(outputs, distances)
    shares = {m: torch.stack([o.attention[m] for o in outputs]).mean(dim=0) for m in outputs[0].attention}
    conflict = conflict_of(outputs)
    evidence = [
        {name: float(value[row]) for name, value in said.items()}
        | ({CONFLICT: float(conflict[row])} if torch.isfinite(conflict[row]) else {})
        for row in range(len(logits))
    ]
    attention: list[dict[Modality, float]] = [{m: float(value[row]) for m, value in shares.items()} for row in range(len(logits))]
    fused = torch.stack([o.logits[:, 0] for o in outputs], dim=1).double().numpy()
    return Opinion(evidence, logits[:, 1 : 1 + kinds], logits[:, 1 + kinds :], attention, fused, tuple(outputs))


def conflict_of(outputs: list[Outputs]) -> Tensor:
    """Return the members' mean conflict logit (B,), NaN for parts that show fewer than two modalities."""
    comparable = sum((weight > 0).long() for weight in outputs[0].quality.values()) > 1
    said = [output.conflict for output in outputs if output.conflict is not None]
    nothing = outputs[0].logits.new_full((len(outputs[0].logits),), torch.nan)
    return torch.where(torch.as_tensor(comparable), torch.stack(said).mean(dim=0), nothing) if said else nothing


@torch.inference_mode()
def ask(ensemble: Ensemble, batch: Batch) -> Opinion:
    """Return the opinion of all members on a batch."""
    outputs = [member(batch) for member in ensemble.members]
    return averaged(outputs, ensemble.distances(batch), len(ensemble.spec.kinds))


def twin(ensemble: Ensemble) -> Ensemble:
    """Return the same ensemble with hooks of its own: weights are shared, so that explaining never disturbs judging."""
    shared = {id(tensor): tensor for tensor in (*ensemble.parameters(), *ensemble.buffers())}
    return copy.deepcopy(ensemble, shared)


def shared_backbone(spec: NetworkSpec) -> Backbone | None:
    """Return the backbone where the model has cameras at all."""
    return Backbone() if spec.cameras else None
