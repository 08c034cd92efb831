"""One labelled part while it is learned from: its features, and what was kept of its pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from inspector.features import Features
from inspector.parts import OK_LABEL
from inspector.training.parts_folder import LabelledPart


@dataclass(slots=True)
class View:
    """One view of one picture: backbone maps in half precision, and the share of each place that is defective (None: nobody said)."""

    fine: Tensor
    coarse: Tensor
    deep: Tensor
    target: Tensor | None
    unusual: Tensor | None = None
    invented: bool = False
    """Whether it shows a made-up defect on a good part."""


@dataclass(slots=True)
class Sample:
    """One labelled part, ready for training."""

    part: LabelledPart
    features: Features
    views: dict[str, list[View]] = field(default_factory=dict)
    altered: list[Features] = field(default_factory=list)
    """The part's signals on other days, see `signal_views`; none for parts that nothing is learned from."""

    @property
    def defective(self) -> bool:
        return self.part.label != OK_LABEL

    @property
    def group(self) -> str:
        return self.part.group or self.part.part_id
