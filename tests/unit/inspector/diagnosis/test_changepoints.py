from __future__ import annotations

import numpy as np
import pytest

from inspector.diagnosis.changepoints import binned, change_points

T_S = np.arange(240) / 4 - 60


def noise(seed: int, alike: float = 0.0) -> np.ndarray:
    white = np.random.default_rng(seed).normal(size=len(T_S) + 100)
    for at in range(1, len(white)):
        white[at] += alike * white[at - 1]
    return white[100:]


@pytest.mark.parametrize(("alike", "most"), [(0.0, 2), (0.8, 4)])
def test_noise_a_ramp_and_a_wandering_series_do_not_break(alike: float, most: int) -> None:
    assert sum(len(change_points(T_S, noise(seed, alike))) > 0 for seed in range(60)) <= most
    assert sum(len(change_points(T_S, T_S + noise(seed, alike))) > 0 for seed in range(60)) <= most


def test_a_jump_has_its_size_and_lies_between_two_samples() -> None:
    (found,) = change_points(T_S, np.where(T_S < -12, 6.0, 5.1) + 0.05 * noise(1))
    assert found.jump == pytest.approx(-0.9, abs=0.05)
    assert found.from_s <= -12 <= found.to_s <= found.from_s + 0.5
    assert found.chance < 0.5


def test_a_bend_is_dated_and_a_spike_is_no_break() -> None:
    values = np.where(T_S > -20, 0.2 * (T_S + 20), 0.0) + 0.05 * noise(2)
    values[50] = 100.0
    (found,) = change_points(T_S, values)
    assert found.bend == pytest.approx(0.2, abs=0.02)
    assert found.from_s == pytest.approx(-20, abs=1)


def test_two_jumps_are_two_even_where_one_hides_the_other() -> None:
    values = np.where((T_S > -40) & (T_S < -35), 3.0, 0.0) + 0.3 * noise(3)
    assert [round(point.from_s) for point in change_points(T_S, values)] == [-40, -35]


def test_a_reading_that_moves_in_steps_of_its_converter_does_not_break_by_one_step() -> None:
    assert sum(len(change_points(T_S, np.round(0.3 * noise(seed)))) > 0 for seed in range(40)) <= 3
    assert len(change_points(T_S, np.where(T_S < -30, 20.0, 25.0))) == 1


def test_a_gap_widens_the_date_and_a_change_of_rate_is_none() -> None:
    kept = (T_S < -25) | (T_S > -10)
    (found,) = change_points(T_S[kept], np.where(T_S < -20, 1.0, 4.0)[kept] + 0.1 * noise(4)[kept])
    assert (found.from_s, found.to_s) == (-25.25, -9.75)
    two_rates = np.r_[np.arange(-60, -30, 0.5), np.arange(-30, 0, 0.05)]
    assert change_points(two_rates, np.random.default_rng(5).normal(size=len(two_rates))) == ()


def test_a_million_samples_and_hardly_any(record) -> None:  # type: ignore[no-untyped-def]
    t_s = np.linspace(-3600, 0, 1_000_000)
    (found,) = change_points(t_s, np.where(t_s < -600, 70.0, 72.0) + np.random.default_rng(6).normal(size=len(t_s)))
    assert found.from_s == pytest.approx(-600, abs=30)
    assert change_points(T_S[:11], np.arange(11.0)) == ()
    assert change_points(T_S, np.full(len(T_S), 5.0)) == ()
    assert change_points(np.zeros(20), np.arange(20.0)) == ()


def test_bins_are_means_of_equal_spans_and_gaps_have_none() -> None:
    t_s, values = binned(np.r_[np.arange(100.0), 190 + np.arange(10.0)], np.arange(110.0), 10)
    assert len(t_s) == 6
    assert values[0] == pytest.approx(t_s[0])
