"""What can be promised of false rejects, from scores of good parts that nothing was learned from.

The threshold is an order statistic: of n good held-out scores, `above` lie over it. As long as new good parts are drawn like those
(exchangeable), the share of them that it rejects is Beta(above + 1, n - above), whatever the scores look like; ties only lower it
(Vovk, "Conditional validity of inductive conformal predictors", 2012). Parts of one group (one tile, one run, one batch) are not
independent, so n counts groups. From the strongest to the weakest:

- *with confidence*: the share stays within the allowed one in `confidence` of all such calibrations (the Clopper-Pearson bound), or,
  for a number per shift, the next shift stays within it with probability `confidence` (beta-binomial); counted over one random part
  of each group (Dunn, Wasserman, Ramdas, "Distribution-free prediction sets for two-layer hierarchical models", 2022);
- *on average*: at most (above + 1) / (n + 1) of a new group's good parts are rejected, averaged over calibrations, where `above` adds up
  the share of each group over the threshold (Lee, Barber, Willett, "Distribution-free inference with hierarchical data", 2023);
- *pooled*: the allowed share of the groups' good parts lies over the threshold, each group counting the same. That estimates what a new
  group will show; what is proven for it is again no more than (above + 1) / (n + 1), and said beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.special import bdtr, betaln, gammaln

from inspector.config import PromiseConfig

Numbers = NDArray[np.float64]
Kept = Literal["with_confidence", "on_average", "pooled", "not"]

MOST_KEPT = 2000
"""A manifest holds this many of the highest scores; a promise that would need lower ones gets the lowest that is there."""
MOST_PARTS = 10_000_000


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GoodScores(_Model):
    """Scores of good held-out parts as log odds, highest first: enough to place the threshold of any promise without retraining."""

    parts: int = 0
    groups: int = 0
    log_odds: list[float] = []
    group_of: list[int] = []
    """Which group each of them is of; empty where every part is a group of its own."""
    group_size: list[int] = []
    """How many good parts that group has; empty likewise."""
    one_of_each: list[float] = []
    """The score of one random part of each group; empty likewise."""

    @classmethod
    def of(cls, log_odds: Numbers, groups: Sequence[str]) -> GoodScores:
        # Rounded up, so that no score lies above what stands for it.
        rounded = np.ceil(log_odds * 1e4) / 1e4
        names, group_of, sizes = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
        order = np.argsort(-rounded, kind="stable")[:MOST_KEPT]
        found = cls(parts=len(rounded), groups=len(names), log_odds=rounded[order].tolist())
        if len(names) == len(rounded):
            return found
        random = np.random.default_rng(len(rounded))
        ones = np.sort([random.choice(rounded[group_of == group]) for group in range(len(names))])[::-1]
        own = group_of[order]
        return found.model_copy(
            update={"group_of": own.tolist(), "group_size": sizes[own].tolist(), "one_of_each": ones[:MOST_KEPT].tolist()}
        )

    @property
    def independent(self) -> list[float]:
        return self.one_of_each or self.log_odds

    def shifted(self, by: float) -> GoodScores:
        """Return the scores at other odds of a defect."""
        moved = {"log_odds": [at + by for at in self.log_odds], "one_of_each": [at + by for at in self.one_of_each]}
        return self.model_copy(update=moved)

    def exceeded_by(self, share: float) -> tuple[float, float]:
        """Return the lowest of the scores above which at most `share` of good parts lie, every group counting the same; and that share."""
        above = np.concatenate([[0.0], np.cumsum(self._weights)[:-1]])
        place = int(np.searchsorted(above, share + 1e-9, side="right")) - 1
        return self.log_odds[place], float(above[place])

    @property
    def _weights(self) -> Numbers:
        """What each score counts, of 1 in all."""
        if not self.group_of:
            return np.full(len(self.log_odds), 1 / self.parts)
        # Before groups counted the same a model kept no sizes; it had kept all its scores.
        sizes = self.group_size or np.bincount(self.group_of)[self.group_of]
        return 1 / (self.groups * np.asarray(sizes, dtype=np.float64))


class Promise(_Model):
    """What is promised of false rejects at a model's threshold."""

    asked: PromiseConfig
    kept: Kept
    parts: int
    """Good held-out parts."""
    groups: int
    """Independent ones among them."""
    needs: int | None
    """So many independent ones would do; None: more than `MOST_PARTS`."""
    above: float
    """How many independent ones lie above the lowest threshold that keeps the promise; the sum of the groups' shares, where not one part
    of each is counted but all."""

    @property
    def words(self) -> str:
        """Say what is promised, or why it is not, in one line."""
        if self.kept == "with_confidence":
            return f"promised with {self.asked.confidence:.0%} confidence: {self.asked.words} (from {self._counted})"
        needs = f"more than {MOST_PARTS:,}" if self.needs is None else f"at least {self.needs}"
        refused = f"not enough good parts for this promise: {self._counted}, needs {needs}"
        if self.kept == "on_average":
            return f"{refused}; promised on average only: {self.asked.words}"
        if self.kept == "pooled":
            return f"{refused}; estimated only: {self.asked.words}; proven on average for a new group: at most {self.proven:.0%}"
        return f"{refused}; nothing is promised"

    @property
    def is_guess(self) -> bool:
        """Tell whether there are so few good parts that the share asked for is less than one of them: an estimate would be their worst."""
        return self.kept == "pooled" and self.asked.share * self.parts < 1

    @property
    def proven(self) -> float:
        """The share of a new group's good parts that is rejected at most, averaged over calibrations."""
        return (self.above + 1) / (self.groups + 1)

    @property
    def _counted(self) -> str:
        parts = f"{self.parts} good held-out parts"
        return parts if self.groups == self.parts else f"{parts} in {self.groups} independent groups"

    def band(self, independent: int) -> tuple[float, float]:
        """Return between what ends the share of rejects among so many new good parts lies with 95 % probability."""
        rejects = np.arange(independent + 1)
        sums = np.cumsum(_chances(independent, rejects, self.above + 1, max(self.groups - self.above, 1)))
        low, high = np.searchsorted(sums, (0.025, 0.975))
        return int(low) / independent, min(int(high), independent) / independent


def promised(good: GoodScores, asked: PromiseConfig) -> tuple[float, Promise]:
    """Return the threshold (log odds) that a part must exceed to be rejected, lowest that keeps the strongest promise there is."""
    ones = good.independent
    promise = Promise(asked=asked, kept="with_confidence", parts=good.parts, groups=good.groups, needs=fewest_good(asked), above=0)
    if not ones:
        return float("-inf"), promise.model_copy(update={"kept": "not"})
    above = most_above(good.groups, asked)
    if above is not None:
        return ones[min(above, len(ones) - 1)], promise.model_copy(update={"above": float(above)})
    proven = on_average(good.groups, asked.share)
    floor, share = good.exceeded_by(asked.share if proven is None else proven)
    return floor, promise.model_copy(update={"kept": "pooled" if proven is None else "on_average", "above": share * good.groups})


def sureness(good: int, above: int, asked: PromiseConfig) -> float:
    """Return the probability that the promise holds with `above` of `good` independent scores over the threshold."""
    if above >= good:
        return 0.0
    if asked.false_rejects_per_shift is None or asked.parts_per_shift is None:
        return 1 - float(bdtr(above, good, asked.share))
    rejects = np.arange(asked.false_rejects_per_shift + 1)
    return float(_chances(asked.parts_per_shift, rejects, above + 1, good - above).sum())


def most_above(good: int, asked: PromiseConfig) -> int | None:
    """Return how many of `good` scores may lie over a threshold that keeps the promise; None where none keeps it."""
    if sureness(good, 0, asked) < asked.confidence:
        return None
    low, high = 0, good
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if sureness(good, middle, asked) >= asked.confidence else (low, middle)
    return low


def on_average(groups: int, share: float) -> float | None:
    """Return what share of the held-out groups' parts may lie over a threshold that rejects `share` on average; None where none may."""
    allowed = (share * (groups + 1) - 1) / groups
    return allowed if allowed > -1e-9 else None


def fewest_good(asked: PromiseConfig) -> int | None:
    """Return the least number of independent good scores that can keep the promise; None beyond `MOST_PARTS`."""
    high = 1
    while most_above(high, asked) is None:
        high *= 2
        if high > MOST_PARTS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if most_above(middle, asked) is not None else (middle, high)
    return high


def _chances(parts: int, rejects: NDArray[np.int64], a: float, b: float) -> Numbers:
    """Return the beta-binomial probability of each number of `rejects` among `parts`."""
    ways = gammaln(parts + 1) - gammaln(rejects + 1) - gammaln(parts - rejects + 1)
    return np.asarray(np.exp(ways + betaln(rejects + a, parts - rejects + b) - betaln(a, b)))
