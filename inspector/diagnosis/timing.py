"""The order of time: a cause does not follow what it brings about.

Only quantities that tell when something began are asked; they give the span in which their cause must have begun.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from inspector.diagnosis.findings import Finding
    from inspector.diagnosis.witnesses import Witness

ONSET_KINDS = frozenset({"step", "loudness_step", "ripple_line", "onset", "jump", "bend", "long_onset", "long_jump", "long_bend"})
"""Quantities whose span begins where what they measure began."""
TOLERANCE_S = 0.3
TOLERANCE_SHARE = 0.05
"""Of the time since the onset: what began a minute ago is dated less sharply than what began a second ago."""

_W = TypeVar("_W", bound="Witness")
Span = tuple[float, float]


def onset_s(finding: Finding) -> float | None:
    """Return when a quantity outside its range began, relative to the part; None where it does not tell."""
    item = finding.measurement
    return item.start_s if item.kind in ONSET_KINDS and finding.strength > 0 else None


def slack_s(at_s: float) -> float:
    """Return how far an onset may lie off."""
    return max(TOLERANCE_S, TOLERANCE_SHARE * abs(at_s))


def began_s(witness: Witness) -> Span | None:
    """Return between what instants the cause of a seen symptom began; None where the symptom does not tell."""
    at_s = onset_s(witness.finding) if witness.seen else None
    if at_s is None:
        return None
    slack = slack_s(at_s)
    if witness.symptom.lag_s is None:
        return -math.inf, at_s + slack
    earliest, latest = witness.symptom.lag_s
    return at_s - latest - slack, at_s - earliest + slack


def out_of_order(heard: Sequence[_W], dismissed: Callable[[_W], _W]) -> list[_W]:
    """Return the witnesses of one cause, those `dismissed` that saw their symptom begin at another time than the most telling one."""
    dated = sorted(((witness, span) for witness in heard if (span := began_s(witness))), key=lambda pair: -abs(pair[0].speaks))
    if len(dated) < 2:
        return list(heard)
    leading = dated[0][1]
    wrong = {id(witness) for witness, span in dated[1:] if not meet(leading, span)}
    return [dismissed(witness) if id(witness) in wrong else witness for witness in heard]


def meet(one: Span, other: Span) -> bool:
    """Tell whether two spans have an instant in common."""
    return one[0] <= other[1] and other[0] <= one[1]


def cause_began_s(heard: Iterable[Witness]) -> Span | None:
    """Return between what instants a cause began, as all its witnesses that can tell agree; None where none can."""
    spans = [span for witness in heard if (span := began_s(witness))]
    if not spans:
        return None
    return max(span[0] for span in spans), min(span[1] for span in spans)
