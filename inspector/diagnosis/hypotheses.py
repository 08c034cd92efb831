"""Which causes are active at once: nothing, one, or two of them, each set weighed by all that was seen.

A noisy OR joins the causes of a set: a symptom that one of them explains needs no other, which is how one cause takes it from the next;
symptoms that no single cause explains speak for two. Sets of three are not asked: what the third would add drowns in what is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from inspector.diagnosis.witnesses import EARLY, Witness

_F = NDArray[np.float64]

_EARLY_SHARE = 0.4
_STAGES = ((1.0, 1 - _EARLY_SHARE), (EARLY, _EARLY_SHARE))
"""How far along a cause is, with its chance: all its symptoms are likely, or each is less so, and one silent witness excuses the next."""


@dataclass(frozen=True, slots=True)
class Table:
    """Witnesses as numbers: a row a cause, a column a quantity and direction."""

    link: _F
    absent: _F
    weight: _F
    abnormality: _F
    rarity: _F

    @classmethod
    def of(cls, heard: Sequence[Sequence[Witness]]) -> Table:
        """Lay out the witnesses of each cause; a cause without any has a row of zeros."""
        places: dict[tuple[str, str], int] = {}
        for row in heard:
            for witness in row:
                places.setdefault(_place(witness), len(places))
        link, absent, weight = (np.zeros((len(heard), len(places))) for _ in range(3))
        abnormality, rarity = np.zeros(len(places)), np.ones(len(places))
        for number, row in enumerate(heard):
            for witness in row:
                column = places[_place(witness)]
                link[number, column], absent[number, column] = witness.link, witness.absent
                weight[number, column] = witness.weight
                abnormality[column], rarity[column] = witness.abnormality, witness.rarity
        return cls(link, absent, weight, abnormality, rarity)

    def says(self, sets: NDArray[np.int64]) -> _F:
        """Return what all witnesses together say of each set of causes (a row of indices), in nats against "nothing"."""
        stages = list(product(_STAGES, repeat=sets.shape[1]))
        by_stage = [self._at(sets, [factor for factor, _ in stage]) + sum(math.log(share) for _, share in stage) for stage in stages]
        return np.asarray(np.logaddexp.reduce(np.array(by_stage), axis=0))

    def _at(self, sets: NDArray[np.int64], stage: Sequence[float]) -> _F:
        missed = np.ones((len(sets), self.link.shape[1]))
        absent, weight = np.zeros_like(missed), np.zeros_like(missed)
        for member, factor in zip(sets.T, stage, strict=True):
            missed *= 1 - factor * self.link[member]
            absent = np.maximum(absent, self.absent[member])
            weight = np.maximum(weight, self.weight[member])
        absent = np.where(weight > 0, absent, 0.5)
        present = 1 - (1 - absent) * missed
        seen, rarity = self.abnormality, self.rarity
        by_cause = seen * present + (1 - seen) * (1 - present)
        by_chance = seen * absent * rarity + (1 - seen) * (1 - absent)
        return np.asarray(np.where(weight > 0, weight * np.log(by_cause / np.where(weight > 0, by_chance, by_cause)), 0.0).sum(axis=1))


def _place(witness: Witness) -> tuple[str, str]:
    return witness.finding.measurement.key, witness.symptom.direction


@dataclass(frozen=True, slots=True)
class Posterior:
    """The chance of nothing, of each cause alone, and of each two at once; they sum to 1."""

    names: tuple[str, ...]
    nothing: float
    alone: _F
    pairs: NDArray[np.int64]
    together: _F

    @classmethod
    def of(cls, names: Sequence[str], alone: _F, pairs: NDArray[np.int64], together: _F) -> Posterior:
        """Return the chances of log odds against nothing."""
        weights = np.concatenate([[0.0], alone, together])
        chances = np.exp(weights - weights.max())
        chances /= chances.sum()
        return cls(tuple(names), float(chances[0]), chances[1 : 1 + len(names)], pairs, chances[1 + len(names) :])

    @property
    def active(self) -> Mapping[str, float]:
        """The chance that each cause is active, alone or not."""
        total = self.alone.copy()
        for side in self.pairs.T:
            np.add.at(total, side, self.together)
        return dict(zip(self.names, (float(chance) for chance in total), strict=True))

    @property
    def both(self) -> Mapping[tuple[str, str], float]:
        """The chance that two causes are active at once."""
        return {(self.names[a], self.names[b]): float(chance) for (a, b), chance in zip(self.pairs, self.together, strict=True)}


def all_pairs(count: int) -> NDArray[np.int64]:
    """Return (n, 2) of each two of `count` indices."""
    return np.array(np.triu_indices(count, 1), dtype=np.int64).T.reshape(-1, 2)
