"""How far "unknown" can be trusted is found by leaving kinds out."""

import numpy as np
import pytest

from inspector.fusion.known_kinds import directions
from inspector.training.recognising import MISTAKEN_AT_MOST, Shown, leave_kinds_out

SIZE = 30


def shown(random, kinds=4, apart=True, groups=5, of_each=4):
    """Draw defective parts: every kind leaves the usual in a direction of its own, or all of them in any."""
    ways = np.eye(SIZE)[:kinds] * 6 if apart else np.zeros((kinds, SIZE))
    kind = np.repeat(np.arange(kinds), groups * of_each)
    group = np.repeat(np.arange(kinds * groups), of_each)
    strength = random.uniform(0.7, 2.0, len(kind))[:, None]
    numbers = ways[kind] * strength + random.normal(size=(len(kind), SIZE))
    flat = np.zeros(SIZE, np.float32)
    return Shown(directions(numbers, flat, flat + 1), kind, group.astype(str), group % 5 > 0)


def test_kinds_that_leave_in_their_own_direction_are_told_from_new_ones():
    found = leave_kinds_out(shown(np.random.default_rng(0)), "audio")
    assert found.used
    assert found.auroc > 0.95
    assert found.found > 0.8
    assert found.mistaken <= MISTAKEN_AT_MOST


def test_where_a_new_kind_looks_like_any_other_nothing_is_called_unknown():
    found = leave_kinds_out(shown(np.random.default_rng(1), apart=False), "audio")
    assert not found.used
    assert found.auroc == pytest.approx(0.5, abs=0.15)


def test_too_few_kinds_or_groups_leave_nothing_to_test():
    random = np.random.default_rng(2)
    assert leave_kinds_out(shown(random, kinds=0), "audio") is None
    assert leave_kinds_out(shown(random, kinds=1), "audio") is None
    assert leave_kinds_out(shown(random, groups=1), "audio") is None
