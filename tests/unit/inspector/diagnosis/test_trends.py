from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inspector.config import MachineConfig
from inspector.diagnosis import Measurement, measure
from inspector.parts import PartRecord

Build = Callable[..., PartRecord]


@pytest.fixture
def of(record: Build) -> Callable[..., dict[str, Measurement]]:
    def build(t_s: object, values: object, unit: str = "degC") -> dict[str, Measurement]:
        found = measure(record(channel=(t_s, values, unit)), MachineConfig())
        return {item.kind: item for item in found.values()}

    return build


def test_a_ramp_has_its_slope_and_end_and_outliers_do_not_move_it(of: Callable[..., dict[str, Measurement]]) -> None:
    t_s = np.arange(-60, 0, 0.5)
    values = 40 + 0.1 * (t_s + 60) + np.random.default_rng(1).normal(0, 0.05, len(t_s))
    values[[10, 50]] = 500.0
    found = of(t_s, values)
    assert found["slope"].value == pytest.approx(6.0, abs=0.2)
    assert found["slope"].unit == "degC/min"
    assert found["level"].value == pytest.approx(45.85, abs=0.1)


def test_a_pressure_drop_is_a_step_with_its_size_and_time(of: Callable[..., dict[str, Measurement]]) -> None:
    t_s = np.arange(-60, 0, 0.1)
    values = np.where(t_s < -12, 6.0, 5.1) + np.random.default_rng(2).normal(0, 0.02, len(t_s))
    found = of(t_s, values, "bar")
    assert found["step"].value == pytest.approx(-0.9, abs=0.02)
    assert found["step"].start_s == pytest.approx(-12, abs=0.2)
    assert found["change"].value == pytest.approx(-15, abs=1)
    assert found["lately"].value == pytest.approx(-0.9, abs=0.05)


def test_a_ripple_has_its_frequency_amplitude_and_beginning(of: Callable[..., dict[str, Measurement]]) -> None:
    t_s = np.arange(-2, 0.1, 0.005)
    values = 4 + np.where(t_s > -1.2, 0.5 * np.sin(2 * np.pi * 31 * t_s), 0) + np.random.default_rng(3).normal(0, 0.02, len(t_s))
    ripple = of(t_s, values, "A")["ripple_line"]
    assert ripple.value == pytest.approx(0.5, rel=0.1)
    assert ripple.at_hz == pytest.approx(31, abs=0.6)
    assert -1.7 < ripple.start_s < -1.0


def test_a_dip_is_dated(of: Callable[..., dict[str, Measurement]]) -> None:
    t_s = np.arange(-2, 0.1, 0.02)
    values = np.where(np.abs(t_s + 0.8) < 0.05, 0.1, 0.25)
    dip = of(t_s, values, "m/s")["dip"]
    assert dip.value == pytest.approx(0.15)
    assert dip.start_s == pytest.approx(-0.8, abs=0.06)


def test_a_warming_after_a_break_has_onset_time_constant_and_the_end_it_goes_to(of: Callable[..., dict[str, Measurement]]) -> None:
    t_s = np.arange(-60, 0, 0.25)
    values = 40 + np.where(t_s > -40, 6 * (1 - np.exp(-(t_s + 40) / 8)), 0) + np.random.default_rng(4).normal(0, 0.05, len(t_s))
    found = of(t_s, values)
    assert found["onset"].value == pytest.approx(-40, abs=1.5)
    assert found["time_constant"].value == pytest.approx(8, rel=0.15)
    assert found["settles_at"].value == pytest.approx(46, abs=0.3)
    assert found["settles_at"].unit == "degC"


def test_a_jump_says_what_noise_alone_would_make(of: Callable[..., dict[str, Measurement]]) -> None:
    t_s = np.arange(-60, 0, 0.25)
    rng = np.random.default_rng(5)
    jump = of(t_s, np.where(t_s < -12, 6.0, 5.1) + rng.normal(0, 0.02, len(t_s)), "bar")["jump"]
    assert jump.usual is not None
    assert jump.usual.reach(jump.value) < -3
    assert jump.beyond_share == 0.01
    assert "jump" not in of(t_s, rng.normal(6, 0.02, len(t_s)), "bar")


def test_what_is_wrong_with_the_readings_is_a_quantity(of: Callable[..., dict[str, Measurement]]) -> None:
    t_s = np.r_[np.arange(-60.0, -20.0), np.arange(-5.0, 0.0)]
    values = np.r_[np.nan, np.random.default_rng(6).normal(size=40), np.full(4, 7.0)]
    found = of(t_s, values)
    assert found["gap"].value == 16
    assert (found["gap"].start_s, found["gap"].end_s) == (-21, -5)
    assert found["still"].value == 3
    assert found["unusable"].value == pytest.approx(100 / 45)
    assert "disorder" not in found
    assert of(t_s[::-1], values)["disorder"].value == 100
    assert of([0.0, 0.0, 0.0], [1.0, 9.0, 9.0])["level"].value == 1.0
    assert set(of([0.0], [5.0])) == {"level", "unusable"}
    assert set(of([0.0, 1.0], [np.nan, np.inf])) == {"unusable"}


def test_an_hour_at_a_high_rate_is_measured_whole(of: Callable[..., dict[str, Measurement]]) -> None:
    t_s = np.linspace(-3600, 0, 1_000_000)
    values = np.where(t_s < -3500, 50.0, 20.0) + np.random.default_rng(7).normal(size=len(t_s))
    found = of(t_s, values)
    assert found["peak"].value > 50
    assert found["jump"].value == pytest.approx(-30, abs=1)


@pytest.mark.parametrize(
    ("t_s", "values"),
    [
        ([], []),
        ([0.0], [1.0]),
        ([0.0], [np.nan]),
        ([-1.0, 0.0], [1.0, 2.0]),
        (np.zeros(50), np.arange(50.0)),
        (np.arange(-10.0, 0.0), np.full(10, 3.0)),
        (np.arange(-10.0, 0.0), np.zeros(10)),
        (np.arange(-10.0, 0.0), np.r_[np.full(5, np.nan), np.arange(5.0)]),
        (-np.arange(100.0), np.arange(100.0)),
        (np.r_[np.arange(-100.0, -90.0), np.arange(-3.0, 0.0)], np.arange(13.0)),
        (np.arange(-60, 0, 0.01), np.full(6000, 1e12)),
        (np.arange(-10.0, 0.0), np.r_[np.inf, np.ones(9)]),
    ],
)
def test_odd_series_give_fewer_quantities_and_never_raise(of: Callable[..., dict[str, Measurement]], t_s: object, values: object) -> None:
    assert all(np.isfinite(item.value) for item in of(t_s, values).values())
