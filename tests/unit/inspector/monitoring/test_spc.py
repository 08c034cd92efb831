import numpy as np
import pytest
from scipy import stats

from inspector.monitoring import limits, spc
from inspector.parts import Outcome
from inspector.store import InspectionSummary


def parts(scores: np.ndarray, bad: np.ndarray | None = None, start: int = 0) -> list[InspectionSummary]:
    failed = np.zeros(len(scores), bool) if bad is None else bad
    return [
        InspectionSummary(f"{start + n:08d}", f"P{n}", "s", start + n, outcome(is_bad), float(score), 0.5, None, None, True, 1.0, False)
        for n, (score, is_bad) in enumerate(zip(scores, failed, strict=True))
    ]


def outcome(is_bad: bool) -> Outcome:
    return "fail" if is_bad else "pass"


def test_limits_are_those_of_the_books() -> None:
    assert limits.mean_limit(370.4) == pytest.approx(3.0, abs=0.001)
    assert limits.usual_range(5) == pytest.approx(2.326, abs=0.001)  # d2 of the tables
    # Lucas and Saccucci (1990): weight 0.1, limit 2.814, run length 500
    assert limits.ewma_run_length(2.814, 0.1) == pytest.approx(500, rel=0.02)
    assert limits.ewma_limit(500, 0.1) == pytest.approx(2.814, abs=0.01)
    assert stats.studentized_range.sf(limits.range_limit(200, 5), 5, np.inf) == pytest.approx(1 / 200, rel=0.01)


def test_a_share_known_from_few_parts_gets_a_wide_limit() -> None:
    many, few = limits.bad_parts_limit(400, 50, 100, 2000), limits.bad_parts_limit(400, 50, 10, 200)
    assert stats.binom.isf(1 / 400, 50, 0.05) <= many <= few
    assert limits.bad_parts_limit(400, 50, 0, 200) >= 1


def test_scores_of_any_shape_become_normal() -> None:
    random = np.random.default_rng(0)
    before, now = random.beta(0.6, 15, 2000), random.beta(0.6, 15, 5000)
    scores = spc.normal_scores(before, now)
    assert abs(scores.mean()) < 0.05
    assert scores.std() == pytest.approx(1, abs=0.05)
    assert np.isfinite(spc.normal_scores(before, np.array([-9.0, 9.0]))).all()
    assert spc.normal_scores(np.zeros(200), np.zeros(3)).tolist() == [0, 0, 0]


def test_a_shift_is_seen_and_its_absence_is_not() -> None:
    random = np.random.default_rng(1)
    before = parts(random.beta(1.2, 20, 1000))
    calm = spc.charts(before, parts(random.beta(1.2, 20, 400), start=1000), 50_000)
    assert [chart.name for chart in calm] == list(spc.CHARTS)
    assert not any(chart.out.any() for chart in calm)
    shifted = spc.charts(before, parts(random.beta(1.2, 20, 400) + 0.05, random.random(400) < 0.4, start=1000), 50_000)
    out = {chart.name: bool(chart.out.any()) for chart in shifted}
    assert out["ewma"]
    assert out["p"]
    assert shifted[0].last_ids[0] == "00001049"


def test_what_is_usual_comes_from_before_or_from_the_first_parts() -> None:
    some = parts(np.zeros(600))
    assert [len(half) for half in spc.split(some, 300)] == [300, 300]
    assert [len(half) for half in spc.split(some, 10)] == [spc.LEAST_BEFORE, 400]
    assert [len(half) for half in spc.split(some[:50], 0)] == [50, 0]
    assert spc.charts(some[:50], some[50:], 1000) == []
