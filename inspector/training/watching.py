"""What a member says of parts that it does not learn from, while it learns and of made-up conflicts when it is done."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.ensemble import Ensemble, ask
from inspector.fusion.opinion import CONFLICT
from inspector.training.augmenting import mix_modalities
from inspector.training.batches import UNKNOWN, Table
from inspector.training.engine import Engine
from inspector.training.metrics import auroc, kind_figures

AT_ONCE = 32
MIXINGS = 3
"""Every held-out part meets this many others."""
ALL_MIXED = 1.0


@torch.inference_mode()
def watch(member: nn.Module, table: Table, rows: Tensor, engine: Engine) -> dict[str, Any]:
    """Return the loss of the defect logit, its AUROC and the macro F1 of kinds; None where the parts cannot say."""
    defect, kinds = [], []
    for block in torch.split(rows, AT_ONCE):
        batch, _ = engine.moved(*table.batch(block))
        logits = member(batch).logits.float().cpu()
        defect.append(logits[:, 0])
        kinds.append(logits[:, 1 : 1 + len(table.spec.kinds)])
    scores, truth = torch.cat(defect), table.defective[rows]
    figures = {
        "held_out_loss": float(functional.binary_cross_entropy_with_logits(scores, truth)),
        "held_out_auroc": auroc(truth.numpy() > 0, scores.double().numpy()),
        "held_out_kind_f1": _kind_f1(torch.cat(kinds), table.kinds[rows]),
    }
    return {name: None if value is None else round(value, 6) for name, value in figures.items()}


def _kind_f1(logits: Tensor, truth: Tensor) -> float | None:
    known = truth != UNKNOWN
    if logits.shape[1] < 2 or not known.any():
        return None
    return kind_figures([str(int(k)) for k in truth[known]], [str(int(k)) for k in logits[known].argmax(dim=1)])["macro_f1"]


@torch.inference_mode()
def conflict_auroc(ensemble: Ensemble, table: Table, rows: Tensor, seed: int) -> float | None:
    """Return how well conflicts made from held-out parts are told from parts as they were; None where none can be made.

    Members that learned from `rows` know their signals by heart: the caller gives them others.
    """
    random = np.random.default_rng(seed)
    made: list[bool] = []
    said: list[float] = []
    for share in (0.0, *[ALL_MIXED] * MIXINGS):
        for block in torch.split(rows[torch.from_numpy(random.permutation(len(rows)))], AT_ONCE):
            batch, targets = table.batch(block)
            mix_modalities(batch, targets, ensemble.spec, share, random)
            assert targets.conflict is not None
            for evidence, conflict in zip(ask(ensemble, batch).evidence, targets.conflict.tolist(), strict=True):
                if CONFLICT in evidence:
                    made.append(conflict > 0)
                    said.append(evidence[CONFLICT])
    return auroc(np.array(made, dtype=bool), np.array(said))
