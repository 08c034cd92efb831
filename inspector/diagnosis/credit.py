"""How much the network's opinion on the cause and the measured symptoms count, each against the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from inspector.diagnosis.catalogue import NO_CAUSE
from inspector.parts import NOT_MEASURED, Verdict

_FLOOR = 0.01
_REACH = 5.0
_UNKNOWN = math.log(0.1)
"""A cause that the network was not taught at this line is not common there."""


@dataclass(frozen=True, slots=True)
class Credit:
    """Exponents of the two kinds of witness; with `head` 1 and `symptoms` 0 the network alone decides among what it was taught.

    They are found on parts whose labels name one cause each.
    """

    head: float = 0.8
    symptoms: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.head <= 1 and 0 <= self.symptoms <= 1):
            raise ValueError(f"head {self.head} and symptoms {self.symptoms} must lie between 0 and 1")

    def to_dict(self) -> dict[str, float]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Credit:
        """Return what `to_dict` gave. Raises TypeError or ValueError on anything else."""
        return cls(**{str(name): float(value) for name, value in content.items()})


@dataclass(frozen=True, slots=True)
class Head:
    """What the network says of each cause that it was taught, in nats against "no cause"."""

    says: Mapping[str, float]

    @classmethod
    def of(cls, verdict: Verdict) -> Head:
        """Read a verdict's opinion; empty where the model was taught no cause."""
        given = verdict.cause_probabilities
        names = [name for name in given if name not in (NO_CAUSE, NOT_MEASURED)]
        nothing = given.get(NO_CAUSE, given.get(NOT_MEASURED, 1 / (len(names) + 1)))
        return cls({name: _bounded(math.log((given[name] + _FLOOR) / (nothing + _FLOOR))) for name in names})

    def before(self, name: str, log_odds: float, credit: Credit) -> float:
        """Return a cause's log odds before any symptom: of what the network knows it has said already how common it is."""
        if not self.says:
            return log_odds
        if name not in self.says:
            return log_odds + _UNKNOWN
        return (1 - credit.head) * log_odds + credit.head * self.says[name]

    def share(self, name: str, credit: Credit) -> float:
        """Return how much the symptoms of a cause count: what the network was not taught, they alone tell."""
        return credit.symptoms if name in self.says else 1.0


def _bounded(nats: float) -> float:
    return min(max(nats, -_REACH), _REACH)
