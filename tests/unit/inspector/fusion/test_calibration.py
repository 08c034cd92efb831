import numpy as np
import pytest

from inspector.fusion.calibration import Calibration, softmax


def test_outcomes_follow_the_threshold_and_the_band_below_it():
    calibration = Calibration(mode="learned", evidence={"fused": 1.0}, threshold=0.6, review_from=0.4)
    assert [calibration.outcome(score) for score in (0.1, 0.4, 0.59, 0.6, 0.9)] == ["pass", "review", "review", "fail", "fail"]


def test_absent_evidence_does_not_move_the_score():
    calibration = Calibration(mode="learned", evidence={"fused": 1.0, "own_audio": 2.0})
    assert calibration.score({"fused": 0.0}) == pytest.approx(0.5)
    assert calibration.score({"fused": 0.0, "own_audio": 1.0}) > 0.85


def test_extreme_evidence_stays_a_probability():
    calibration = Calibration(mode="learned", evidence={"fused": 1.0})
    assert calibration.score({"fused": 1e9}) == 1.0
    assert calibration.score({"fused": -1e9}) == 0.0


def test_without_good_parts_in_training_every_part_is_defective():
    assert Calibration(mode="kinds_only").score({"fused": -5.0}) == 1.0


def test_softmax_sums_to_one():
    assert softmax(np.array([1000.0, 0.0, -1000.0]), 2.0).sum() == pytest.approx(1)
