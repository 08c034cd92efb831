"""Simulated pictures: defects are where their masks say, larger when worse; the station's own faults leave no mask."""

import itertools

import numpy as np
import pytest

from stations.simulator import Fault, Line, LineSettings

KINDS = {
    "belt_slip": "scratch",
    "bearing_wear": "chatter_mark",
    "imbalance": "chatter_mark",
    "cooling_failure": "discoloration",
    "low_air_pressure": "press_mark",
    "tool_wear": "burr",
}


def _line(cause: str, severity: float, seed: int = 3) -> Line:
    return Line(LineSettings(seed=seed, faults=(Fault(cause=cause, ramp_s=0.5, hold_s=300.0, severity=severity),), incoming_ratio=0.0))


def _defective(line: Line, count: int) -> list[int]:
    return [k for k in range(40, 140) if line.fate(k).label != "ok"][:count]


@pytest.mark.parametrize(("cause", "kind"), KINDS.items())
def test_a_process_fault_makes_its_own_kind_of_defect(cause: str, kind: str) -> None:
    line = _line(cause, 0.9)
    for part in _defective(line, 2):
        pixels, mask = line.picture(part)
        truth = line.truth(part)
        assert (truth.label, truth.cause) == (kind, cause)
        assert truth.severity == pytest.approx(0.9, rel=0.05)
        assert pixels.shape == (480, 640, 3)
        assert pixels.dtype == mask.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        assert 20 < np.count_nonzero(mask) < 0.7 * mask.size


@pytest.mark.parametrize("cause", ["belt_slip", "bearing_wear", "cooling_failure", "tool_wear"])
def test_a_worse_fault_makes_a_larger_defect(cause: str) -> None:
    area = []
    for severity in (0.5, 1.0):
        line = _line(cause, severity)
        area.append(np.mean([np.count_nonzero(line.picture(k)[1]) for k in _defective(line, 5)]))
    assert area[1] > 1.2 * area[0]


def test_a_scratch_of_the_belt_lies_along_the_belt() -> None:
    line = _line("belt_slip", 0.9)
    for part in _defective(line, 3):
        rows, columns = np.nonzero(line.picture(part)[1])
        assert np.ptp(columns) > 100
        leaning = np.polyfit(columns, rows, 1)[0]
        assert abs(leaning) < 0.6


@pytest.mark.parametrize("cause", ["lens_dirt", "light_failure"])
def test_a_fault_of_the_station_spoils_the_picture_and_no_part(cause: str) -> None:
    spoilt, clean = _line(cause, 0.9), Line(LineSettings(seed=3, faults=(), incoming_ratio=0.0))
    truth = spoilt.truth(60)
    assert (truth.label, truth.cause) == ("ok", cause)
    assert not truth.mask.any()
    difference = spoilt.picture(60)[0].astype(float) - clean.picture(60)[0]
    assert np.abs(difference).mean() > 5


def test_good_parts_differ_and_carry_no_mask() -> None:
    line = Line(LineSettings(seed=3, scenario="quiet", incoming_ratio=0.0))
    first, second = line.picture(0)[0], line.picture(1)[0]
    assert np.abs(first.astype(float) - second).mean() > 2
    assert not line.picture(0)[1].any()
    assert {line.fate(k).variant for k in range(0, 480, 24)} == {"a", "b", "c"}


def test_incoming_defects_have_no_cause() -> None:
    line = Line(LineSettings(seed=3, scenario="quiet", incoming_ratio=0.5))
    fates = [line.fate(k) for k in range(60)]
    assert {fate.cause for fate in fates} == {"none"}
    defective = [fate for fate in fates if fate.label != "ok"]
    assert {fate.label for fate in defective} == {"inclusion", "scratch"}
    assert all(line.picture(fate.part)[1].any() for fate in defective[:3])


def test_two_faults_overlap_only_where_that_was_asked_for() -> None:
    def overlapping(line: Line) -> int:
        episodes = line.world.scenario.episodes(0.0, 900.0)
        return sum(a.end_s > b.onset_s for a, b in itertools.pairwise(episodes))

    assert overlapping(Line(LineSettings(seed=3))) == 0
    assert overlapping(Line(LineSettings(seed=3, concurrent=True))) > 3
