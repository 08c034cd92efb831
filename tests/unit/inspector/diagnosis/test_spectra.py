from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.config import BearingConfig, MachineConfig
from inspector.diagnosis import Catalogue, measure
from inspector.parts import PartRecord

Build = Callable[..., PartRecord]
Impacts = Callable[..., NDArray[np.float64]]


@pytest.mark.parametrize(("line", "per_rev"), [("bpfo", 3.585), ("bpfi", 5.415), ("bsf", 2.357 * 2)])
@pytest.mark.parametrize("rate_hz", [8000.0, 12800.0, 48000.0, 192000.0])
def test_impacts_are_found_at_their_rate_whatever_the_sampling(
    record: Build, impacts: Impacts, machine: MachineConfig, line: str, per_rev: float, rate_hz: float
) -> None:
    resonance_hz = 2500.0 if rate_hz < 10000 else 3000.0
    signal = impacts(rate_hz, 24.5 * per_rev, resonance_hz=resonance_hz, height=5.0)
    found = measure(record(housing=(signal, rate_hz, "m/s2", "vibration")), machine)
    lines = {name: found[f"housing.envelope_{name}"] for name in ("bpfo", "bpfi", "bsf")}
    assert max(lines, key=lambda name: lines[name].value) == line
    theory_hz = 24.5 * (2.357 if line == "bsf" else per_rev)
    assert lines[line].at_hz == pytest.approx(theory_hz, rel=0.01)


def test_another_bearing_at_another_speed_is_read_by_geometry_alone(record: Build, impacts: Impacts) -> None:
    bearing = BearingConfig.from_geometry(balls=8, ball_mm=12.7, pitch_mm=58.0)
    machine = MachineConfig(shaft_hz=41.0, bearing=bearing)
    signal = impacts(25600.0, 41.0 * bearing.bpfi_per_rev, resonance_hz=7000.0)
    found = measure(record(pump=(signal, 25600.0, "g", "vibration")), machine)
    assert found["pump.envelope_bpfi"].value > found["pump.envelope_bpfo"].value + 6


def test_white_noise_stays_below_the_limits_of_the_catalogue(record: Build, machine: MachineConfig, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(7)
    beyond = 0
    for _ in range(40):
        found = measure(record(housing=(rng.normal(size=12800), 12800.0, "m/s2", "vibration")), machine)
        for item in found.values():
            limit = catalogue.limit_of(item)
            beyond += limit is not None and limit.high is not None and item.value > limit.high
    assert beyond <= 1


def test_the_line_of_an_imbalance_has_its_amplitude(record: Build, machine: MachineConfig) -> None:
    t_s = np.arange(12800) / 12800
    signal = 0.8 * np.sin(2 * np.pi * 24.9 * t_s) + np.random.default_rng(1).normal(0, 0.2, len(t_s))
    found = measure(record(housing=(signal, 12800.0, "m/s2", "vibration")), machine)
    assert found["housing.shaft_1x"].value == pytest.approx(0.8, rel=0.05)
    assert found["housing.shaft_1x"].at_hz == pytest.approx(24.9, abs=0.2)
    assert found["housing.shaft_2x"].value < 0.05
    assert found["housing.shaft_1x_line"].value > 26


def test_a_squeal_is_a_tone_with_harmonics_above_the_noise(record: Build, machine: MachineConfig) -> None:
    t_s = np.arange(16000) / 16000
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.02, len(t_s))
    squeal = sum(0.05 / n * np.sin(2 * np.pi * 1130 * n * t_s) for n in (1, 2, 3))
    quiet = measure(record(mic=(noise, 16000.0, "FS", "audio")), machine)["mic.squeal"]
    loud = measure(record(mic=(noise + squeal, 16000.0, "FS", "audio")), machine)["mic.squeal"]
    assert loud.value > quiet.value + 15
    assert loud.at_hz == pytest.approx(1130, rel=0.01)


def test_stick_slip_is_read_as_a_beat_of_the_sound(record: Build, machine: MachineConfig) -> None:
    t_s = np.arange(16000) / 16000
    noise = np.random.default_rng(3).normal(0, 0.05, len(t_s))
    found = measure(record(mic=(noise * (1 + 0.7 * np.sin(2 * np.pi * 31 * t_s)), 16000.0, "FS", "audio")), machine)
    assert found["mic.modulation"].at_hz == pytest.approx(31, abs=1)
    assert found["mic.modulation"].value == pytest.approx(70, abs=12)


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


def test_a_louder_second_half_is_a_step_with_its_time(record: Build, machine: MachineConfig) -> None:
    noise = np.random.default_rng(5).normal(0, 0.01, 16000)
    noise[8000:] *= 4
    step = measure(record(mic=(noise, 16000.0, "FS", "audio")), machine)["mic.loudness_step"]
    assert step.value == pytest.approx(12, abs=1.5)
    assert step.start_s == pytest.approx(-0.4, abs=0.1)


@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [
        (np.zeros(16000), 16000.0),
        (np.ones(16000), 16000.0),
        (np.array([0.3]), 16000.0),
        (np.empty(0), 16000.0),
        (np.full(16000, np.nan), 16000.0),
        (np.where(np.arange(16000) % 3 == 0, np.nan, np.sin(np.arange(16000.0))), 16000.0),
        (np.where(np.arange(16000) % 1000 == 0, np.inf, 0.1), 16000.0),
        (np.clip(10 * np.sin(np.arange(16000.0)), -1, 1), 16000.0),
        (np.sin(np.arange(65.0)), 8000.0),
        (np.sin(np.arange(3000.0)), 300.0),
        (np.sin(np.arange(500.0)), 1.0),
        (np.random.default_rng(0).normal(size=16000) * 1e30, 16000.0),
        (np.r_[np.zeros(15000), np.ones(1000)], 192000.0),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_odd_signals_give_fewer_quantities_and_never_raise(
    record: Build, machine: MachineConfig, samples: NDArray[np.float64], rate_hz: float, known: bool
) -> None:
    found = measure(record(mic=(samples, rate_hz, "FS", "audio")), machine if known else MachineConfig())
    assert all(np.isfinite(item.value) for item in found.values())
