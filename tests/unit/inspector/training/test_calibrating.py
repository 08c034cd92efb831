"""Thresholds from held-out parts keep their promise on new ones, though the calibration is fitted on the same parts."""

from dataclasses import replace

import numpy as np
import pytest

from inspector.training.calibrating import Witnessed, calibrate
from inspector.training.findings import findings
from inspector.training.recipe import DecisionRecipe

SENSES = ("own_image", "own_audio", "own_series", "distance_image", "distance_audio")


def held_out(random, good, bad, groups=None):
    """Draw parts of which one sense tells something and four tell nothing: much to overfit."""
    defective = np.arange(good + bad) >= good
    fused = random.normal(size=good + bad) + 1.5 * defective
    evidence = [{"fused": float(f), **{name: float(random.normal()) for name in SENSES}} for f in fused]
    nothing = np.zeros((good + bad, 0))
    unknown = np.full(good + bad, -1)
    names = groups or [str(row) for row in range(good + bad)]
    return Witnessed(evidence, defective, nothing, unknown, nothing, unknown, names)


def calibrated(held, **recipe):
    return calibrate(held, any_defect=True, any_good=True, recipe=DecisionRecipe(**recipe))


def test_the_promise_survives_that_the_calibration_was_fitted_on_the_same_parts():
    random = np.random.default_rng(0)
    broken = []
    for _ in range(10):
        found = calibrated(held_out(random, 60, 30))
        assert found.promise.kept == "with_confidence"
        fresh = held_out(random, 800, 0)
        broken.append(np.mean([found.outcome(found.score(e)) == "fail" for e in fresh.evidence]) > 0.05)
    assert np.mean(broken) <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / 10)


def test_groups_and_not_parts_are_counted():
    random = np.random.default_rng(1)
    held = held_out(random, 60, 30, groups=[str(row // 6) for row in range(90)])
    found = calibrated(held)
    assert (found.promise.groups, found.promise.parts, found.promise.kept) == (10, 60, "pooled")
    assert "not enough good parts" in found.rule


@pytest.mark.parametrize("good", [0, 1, 19])
def test_hardly_any_good_part_is_no_error_and_promises_nothing(good):
    found = calibrated(held_out(np.random.default_rng(2), good, 8))
    assert found.promise.kept == ("on_average" if good == 19 else "not")
    assert 0 < found.threshold < 1


def test_one_good_part_that_looks_like_the_worst_defect_does_not_let_all_defects_pass():
    random = np.random.default_rng(2)
    held = held_out(random, 4, 60)
    held.evidence[int(np.flatnonzero(~held.defective)[0])].update(max(held.evidence, key=lambda one: one["fused"]))
    found = calibrated(held)
    missed = [found.outcome(found.score(e)) == "pass" for e, bad in zip(held.evidence, held.defective, strict=True) if bad]
    assert found.promise.kept == "not"
    assert "nothing is promised" in found.rule
    assert np.mean(missed) < 0.2


def test_conflict_is_no_evidence_of_a_defect_and_has_a_threshold_of_its_own():
    random = np.random.default_rng(3)
    held = held_out(random, 60, 30)
    for evidence, bad in zip(held.evidence, held.defective, strict=True):
        evidence["conflict"] = 5.0 * bad
    found = calibrated(held)
    assert "conflict" not in found.evidence
    assert found.conflict_from == pytest.approx(5.0)


def test_findings_name_what_is_missed_with_an_interval():
    held = held_out(np.random.default_rng(5), 60, 30)
    held = replace(held, kind_logits=np.zeros((90, 1)), kinds=np.where(held.defective, 0, -1), part_ids=held.groups)
    found = findings(held, calibrated(held), ["scratch"])
    kind = found["kinds"]["scratch"]
    assert kind["parts"] == 30
    assert kind["missed_interval"][0] <= kind["missed"] / 30 <= kind["missed_interval"][1]
    assert sum(row["parts"] for row in found["reliability"]) == 90
    assert len(found["lowest_scored"]) == min(kind["missed"], 5)
