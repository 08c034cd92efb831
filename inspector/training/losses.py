"""What is wrong with an answer: of the whole network, of each modality alone, and of the places in a picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from inspector.fusion.batch import Batch, Outputs
from inspector.fusion.spec import NetworkSpec
from inspector.training.batches import UNKNOWN, Targets

OWN_SHARE = 0.4
"""Weight of each modality's own loss beside the fused one."""
PLACE_SHARE = 1.0
KIND_PLACE_SHARE = 0.5


def total_loss(
    outputs: Outputs, batch: Batch, targets: Targets, spec: NetworkSpec, positive_weight: Tensor, smoothing: float = 0.0
) -> dict[str, Tensor]:
    """Return the losses of the fused answer, of each modality's own, of the places and of the sight of conflicts; they add up.

    Each part counts by the quality of what was seen of it. A part with another's modality teaches the fused answer only where both
    are of one truth, and never that modality's own answer.
    """
    conflict = torch.zeros_like(targets.defective) if targets.conflict is None else targets.conflict
    best = torch.stack(list(outputs.quality.values())).amax(dim=0).detach()
    losses = {"fused": _answer_loss(outputs.logits, targets, spec, positive_weight, best * (1 - conflict), smoothing)}
    for modality, own in outputs.by_modality.items():
        weights = outputs.quality[modality].detach()
        if modality in targets.foreign:
            weights = weights * ~targets.foreign[modality]
        losses[f"own_{modality}"] = OWN_SHARE * _answer_loss(own, targets, spec, positive_weight, weights, smoothing)
    for camera, places in outputs.evidence.items():
        quality, drawn = batch.quality[camera], targets.places[camera]
        losses[f"place_{camera}"] = PLACE_SHARE * _place_loss(places[:, 0], *drawn, targets.defective, quality)
        losses[f"kind_place_{camera}"] = KIND_PLACE_SHARE * _kind_place_loss(places[:, 1:], *drawn, targets.kinds, quality)
    if outputs.conflict is not None:
        losses["conflict"] = _conflict_loss(outputs.conflict, conflict, outputs)
    return losses


def _conflict_loss(logits: Tensor, conflict: Tensor, outputs: Outputs) -> Tensor:
    """Return the loss over parts that show two modalities; conflicts and others weigh the same, so that 0 means "as likely as not"."""
    comparable = (torch.stack(list(outputs.quality.values())) > 0).sum(dim=0) > 1
    wrong = functional.binary_cross_entropy_with_logits(logits, conflict, reduction="none")
    return _mean(wrong, comparable * conflict) + _mean(wrong, comparable * (1 - conflict))


def _answer_loss(logits: Tensor, targets: Targets, spec: NetworkSpec, positive_weight: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    defective = targets.defective * (1 - smoothing) + smoothing / 2
    defect = functional.binary_cross_entropy_with_logits(logits[:, 0], defective, pos_weight=positive_weight, reduction="none")
    loss = _mean(defect, weights)
    kinds, causes = logits[:, 1 : 1 + len(spec.kinds)], logits[:, 1 + len(spec.kinds) :]
    for answers, truth in ((kinds, targets.kinds), (causes, targets.causes)):
        known = truth != UNKNOWN
        if answers.shape[1] > 1 and known.any():
            wrong = functional.cross_entropy(answers[known], truth[known], reduction="none", label_smoothing=0.05)
            loss = loss + _mean(wrong, weights[known])
    return loss


def _place_loss(places: Tensor, target: Tensor, known: Tensor, defective: Tensor, quality: Tensor) -> Tensor:
    """Return the loss per place where a mask says it, and of the highest places where only the part's label does."""
    peak = places.flatten(1).topk(max(1, places[0].numel() // 200), dim=1).values.mean(dim=1)
    weak = _mean(functional.binary_cross_entropy_with_logits(peak, defective, reduction="none"), quality)
    if not known.any():
        return weak
    logits, truth = places[known], target[known]
    each = functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=logits.new_tensor(4.0), reduction="none").mean(dim=(1, 2))
    drawn = truth.flatten(1).amax(dim=1) > 0
    strong = _mean(each, quality[known])
    if drawn.any():
        chance, share = torch.sigmoid(logits[drawn]).flatten(1), truth[drawn].flatten(1)
        overlap = (2 * (chance * share).sum(dim=1) + 1) / (chance.sum(dim=1) + share.sum(dim=1) + 1)
        strong = strong + 0.5 * _mean(1 - overlap, quality[known][drawn])
    return 0.5 * weak + strong


def _kind_place_loss(kinds: Tensor, target: Tensor, known: Tensor, truth: Tensor, quality: Tensor) -> Tensor:
    """Return the loss of the kind that each defective place is taken for, where a mask says which places are; each part counts once."""
    area = target.flatten(1).sum(dim=1)
    told = known & (truth != UNKNOWN) & (area > 0)
    if kinds.shape[1] < 2 or not told.any():
        return kinds.sum() * 0
    wrong = functional.cross_entropy(kinds[told].flatten(2), truth[told][:, None].expand(-1, target[0].numel()), reduction="none")
    share = target[told].flatten(1) / area[told][:, None]
    return _mean((wrong * share).sum(dim=1), quality[told])


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1e-3)
