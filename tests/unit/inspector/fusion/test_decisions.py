"""What a station makes of a model's scores: its own promise, costs and defect rate."""

import numpy as np

from inspector.config import CostsConfig, DecisionConfig, PromiseConfig
from inspector.fusion.calibration import Calibration
from inspector.fusion.promise import GoodScores

GOOD = GoodScores.of(np.linspace(-6, -1, 500), [str(row) for row in range(500)])
MODEL = Calibration(mode="learned", evidence={"fused": 1.0}, defect_rate=0.5, good=GOOD, cheapest=0.1, review_share=0.08)


def decided(share=0.05, calibration=MODEL, **wish):
    return calibration.decided(DecisionConfig(promise=PromiseConfig(false_reject_share=share), **wish))


def test_a_stricter_promise_raises_the_threshold_and_is_worth_fewer_rejects():
    loose, strict = decided(0.2), decided(0.02)
    assert strict.threshold > loose.threshold
    assert loose.promise.kept == strict.promise.kept == "with_confidence"
    assert strict.rule.endswith("(from 500 good held-out parts)")


def test_costs_choose_the_outcome_of_least_expected_cost():
    found = decided(0.49, costs=CostsConfig(escape=50, reject=1, review=0.2))
    for p in np.linspace(0.001, 0.999, 200):
        cost = {"pass": p * 50, "review": 0.2, "fail": 1 - p}
        assert found.outcome(p) == min(cost, key=cost.get)


def test_a_look_that_costs_more_than_a_mistake_is_not_asked_for():
    found = decided(0.49, costs=CostsConfig(escape=1, reject=1, review=5))
    assert {found.outcome(p) for p in np.linspace(0, 1, 50)} == {"pass", "fail"}


def test_costs_cannot_break_the_promise():
    found = decided(0.01, costs=CostsConfig(escape=1000, reject=1, review=0.9))
    assert found.threshold > 0.2
    assert found.outcome(0.1) == "review"


def test_the_defect_rate_of_the_line_moves_the_probability_and_not_the_parts():
    rare = decided(defect_rate=0.01)
    labelled = decided()
    for logit in np.linspace(-6, 3, 40):
        p, q = labelled.score({"fused": logit}), rare.score({"fused": logit})
        assert q < p
        assert labelled.outcome(p) == rare.outcome(q)


def test_an_older_model_without_good_scores_keeps_its_threshold_and_says_so():
    old = Calibration(mode="learned", evidence={"fused": 1.0}, threshold=0.4, review_from=0.3)
    found = decided(calibration=old)
    assert (found.threshold, found.review_from) == (0.4, 0.3)
    assert "nothing is promised" in found.rule


def test_costs_need_a_probability():
    distances = MODEL.model_copy(update={"mode": "good_parts_only", "defect_rate": None, "cheapest": 0.0})
    found = decided(calibration=distances, costs=CostsConfig(escape=50, reject=1, review=0.2))
    assert "costs and defect rate are not used" in found.rule


def test_senses_in_conflict_are_told_apart_by_what_held_out_parts_show():
    assert not MODEL.conflicting({"conflict": 9.0})
    assert MODEL.model_copy(update={"conflict_from": 2.0}).conflicting({"conflict": 9.0})
    assert not MODEL.model_copy(update={"conflict_from": 2.0}).conflicting({})
