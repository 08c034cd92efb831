"""How likely a fix helps, from how often it did: Beta posteriors, narrowed from everywhere to the cause to the station."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_PRIOR_CASES = 2.0
"""Weight of what is believed before counting: one success and one failure. Each narrower context believes the wider one as much."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Cases with a known outcome."""

    tried: int = 0
    helped: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.tried + other.tried, self.helped + other.helped)


def chance_to_help(contexts: Iterable[Tally]) -> float:
    """Return the mean of the posterior in the last of `contexts`, disjoint, ordered from the widest to the narrowest."""
    believed = 0.5
    for tally in contexts:
        believed = (_PRIOR_CASES * believed + tally.helped) / (_PRIOR_CASES + tally.tried)
    return believed
