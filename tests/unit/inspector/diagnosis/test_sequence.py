from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inspector.config import MachineConfig
from inspector.diagnosis import Catalogue, Normal, measure
from inspector.diagnosis.findings import findings
from inspector.diagnosis.sequence import in_order, lag_between
from inspector.diagnosis.settling import settling
from inspector.diagnosis.wording import evidence_of
from inspector.parts import PartRecord

T_S = np.arange(240) / 4 - 60
Build = Callable[..., PartRecord]


@pytest.mark.parametrize("time_constant_s", [2.0, 8.0, 30.0])
def test_a_first_order_response_has_its_time_constant_and_end(time_constant_s: float) -> None:
    values = 20 + 5 * (1 - np.exp(-(T_S + 60) / time_constant_s)) + np.random.default_rng(1).normal(0, 0.1, len(T_S))
    found = settling(T_S, values)
    assert found is not None
    assert found.time_constant_s == pytest.approx(time_constant_s, rel=0.1)
    assert found.end == pytest.approx(25, abs=0.3)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(2).normal(size=240),
        T_S + np.random.default_rng(3).normal(size=240),
        20 + 5 * (1 - np.exp(-(T_S + 60) / 300)),
        np.full(240, 3.0),
        np.where(T_S < -30, 0.0, 1.0),
    ],
)
def test_what_does_not_settle_has_no_time_constant(values: np.ndarray) -> None:
    assert settling(T_S, values) is None
    assert settling(T_S[:5], values[:5]) is None


def test_a_follower_has_its_lag_whatever_its_ticks_and_noise_has_none() -> None:
    rng = np.random.default_rng(4)
    load = np.repeat(rng.integers(0, 2, 24), 10) * 1.0
    follower_s = np.arange(-59.9, 0, 0.21)
    found = lag_between((T_S, load), (follower_s, np.interp(follower_s - 3.0, T_S, load)), 20.0)
    assert found is not None
    assert found.lag_s == pytest.approx(3.0, abs=0.2)
    wandering = [np.cumsum(rng.normal(size=240)) for _ in range(40)]
    assert sum(lag_between((T_S, a), (T_S, b), 20.0) is not None for a, b in zip(wandering[::2], wandering[1::2], strict=True)) <= 1
    assert lag_between((T_S, load), (T_S, np.ones(240)), 20.0) is None
    assert lag_between((T_S, load), (T_S[:1], load[:1]), 20.0) is None
    assert lag_between((T_S, load), (T_S + 500, load), 20.0) is None


def test_who_changed_first_is_measured_with_the_lags_of_the_others(record: Build, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(5)
    part = record(
        motor_current=(T_S, np.where(T_S < -20, 4.0, 5.5) + rng.normal(0, 0.05, 240), "A"),
        belt_speed=(T_S, np.where(T_S < -18, 0.25, 0.1) + rng.normal(0, 0.005, 240), "m/s"),
        air=(T_S, 6 + rng.normal(0, 0.02, 240), "bar"),
    )
    found = measure(part, MachineConfig())
    assert found["motor_current.onset"].value == pytest.approx(-20, abs=0.3)
    lag = found["belt_speed.onset_lag"]
    assert (lag.value, lag.of) == (pytest.approx(2.0, abs=0.3), "motor_current")
    (finding,) = findings({lag.key: lag}, Normal.fit([{lag.key: lag}] * 3), catalogue)
    text = evidence_of(finding, catalogue).text
    assert "belt speed: left its course after the first channel (motor current) 2" in text.en
    assert "（电机电流）" in text.zh
    assert "motor_current.onset_lag" not in found
    assert "air.onset" not in found
    assert [onset.channel for onset in in_order({"b": (1.0, 2.0), "a": (1.0, 2.0), "c": (0.0, 0.5)})] == ["c", "a", "b"]


def test_what_follows_the_load_has_its_lag_where_the_station_names_the_load(record: Build) -> None:
    load = np.repeat(np.random.default_rng(6).integers(0, 2, 24), 10) * 1.0
    part = record(power=(T_S, load, "kW"), flow=(T_S, 3 + np.interp(T_S - 2.5, T_S, load), "l/min"))
    lag = measure(part, MachineConfig(regime=("power",)))["flow.lag"]
    assert (lag.value, lag.unit, lag.of) == (pytest.approx(2.5, abs=0.1), "s", "power")
    assert "flow.lag" not in measure(part, MachineConfig())
