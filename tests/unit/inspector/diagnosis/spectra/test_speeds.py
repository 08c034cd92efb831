from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inspector.config import MachineConfig
from inspector.diagnosis import measure
from inspector.diagnosis.spectra.speeds import speed_curve
from inspector.parts import PartRecord

Build = Callable[..., PartRecord]


def test_lines_stay_sharp_while_the_shaft_speeds_up(record: Build) -> None:
    t_s = np.arange(20000) / 10000
    hz = 20 + 4 * t_s
    turns = np.cumsum(hz) / 10000
    signal = np.sin(2 * np.pi * turns) + 0.5 * np.sin(2 * np.pi * 3 * turns)
    # the record's waveform ends 0.1 of its length after the trigger
    speed = (t_s[::100] - 1.8, 60 * hz[::100], "rpm")
    machine = MachineConfig(shaft_hz=24.0)
    smeared = measure(record(housing=(signal, 10000.0, "g", "vibration"), speed=speed), machine)
    sharp = measure(record(housing=(signal, 10000.0, "g", "vibration"), speed=speed), machine.model_copy(update={"shaft_channel": "speed"}))
    assert sharp["housing.shaft_1x"].value == pytest.approx(1.0, rel=0.03)
    assert sharp["housing.shaft_3x"].value == pytest.approx(0.5, rel=0.05)
    assert smeared["housing.shaft_3x"].value < 0.3


@pytest.mark.parametrize(("unit", "factor"), [("rpm", 60), ("1/min", 60), ("Hz", 1), ("1/s", 1)])
def test_a_speed_is_read_in_its_unit(unit: str, factor: float) -> None:
    curve = speed_curve(np.array([0.2, 0.7]), np.array([20.0, 20.0]) * factor, unit, 1.0)
    assert curve is not None
    assert curve.mean_hz == pytest.approx(20)
    assert curve.even


def test_what_is_no_speed_is_not_taken_for_one() -> None:
    t_s, turning = np.array([0.2, 0.7]), np.array([20.0, 20.0])
    assert speed_curve(t_s, turning, "m/s", 1.0) is None
    assert speed_curve(t_s, np.full(2, np.nan), "Hz", 1.0) is None
    assert speed_curve(t_s, np.zeros(2), "Hz", 1.0) is None
    assert speed_curve(t_s - 60, turning, "Hz", 1.0) is None
    assert speed_curve(t_s[:0], turning[:0], "Hz", 1.0) is None
