from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.config import MachineConfig
from inspector.diagnosis import measure
from inspector.diagnosis.measurements import Measurement
from inspector.machine import BeltConfig
from inspector.parts import PartRecord

Build = Callable[..., PartRecord]
Impacts = Callable[..., NDArray[np.float64]]


def test_the_line_of_an_imbalance_has_its_amplitude(record: Build, machine: MachineConfig) -> None:
    t_s = np.arange(12800) / 12800
    signal = 0.8 * np.sin(2 * np.pi * 24.9 * t_s) + np.random.default_rng(1).normal(0, 0.2, len(t_s))
    found = measure(record(housing=(signal, 12800.0, "m/s2", "vibration")), machine)
    assert found["housing.shaft_1x"].value == pytest.approx(0.8, rel=0.05)
    assert found["housing.shaft_1x"].at_hz == pytest.approx(24.9, abs=0.2)
    assert found["housing.shaft_2x"].value < 0.05
    assert found["housing.shaft_1x_line"].value > 26


def orders_of(signal: NDArray[np.float64], machine: MachineConfig, record: Build) -> dict[str, Measurement]:
    found = measure(record(housing=(signal, 12800.0, "m/s2", "vibration")), machine)
    return {item.kind: item for item in found.values()}


def test_gear_blades_and_belt_are_read_where_the_station_file_tells_of_them(record: Build) -> None:
    machine = MachineConfig(shaft_hz=20.0, gear_teeth=23, blades=7, belt=BeltConfig(pulley_mm=100, length_mm=1000))
    t_s = np.arange(25600) / 12800
    mesh = (1 + 0.4 * np.sin(2 * np.pi * 20 * t_s)) * np.sin(2 * np.pi * 460 * t_s)
    signal = mesh + 0.3 * np.sin(2 * np.pi * 140 * t_s) + 0.2 * np.sin(2 * np.pi * 20 * 0.314159 * t_s)
    found = orders_of(signal + np.random.default_rng(1).normal(0, 0.05, len(t_s)), machine, record)
    assert found["gear_mesh"].value == pytest.approx(1, rel=0.05)
    assert found["gear_mesh"].at_hz == pytest.approx(460, abs=0.5)
    # two sidebands of half the depth each
    assert found["gear_sidebands"].value == pytest.approx(10 * np.log10(2 * 0.2**2), abs=1)
    assert found["blade_pass"].value == pytest.approx(0.3, rel=0.05)
    assert found["belt_pass"].value == pytest.approx(0.2, rel=0.1)


def test_a_speed_that_nobody_told_is_read_from_the_harmonics(record: Build) -> None:
    t_s = np.arange(25600) / 12800
    signal = sum(0.3 / n * np.sin(2 * np.pi * n * 31.7 * t_s + n) for n in range(1, 6))
    found = orders_of(signal + np.random.default_rng(2).normal(0, 0.2, len(t_s)), MachineConfig(), record)
    assert found["shaft_speed"].value == pytest.approx(31.7, rel=0.01)
    assert "shaft_deviation" not in found


def test_noise_has_no_speed(record: Build) -> None:
    rng = np.random.default_rng(5)
    assert not any("shaft_speed" in orders_of(rng.normal(size=12800), MachineConfig(), record) for _ in range(10))


def test_more_resolution_than_the_window_holds_is_not_invented(record: Build) -> None:
    t_s = np.arange(1280) / 12800
    found = orders_of(np.sin(2 * np.pi * 5 * t_s), MachineConfig(shaft_hz=5.0, belt=BeltConfig(pulley_mm=50, length_mm=1000)), record)
    assert not [kind for kind in found if kind.startswith(("shaft_1x", "belt_pass"))]
