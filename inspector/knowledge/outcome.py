"""Did it help? The defect rate before and after something was done, beside what the operator says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inspector.knowledge.chance import beta_masses
from inspector.parts import Text

_SURE = 0.95
_WORTHWHILE = 0.5
"""A fix has failed when it is almost sure that it did not even halve the defect rate."""


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """Defective parts among the last before, and the first after, something was done."""

    before: tuple[int, int]
    """(defective, all)."""
    after: tuple[int, int]
    fell: float
    """Probability that the defect rate is lower than it was."""
    helped: bool | None
    """None where the parts do not tell yet."""

    @property
    def text(self) -> Text:
        """Say it in one sentence."""
        numbers = f"{self.before[0]}/{self.before[1]} → {self.after[0]}/{self.after[1]}"
        said = {True: ("the defect rate fell", "不良率已下降"), False: ("the defect rate did not fall", "不良率没有下降")}
        english, chinese = said.get(self.helped, ("too few parts to tell", "零件数不足，无法判断"))  # type: ignore[arg-type]
        return Text(f"{english} (defective parts {numbers})", f"{chinese}（不良件 {numbers}）")


def before_and_after(before: Sequence[bool], after: Sequence[bool]) -> BeforeAfter:
    """Compare defective (True) and good parts; the order within each does not matter."""
    bad_before, bad_after = sum(before), sum(after)
    rates_before, mass_before = beta_masses(1 + bad_before, 1 + len(before) - bad_before)
    rates_after, mass_after = beta_masses(1 + bad_after, 1 + len(after) - bad_after)
    known = np.concatenate([[0.0], np.cumsum(mass_after)])

    def lower_than(share: float) -> float:
        return float(mass_before @ known[np.searchsorted(rates_after, share * rates_before)])

    fell = lower_than(1.0)
    failed = bad_before > 0 and lower_than(_WORTHWHILE) <= 1 - _SURE
    helped = True if fell >= _SURE else False if failed else None
    return BeforeAfter((bad_before, len(before)), (bad_after, len(after)), fell, helped)
