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


def test_stick_slip_is_read_as_a_beat_of_the_sound(record: Build, machine: MachineConfig) -> None:
    t_s = np.arange(16000) / 16000
    noise = np.random.default_rng(3).normal(0, 0.05, len(t_s))
    found = measure(record(mic=(noise * (1 + 0.7 * np.sin(2 * np.pi * 31 * t_s)), 16000.0, "FS", "audio")), machine)
    assert found["mic.modulation"].at_hz == pytest.approx(31, abs=1)
    assert found["mic.modulation"].value == pytest.approx(70, abs=12)


def test_a_louder_second_half_is_a_step_with_its_time(record: Build, machine: MachineConfig) -> None:
    noise = np.random.default_rng(5).normal(0, 0.01, 16000)
    noise[8000:] *= 4
    step = measure(record(mic=(noise, 16000.0, "FS", "audio")), machine)["mic.loudness_step"]
    assert step.value == pytest.approx(12, abs=1.5)
    assert step.start_s == pytest.approx(-0.4, abs=0.1)
