import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inspector.training.metrics import (
    MapFigures,
    auroc,
    average_precision,
    expected_calibration_error,
    kind_figures,
    miss_rate_at_false_reject,
    operating_point,
    top_k,
)

scores_and_truth = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.integers(0, 12).map(lambda k: k / 12)),
        hnp.arrays(np.bool_, n),
    )
)


def chance_above(positive, negative):
    """The definition: the share of pairs in order, ties counting half."""
    pairs = positive[:, None] - negative[None, :]
    return float(np.mean((pairs > 0) + 0.5 * (pairs == 0)))


@given(scores_and_truth)
@settings(deadline=None, max_examples=40)
def test_auroc_is_the_share_of_pairs_in_order(drawn):
    scores, defective = drawn
    assume(defective.any() and not defective.all())
    assert auroc(defective, scores) == pytest.approx(chance_above(scores[defective], scores[~defective]))


@given(scores_and_truth)
@settings(deadline=None, max_examples=40)
def test_miss_rate_is_the_best_rule_within_the_budget(drawn):
    scores, defective = drawn
    assume(defective.any() and not defective.all())
    rules = [np.inf, -np.inf, *scores]
    allowed = [t for t in rules if np.mean(scores[~defective] > t) <= 0.05]
    best = min(np.mean(scores[defective] <= t) for t in allowed)
    assert miss_rate_at_false_reject(defective, scores) == pytest.approx(best)


def test_a_model_that_says_the_same_of_all_parts_misses_all():
    defective = np.array([False] * 20 + [True] * 5)
    assert miss_rate_at_false_reject(defective, np.full(25, 0.7)) == 1.0


def test_one_of_twenty_ok_parts_may_be_rejected():
    ok = np.linspace(0.0, 0.95, 20)
    defective = np.array([False] * 20 + [True] * 4)
    assert miss_rate_at_false_reject(defective, np.append(ok, [0.2, 0.89, 0.92, 0.99])) == 0.5


def test_one_class_alone_has_no_ranking():
    scores = np.array([0.1, 0.9])
    for defective in (np.array([True, True]), np.array([False, False])):
        assert auroc(defective, scores) is None
        assert average_precision(defective, scores) is None
        assert miss_rate_at_false_reject(defective, scores) is None


def test_average_precision_by_hand():
    defective = np.array([True, False, True, False])
    assert average_precision(defective, np.array([0.9, 0.8, 0.7, 0.1])) == pytest.approx((1 + 2 / 3) / 2)


def test_review_is_neither_missed_nor_rejected():
    defective = np.array([True, True, True, False, False])
    point = operating_point(defective, ["pass", "fail", "review", "fail", "pass"], 0.4)
    assert (point.threshold, point.miss_rate, point.false_reject_rate, point.review_rate) == (0.4, 1 / 3, 0.5, 0.2)
    assert operating_point(np.array([True]), ["fail"], None).false_reject_rate is None


def test_calibration_error():
    assert expected_calibration_error(np.array([True, True, False, False]), np.array([1.0, 1.0, 0.0, 0.0])) == 0.0
    assert expected_calibration_error(np.array([True, False]), np.array([0.75, 0.75])) == pytest.approx(0.25)
    assert expected_calibration_error(np.zeros(0, bool), np.zeros(0)) is None


def test_kinds_and_causes():
    figures = kind_figures(["ok", "ok", "crack", "fray"], ["ok", "crack", "crack", "ok"])
    assert figures["accuracy"] == 0.5
    assert figures["macro_f1"] == pytest.approx((0.5 + 2 / 3 + 0.0) / 3)
    unknown = kind_figures(["ok", "crack"], ["ok", "unknown"])
    assert unknown == {"macro_f1": 0.5, "accuracy": 0.5}
    assert kind_figures([], []) == {"macro_f1": None, "accuracy": None}
    assert top_k(["a", "b"], [["a", "b"], ["c", "d", "b"]], 1) == 0.5
    assert top_k(["a", "b"], [["a", "b"], ["c", "d", "b"]], 3) == 1.0
    assert top_k([], [], 1) is None


# --- maps ----------------------------------------------------------------------------------------------------------------------


def naive_aupro(maps, masks, limit):
    """Every threshold on its own: false-positive rate against the mean overlap with the regions."""
    from scipy.ndimage import label

    regions = []
    for values, mask in zip(maps, masks, strict=True):
        numbered, count = label(mask, structure=np.ones((3, 3)))
        regions += [values[numbered == k] for k in range(1, count + 1)]
    clean = np.concatenate([values[~mask] for values, mask in zip(maps, masks, strict=True)])
    thresholds = np.unique(np.concatenate([values.ravel() for values in maps]))[::-1]
    x = np.array([0.0, *(np.mean(clean >= t) for t in thresholds)])
    y = np.array([0.0, *(np.mean([np.mean(region >= t) for region in regions]) for t in thresholds)])
    fine = np.linspace(0, limit, 20001)
    # Between two thresholds the curve is a straight line; a jump at the same rate counts from its upper end.
    inside = x <= limit
    area = np.trapezoid(np.append(y[inside], np.interp(limit, x, y)), np.append(x[inside], limit))
    assert abs(area - np.trapezoid(np.interp(fine, x, y), fine)) < 0.01 * limit
    return area / limit


@given(
    hnp.arrays(np.float32, (3, 6, 7), elements=st.integers(0, 255).map(lambda k: np.float32(k / 256))),
    hnp.arrays(np.bool_, (3, 6, 7)),
    st.sampled_from([0.05, 0.3]),
)
@settings(deadline=None, max_examples=40)
def test_map_figures_equal_their_definitions(maps, masks, limit):
    masks[0] = False
    assume(masks.any() and not masks.all())
    figures = MapFigures()
    for values, mask in zip(maps, masks, strict=True):
        figures.add(values, mask if mask.any() else None)
    assert figures.pixel_auroc() == pytest.approx(chance_above(maps[masks], maps[~masks]))
    assert figures.aupro(limit) == pytest.approx(naive_aupro(maps, masks, limit))


def test_small_regions_count_as_much_as_large_ones():
    mask = np.zeros((20, 20), bool)
    mask[2:12, 2:12] = True
    mask[18, 18] = True
    figures = MapFigures()
    figures.add(np.where(mask & (np.arange(20) < 15), 1.0, 0.0), mask)
    # The large region is found at no cost, the single pixel only at the very end: 0.5, rising to 1 over the whole curve.
    assert figures.aupro(0.3) == pytest.approx(0.5 + 0.3 * 0.5 / 2)


def test_a_perfect_map_and_an_upside_down_one():
    mask = np.zeros((8, 8), bool)
    mask[2:4, 2:4] = True
    good, bad = MapFigures(), MapFigures()
    good.add(mask.astype(np.float32), mask)
    bad.add(-mask.astype(np.float32), mask)
    assert good.figures() == {"pixel_auroc": 1.0, "aupro_30": pytest.approx(1.0), "pointing_game": 1.0}
    assert bad.figures() == {"pixel_auroc": 0.0, "aupro_30": 0.0, "pointing_game": 0.0}


def test_flat_maps_point_nowhere():
    mask = np.ones((4, 4), bool)
    figures = MapFigures()
    figures.add(np.zeros((4, 4)), mask)
    assert figures.pointing_game() == 0.0


def test_without_a_mask_there_is_no_figure():
    figures = MapFigures()
    figures.add(np.random.default_rng(0).random((4, 4)), None)
    assert figures.figures() == {"pixel_auroc": None, "aupro_30": None, "pointing_game": None}


def test_maps_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        MapFigures().add(np.zeros((4, 4)), np.zeros((4, 5)))


def test_infinite_and_missing_values_are_ordered():
    mask = np.array([[True, True, False, False]])
    figures = MapFigures()
    figures.add(np.array([[np.inf, 1e6, -0.0, np.nan]]), mask)
    assert figures.pixel_auroc() == 1.0
    assert figures.pointing_game() == 1.0
