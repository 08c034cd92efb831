"""How likely a fix helps, from how often it did: Beta posteriors, narrowed from everywhere to the cause to the product to the station."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_PRIOR_CASES = 2.0
"""Weight of what is believed before counting: one success and one failure. Each narrower context believes the wider one as much."""

_SHARE = 0.9
_GRID = 2000


@dataclass(frozen=True, slots=True)
class Tally:
    """Cases with a known outcome."""

    tried: int = 0
    helped: int = 0


@dataclass(frozen=True, slots=True)
class Posterior:
    """A Beta distribution over the chance to help."""

    successes: float = _PRIOR_CASES / 2
    failures: float = _PRIOR_CASES / 2

    @property
    def mean(self) -> float:
        return self.successes / (self.successes + self.failures)

    @property
    def interval(self) -> tuple[float, float]:
        """Between what ends the chance lies, nine times in ten."""
        return _interval(self.successes, self.failures)


def posterior(contexts: Iterable[Tally]) -> Posterior:
    """Return what is believed in the last of `contexts`, disjoint, ordered from the widest to the narrowest."""
    believed = Posterior()
    for tally in contexts:
        prior = _PRIOR_CASES * believed.mean
        believed = Posterior(prior + tally.helped, _PRIOR_CASES - prior + tally.tried - tally.helped)
    return believed


@lru_cache(maxsize=4096)
def _interval(successes: float, failures: float) -> tuple[float, float]:
    chance, mass = beta_masses(successes, failures)
    below = np.cumsum(mass)
    low, high = np.interp([(1 - _SHARE) / 2, (1 + _SHARE) / 2], below, chance)
    return float(low), float(high)


def beta_masses(successes: float, failures: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points and their probabilities; summed by hand, as scipy takes longer to import than a suggestion may take."""
    total = successes + failures
    mean, spread = successes / total, np.sqrt(successes * failures / (total**2 * (total + 1)))
    low, high = max(0.0, mean - 8 * spread), min(1.0, mean + 8 * spread)
    chance = low + (high - low) * (np.arange(_GRID) + 0.5) / _GRID
    density = (successes - 1) * np.log(chance) + (failures - 1) * np.log1p(-chance)
    mass = np.exp(density - density.max())
    return chance, mass / mass.sum()
