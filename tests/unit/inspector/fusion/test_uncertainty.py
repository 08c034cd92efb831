import pytest

from inspector.fusion.uncertainty import Doubt, doubt

KNOWN = Doubt(base=0.1, usual={"image": 3.0, "audio": 0.5})


def width(quality, spread=0.0, score=0.3):
    low, high = KNOWN.interval(score, quality, spread)
    assert 0 <= low <= score <= high <= 1
    return high - low


def test_a_lost_sense_widens_the_interval_by_what_it_usually_tells():
    whole = width({"image": 1.0, "audio": 1.0})
    assert whole < width({"image": 1.0}) < width({"image": 0.5, "audio": 1.0}) < width({"audio": 1.0})


def test_members_that_disagree_widen_it():
    whole = {"image": 1.0, "audio": 1.0}
    assert width(whole) < width(whole, spread=1.0)


@pytest.mark.parametrize("score", [0.0, 1e-12, 1.0])
def test_a_score_at_the_end_stays_a_probability(score):
    low, high = KNOWN.interval(score, {}, 0.0)
    assert 0 <= low <= high <= 1


def test_doubt_is_counted_on_held_out_parts():
    evidence = [{"fused": s, "own_image": s, "own_audio": 0.1 * s, "distance_image": 1.0} for s in (-2.0, 2.0, -3.0, 3.0)]
    weights = {"fused": 1.0, "own_image": 0.5}
    few, many = doubt([0.2, 0.8] * 2, evidence, weights), doubt([0.2, 0.8] * 50, evidence, weights)
    assert few.base > many.base > 0
    assert few.usual["image"] == pytest.approx(1.5 * 6.5**0.5)
    assert few.usual["audio"] < few.usual["image"]
