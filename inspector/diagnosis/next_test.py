"""What to look at next: the test that tells most, per minute, about which of the first two causes it is."""

from __future__ import annotations

import math
from collections.abc import Iterator

from inspector.diagnosis.catalogue import Catalogue, DecidingTest
from inspector.diagnosis.ranking import Ranking
from inspector.parts import Text

_SETTLED = 0.98
_WORTH_A_TEST = 0.1
_WORTH_BITS = 0.01


def next_test(ranking: Ranking, catalogue: Catalogue) -> Text | None:
    """Return the test in words; none where the first cause is as good as certain and no second is likely, or no test is known."""
    found = [(bits / test.minutes, bits, test) for test, bits in _informative(ranking, catalogue)]
    worth = [one for one in found if one[1] >= _WORTH_BITS]
    if not worth:
        return None
    test = max(worth, key=lambda one: one[0])[2]
    minutes = f"{test.minutes:g}"
    return Text(f"{test.en} ({minutes} min)", f"{test.zh}（{minutes} 分钟）")


def _informative(ranking: Ranking, catalogue: Catalogue) -> Iterator[tuple[DecidingTest, float]]:
    """Yield every test on the first two causes with the bits that its outcome is expected to tell of them."""
    first, second = (*ranking.suspects, None)[:2]
    known = [s for s in (first, second) if s is not None and s.name in catalogue.by_name and s.probability >= _WORTH_A_TEST]
    if first is None or not known or (first.probability >= _SETTLED and first in known and len(known) < 2):
        return
    other = second.name if second is not None else ""
    p_first, p_second = first.probability, second.probability if second is not None else 0.0
    both = ranking.both(first.name, other)
    cells = {(True, True): both, (True, False): max(p_first - both, 0.0), (False, True): max(p_second - both, 0.0)}
    cells[False, False] = max(1 - sum(cells.values()), 0.0)
    for suspect in known:
        rule = catalogue.by_name[suspect.name]
        rival = other if suspect is first else first.name
        contrasts = [contrast.test for contrast in rule.told_apart_from if contrast.cause == rival]
        for test in (rule.test, *contrasts):
            yield test, _bits(cells, 0 if suspect is first else 1, test.sure)


def _bits(cells: dict[tuple[bool, bool], float], tested: int, sure: float) -> float:
    """Return the mutual information between the states of two causes and the outcome of a test that asks for one of them."""
    total = sum(cells.values())
    if total <= 0:
        return 0.0
    positive = sum(chance * (sure if cell[tested] else 1 - sure) for cell, chance in cells.items()) / total
    return _entropy(positive) - _entropy(sure)


def _entropy(chance: float) -> float:
    return -sum(p * math.log2(p) for p in (chance, 1 - chance) if p > 0)
