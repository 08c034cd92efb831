"""What a defective part shows in one modality, in numbers that nothing was learned from; see `known_kinds`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inspector.fusion.batch import Batch, Outputs
from inspector.fusion.ensemble import Ensemble
from inspector.fusion.known_kinds import Array
from inspector.parts import Modality


@torch.inference_mode()
def numbers_of(ensemble: Ensemble, batch: Batch, outputs: Sequence[Outputs], modality: Modality) -> Array | None:
    """Return what parts show in one modality (B, size), a picture at its most suspicious place; None for parts without that modality."""
    found = _at_the_defect(batch, outputs) if modality == "image" else ensemble.standardised(batch, modality)
    return None if found is None else np.asarray(found.numpy(), dtype=np.float32)


def _at_the_defect(batch: Batch, outputs: Sequence[Outputs]) -> Tensor | None:
    """Return the backbone's features where the members see a defect, from the camera that sees it best."""
    loudest: Tensor | None = None
    chosen: Tensor | None = None
    for camera, maps in batch.maps.items():
        here, loud = shown_at(torch.stack([output.evidence[camera][:, 0] for output in outputs]).mean(dim=0), maps[:3])
        loud = loud + torch.log(batch.quality[camera].clamp(min=1e-6))
        if loudest is None or chosen is None:
            loudest, chosen = loud, here
        else:
            chosen = torch.where((loud > loudest)[:, None], here, chosen)
            loudest = torch.maximum(loud, loudest)
    return chosen


def shown_at(places: Tensor, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the backbone's features (B, C) where `places` (B, h, w), the logits of a defect, are high, and how high they get (B,)."""
    focus = torch.softmax(places.flatten(1), dim=1).view_as(places)[:, None]
    shares = [functional.avg_pool2d(focus, int(focus.shape[-1]) // int(one.shape[-1])) for one in maps]
    pooled = [(one * at / at.sum(dim=(2, 3), keepdim=True)).sum(dim=(2, 3)) for one, at in zip(maps, shares, strict=True)]
    return torch.cat(pooled, dim=1), places.flatten(1).amax(dim=1)
