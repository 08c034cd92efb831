from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.diagnosis.spectra.envelopes import Envelopes


def envelopes(signal: NDArray[np.float64], rate_hz: float, top_hz: float = 300.0) -> Envelopes:
    found = Envelopes.of(signal, rate_hz, top_hz)
    assert found is not None
    return found


@pytest.mark.parametrize("rate_hz", [8000.0, 20000.0, 192000.0])
def test_kurtosis_is_0_for_noise_and_1_9_where_it_swings_fully(rate_hz: float) -> None:
    t_s = np.arange(int(rate_hz)) / rate_hz
    noise = np.random.default_rng(1).normal(size=len(t_s))
    steady = envelopes(noise, rate_hz)
    assert np.median(steady.kurtoses) == pytest.approx(0, abs=0.1)
    assert steady.kurtoses.max() < 0.6
    swinging = envelopes(noise * (1 + np.sin(2 * np.pi * 20 * t_s)), rate_hz)
    assert np.median(swinging.kurtoses) == pytest.approx(1.9, abs=0.3)


def test_a_beat_is_found_at_its_rate_and_depth() -> None:
    t_s = np.arange(40000) / 20000
    noise = np.random.default_rng(2).normal(size=len(t_s))
    found = envelopes(noise * 10 ** (4 / 20 * np.sin(2 * np.pi * 87 * t_s)), 20000.0)
    at = round(87 / found.step_hz)
    assert np.median(found.swing_db[:, at]) == pytest.approx(4, abs=0.4)
    assert np.median(found.above_db[:, at]) > 20


def test_one_knock_raises_the_kurtosis_and_not_that_of_the_rest() -> None:
    signal = np.random.default_rng(3).normal(size=20000)
    signal[9990:10050] *= 30
    found = envelopes(signal, 20000.0)
    assert found.kurtoses.max() > 20
    assert found.kurtoses_of_rest.max() < 1


def test_a_long_signal_is_read_in_pieces_as_sharp_as_a_short_one() -> None:
    t_s = np.arange(400000) / 20000
    noise = np.random.default_rng(4).normal(size=len(t_s))
    found = envelopes(noise * (1 + 0.5 * np.sin(2 * np.pi * 87 * t_s)), 20000.0)
    assert found.step_hz == pytest.approx(1 / 6, rel=0.01)
    assert np.argmax(np.median(found.above_db, axis=0)) * found.step_hz == pytest.approx(87, abs=0.5)


@pytest.mark.parametrize(("count", "rate_hz", "top_hz"), [(20000, 600.0, 300.0), (100, 20000.0, 300.0), (1600, 8000.0, 20.0)])
def test_too_short_or_too_slow_a_signal_has_no_envelopes(count: int, rate_hz: float, top_hz: float) -> None:
    assert Envelopes.of(np.random.default_rng(5).normal(size=count), rate_hz, top_hz) is None
