"""What is promised of false rejects holds, on lines that are drawn at random, and is refused where it cannot hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.config import PromiseConfig
from inspector.fusion.promise import GoodScores, Promise, fewest_good, most_above, on_average, promised, sureness

SHARE = PromiseConfig(false_reject_share=0.05)
SHIFT = PromiseConfig(false_rejects_per_shift=4, parts_per_shift=200)
DRAWS = 2000


def apart(scores):
    return GoodScores.of(np.asarray(scores, dtype=float), [str(row) for row in range(len(scores))])


@pytest.mark.parametrize("good", [45, 60, 137, 500])
def test_the_share_is_exceeded_in_at_most_one_calibration_of_ten(good):
    random = np.random.default_rng(good)
    above = most_above(good, SHARE)
    thresholds = np.sort(random.random((DRAWS, good)), axis=1)[:, good - 1 - above]
    exceeded = np.mean(1 - thresholds > 0.05)  # of uniform scores, just this share lies above
    assert exceeded <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / DRAWS)
    assert sureness(good, above + 1, SHARE) < 0.9, "one more reject would still have kept the promise"


def test_the_next_shift_stays_within_its_number_in_nine_of_ten():
    random = np.random.default_rng(1)
    good = 2 * fewest_good(SHIFT)
    above = most_above(good, SHIFT)
    thresholds = np.sort(random.random((DRAWS, good)), axis=1)[:, good - 1 - above]
    rejects = random.binomial(200, 1 - thresholds)
    assert np.mean(rejects > 4) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / DRAWS)


def test_a_new_group_is_rejected_on_average_as_proven():
    random = np.random.default_rng(2)
    assert on_average(19, 0.05) == pytest.approx(0)
    assert on_average(18, 0.05) is None
    for groups, kept in ((24, "on_average"), (9, "pooled")):
        rejected = []
        for _ in range(400):
            levels = random.normal(size=groups + 1)[:, None] + 0.5 * random.normal(size=(groups + 1, 10))
            good = GoodScores.of(levels[1:].ravel(), np.repeat(np.arange(groups), 10).astype(str).tolist())
            floor, promise = promised(good, SHARE)
            assert promise.kept == kept
            rejected.append(np.mean(levels[0] > floor))
        assert np.mean(rejected) <= promise.proven + 3 * np.std(rejected) / 20
        assert (promise.proven <= 0.05) == (kept == "on_average")


def test_parts_of_a_group_count_once_and_the_promise_holds_for_new_groups():
    random = np.random.default_rng(3)
    exceeded = 0
    for _ in range(300):
        levels = random.normal(size=60)
        scores = (levels[:, None] + 0.3 * random.normal(size=(60, 8))).ravel()
        good = GoodScores.of(scores, np.repeat(np.arange(60), 8).astype(str).tolist())
        floor, promise = promised(good, SHARE)
        assert (promise.kept, promise.groups, promise.parts) == ("with_confidence", 60, 480)
        fresh = random.normal(size=20_000) + 0.3 * random.normal(size=20_000)
        exceeded += np.mean(fresh > floor) > 0.05
    assert exceeded / 300 <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 300)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-20, 20), min_size=1, max_size=120), st.sampled_from([SHARE, SHIFT]))
def test_no_more_held_out_parts_are_rejected_than_the_promise_says(scores, asked):
    floor, promise = promised(apart(scores), asked)
    assert sum(score > floor for score in scores) <= promise.above + 1e-6


@pytest.mark.parametrize(("asked", "needs"), [(SHARE, 45), (PromiseConfig(false_rejects_per_shift=0, parts_per_shift=10), 90)])
def test_the_least_number_of_good_parts(asked, needs):
    assert fewest_good(asked) == needs
    assert most_above(needs, asked) == 0
    assert most_above(needs - 1, asked) is None


def test_what_cannot_be_promised_is_refused_with_what_it_needs():
    floor, promise = promised(apart(np.linspace(0, 1, 12)), SHARE)
    assert (floor, promise.kept) == (1.0, "pooled")
    assert promise.words.startswith("not enough good parts for this promise: 12 good held-out parts, needs at least 45")
    assert promised(apart(np.linspace(0, 1, 30)), SHARE)[1].kept == "on_average"


def test_no_good_part_promises_nothing():
    floor, promise = promised(GoodScores(), SHARE)
    assert (floor, promise.kept) == (-np.inf, "not")
    assert "0 good held-out parts" in promise.words


def test_one_part_and_equal_parts():
    assert promised(apart([2.0]), SHARE)[0] == 2.0
    floor, promise = promised(apart([1.5] * 100), SHARE)
    assert promise.kept == "with_confidence"
    assert floor == 1.5  # not one of them lies above it


def test_never_a_false_reject_in_a_million_is_more_than_anybody_can_promise():
    asked = PromiseConfig(false_rejects_per_shift=0, parts_per_shift=1_000_000, confidence=0.99)
    promise = promised(apart(np.zeros(100)), asked)[1]
    assert promise.needs is None
    assert "more than" in promise.words


def test_too_few_groups_are_pooled_and_that_is_said():
    scores = np.linspace(0, 1, 80)
    floor, promise = promised(GoodScores.of(scores, ["a", "b"] * 40), SHARE)
    assert promise.kept == "pooled"
    assert "proven on average for a new group: at most 37%" in promise.words
    assert int((scores > floor).sum()) == 4
    assert promise.above == pytest.approx(0.1)  # a twentieth of either group


def test_a_large_group_counts_no_more_than_a_small_one():
    scores = np.concatenate([np.linspace(0, 1, 190), np.linspace(2, 3, 10)])
    floor, promise = promised(GoodScores.of(scores, ["a"] * 190 + ["b"] * 10), SHARE)
    assert np.sum(scores > floor) == 1, "a tenth of the small group is a twentieth of both"
    assert promise.above == pytest.approx(0.1)


def test_a_model_that_kept_no_sizes_of_groups_can_be_asked():
    good = GoodScores.of(np.linspace(0, 1, 80), ["a", "b"] * 40)
    assert promised(good.model_copy(update={"group_size": []}), SHARE) == promised(good, SHARE)


def test_the_band_holds_nineteen_of_twenty_realised_rates():
    random = np.random.default_rng(4)
    promise = Promise(asked=SHARE, kept="with_confidence", parts=60, groups=60, needs=45, above=0)
    low, high = promise.band(100)
    rates = random.binomial(100, random.beta(1, 60, DRAWS)) / 100
    assert np.mean((rates >= low) & (rates <= high)) >= 0.94
