"""Do the senses of a part tell of one part? A bad sound beside a good picture may be two parts that were taken for one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inspector.fusion.spec import NetworkSpec
from inspector.parts import Modality

HIDDEN = 64


class ConflictHead(nn.Module):
    """What the decision token knows and what each modality says alone -> logit (B,) that they contradict each other.

    It only watches: its gradient ends at its inputs, so that learning to see conflicts changes no verdict.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.modalities = spec.modalities
        said = len(spec.modalities) * (spec.outputs + 1)
        self.judge = nn.Sequential(nn.LayerNorm(spec.width + said), nn.Linear(spec.width + said, HIDDEN), nn.GELU(), nn.Dropout(0.3))
        self.answer = nn.Linear(HIDDEN, 1)
        self.outputs = spec.outputs

    def forward(self, decided: Tensor, said: Mapping[Modality, Tensor], quality: Mapping[Modality, Tensor]) -> Tensor:
        columns = [decided.detach()]
        for modality in self.modalities:
            if modality in said:
                weight = quality[modality].detach()[:, None]
                columns += [said[modality].detach() * weight, weight]
            else:
                columns.append(decided.new_zeros(len(decided), self.outputs + 1))
        logit: Tensor = self.answer(self.judge(torch.cat(columns, dim=1)))[:, 0]
        return logit
