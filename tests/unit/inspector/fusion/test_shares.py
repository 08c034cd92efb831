"""How much of a score came from which modality."""

import pytest

from inspector.fusion.calibration import Calibration


def test_the_modality_that_speaks_has_the_weight() -> None:
    calibration = Calibration(mode="learned", evidence={"fused": 1.0, "distance_image": 0.5})
    evidence = {"fused": 4.0, "own_image": 3.0, "own_audio": -1.0, "distance_image": 2.0}
    shares = calibration.shares(evidence, {"image": 0.25, "audio": 0.75})
    # image: own 3 + distance 1 + a quarter of the joint 2; audio: own 1 + three quarters of 2
    assert shares == pytest.approx({"image": 4.5 / 7.0, "audio": 2.5 / 7.0})


def test_without_evidence_attention_is_all_there_is() -> None:
    assert Calibration(mode="kinds_only").shares({}, {"image": 0.6, "series": 0.4}) == {"image": 0.6, "series": 0.4}
