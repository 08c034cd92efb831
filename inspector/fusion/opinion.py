"""What the whole model says of parts, in plain numbers, whichever runtime computed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inspector.parts import Modality

if TYPE_CHECKING:
    from inspector.fusion.batch import Outputs

CONFLICT = "conflict"
"""Name of the evidence that a part's modalities contradict each other: the log of how much likelier two parts are than one."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the whole model says of a batch, members averaged; plain numpy."""

    evidence: list[dict[str, float]]
    """Per part: `fused`, `own_<modality>`, `distance_<modality>`; `conflict` where at least two modalities can be compared."""
    kind_logits: NDArray[np.float64]
    cause_logits: NDArray[np.float64]
    attention: list[dict[Modality, float]]
    fused: NDArray[np.float64]
    """What each member says of the defect (B, members)."""
    outputs: tuple[Outputs, ...] = ()
    """The members' own answers as tensors; none from an exported model."""
