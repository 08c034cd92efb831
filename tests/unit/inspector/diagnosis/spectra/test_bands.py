from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.config import MachineConfig
from inspector.diagnosis import measure
from inspector.parts import PartRecord

Build = Callable[..., PartRecord]
Impacts = Callable[..., NDArray[np.float64]]


def test_a_squeal_is_a_tone_with_harmonics_above_the_noise(record: Build, machine: MachineConfig) -> None:
    t_s = np.arange(16000) / 16000
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.02, len(t_s))
    squeal = sum(0.05 / n * np.sin(2 * np.pi * 1130 * n * t_s) for n in (1, 2, 3))
    quiet = measure(record(mic=(noise, 16000.0, "FS", "audio")), machine)["mic.squeal"]
    loud = measure(record(mic=(noise + squeal, 16000.0, "FS", "audio")), machine)["mic.squeal"]
    assert loud.value > quiet.value + 15
    assert loud.at_hz == pytest.approx(1130, rel=0.01)


def test_a_steady_hiss_raises_the_lasting_level_and_a_knock_does_not(record: Build, machine: MachineConfig) -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.01, 16000)
    spectrum = np.fft.rfft(rng.normal(size=16000))
    hz = np.fft.rfftfreq(16000, 1 / 16000)
    hiss = np.fft.irfft(np.where((hz > 3000) & (hz < 7000), spectrum, 0)) * 0.03
    knock = np.zeros(16000)
    knock[8000:8200] = rng.normal(0, 0.5, 200)

    def floor(samples: NDArray[np.float64]) -> float:
        return measure(record(mic=(samples, 16000.0, "FS", "audio")), machine)["mic.floor_hiss"].value

    assert floor(noise + hiss) > floor(noise) + 5
    assert floor(noise + knock) < floor(noise) + 2


@pytest.mark.parametrize(("rate_hz", "said"), [(8_000.0, False), (12_000.0, True), (192_000.0, True)])
def test_nothing_is_said_of_a_band_that_the_sampling_rate_does_not_hold(
    rate_hz: float, said: bool, record: Build, machine: MachineConfig
) -> None:
    noise = np.random.default_rng(5).normal(0, 0.02, int(rate_hz))
    rows = measure(record(mic=(noise, rate_hz, "FS", "audio")), machine)
    for kind in ("band_hiss", "share_hiss", "floor_hiss", "flatness_hiss"):
        assert (f"mic.{kind}" in rows) is said
    assert "mic.band_mid" in rows
    assert ("mic.band_ultrasonic" in rows) is (rate_hz == 192_000.0)
