from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.config import BearingConfig, MachineConfig
from inspector.diagnosis import Catalogue, Normal, measure
from inspector.diagnosis.findings import findings
from inspector.diagnosis.measurements import Measurement
from inspector.diagnosis.spectra.condition import condition_of
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


def read(record: Build, machine: MachineConfig, signal: NDArray[np.float64], rate_hz: float) -> dict[str, Measurement]:
    found = measure(record(housing=(signal, rate_hz, "m/s2", "vibration")), machine)
    return {item.kind: item for item in found.values()}


def condition(found: dict[str, Measurement]) -> str:
    margins = {kind: item.value for kind, item in found.items()}
    chances = condition_of(margins)
    assert sum(chances.values()) == pytest.approx(1)
    return max(chances, key=lambda name: chances[name])


@pytest.mark.parametrize(("part", "per_rev"), [("outer_race", 3.585), ("inner_race", 5.415), ("rolling_element", 2 * 2.357)])
@pytest.mark.parametrize(("rate_hz", "shaft_hz"), [(8000.0, 24.5), (25600.0, 11.0), (192000.0, 49.0)])
def test_what_is_damaged_is_told_by_geometry_alone(
    record: Build, impacts: Impacts, machine: MachineConfig, part: str, per_rev: float, rate_hz: float, shaft_hz: float
) -> None:
    signal = impacts(rate_hz, shaft_hz * per_rev, resonance_hz=2500.0, height=8.0)
    found = read(record, machine.model_copy(update={"shaft_hz": shaft_hz}), signal, rate_hz)
    assert condition(found) == part


def test_a_slipping_cage_and_a_drive_off_its_name_plate_mislead_nobody(record: Build, impacts: Impacts, machine: MachineConfig) -> None:
    t_s = np.arange(20000) / 20000
    true_hz = 24.5 * 1.07
    turning = sum(0.5 * np.sin(2 * np.pi * n * true_hz * t_s) for n in (1, 2, 3))
    found = read(record, machine, impacts(20000.0, true_hz * 3.585 * 0.98, height=6.0) + turning, 20000.0)
    assert found["shaft_speed"].value == pytest.approx(true_hz, rel=0.01)
    assert found["shaft_deviation"].value == pytest.approx(7, abs=1)
    assert condition(found) == "outer_race"
    assert found["envelope_bpfo"].at_hz == pytest.approx(true_hz * 3.585 * 0.98, rel=0.01)


def test_a_pit_on_the_inner_ring_has_sidebands_as_it_turns_through_the_load(
    record: Build, impacts: Impacts, machine: MachineConfig
) -> None:
    t_s = np.arange(20000) / 20000
    noise = np.random.default_rng(6).normal(size=len(t_s))
    struck = impacts(20000.0, 24.5 * 5.415, height=8.0, seed=6) - noise
    loaded = struck * np.clip(np.sin(2 * np.pi * 24.5 * t_s), 0, None)
    steady, turning = (read(record, machine, noise + signal, 20000.0) for signal in (struck, loaded))
    assert condition(turning) == "inner_race"
    assert turning["sidebands_bpfi"].value > steady["sidebands_bpfi"].value + 6


def test_impacts_that_come_at_no_rate_speak_for_a_rolling_element_and_one_knock_does_not(record: Build, machine: MachineConfig) -> None:
    rng = np.random.default_rng(12)
    noise = rng.normal(size=20000)

    def struck(*starts: int) -> NDArray[np.float64]:
        signal = noise.copy()
        for start in starts:
            after = np.arange(200) / 20000
            signal[start : start + 200] += 25 * np.exp(-after * 600) * np.sin(2 * np.pi * 3000 * after)
        return signal

    assert condition(read(record, machine, struck(1000, 4100, 6650, 9000, 9700, 14000, 17777), 20000.0)) == "rolling_element"
    assert condition(read(record, machine, struck(9000), 20000.0)) == "sound"


def test_harmonics_of_the_shaft_are_no_damage(record: Build, machine: MachineConfig) -> None:
    bearing = BearingConfig(bpfo_per_rev=3.01, bpfi_per_rev=4.99)
    t_s = np.arange(20000) / 20000
    rubbing = np.random.default_rng(3).normal(size=len(t_s)) * (1 + 3 * (np.sin(2 * np.pi * 24.5 * t_s) > 0.95))
    found = read(record, machine.model_copy(update={"bearing": bearing}), rubbing, 20000.0)
    assert found["outer_race"].value < 0
    assert found["inner_race"].value < 0


def test_each_line_says_how_often_chance_reaches_it(record: Build, impacts: Impacts, machine: MachineConfig) -> None:
    damaged = read(record, machine, impacts(20000.0, 24.5 * 3.585, height=6.0), 20000.0)["envelope_bpfo"]
    assert damaged.usual is not None
    assert damaged.value > damaged.usual.high
    assert damaged.beyond_share == 0.0
    sound = read(record, machine, np.random.default_rng(4).normal(size=20000), 20000.0)["envelope_bpfo"]
    assert sound.beyond_share is not None
    assert sound.beyond_share > 0.02


def test_a_geometry_that_contradicts_the_speed_is_said(
    record: Build, impacts: Impacts, machine: MachineConfig, catalogue: Catalogue
) -> None:
    other = impacts(20000.0, 24.5 * 3.585 * 1.09, height=8.0)
    found = measure(record(housing=(other, 20000.0, "m/s2", "vibration")), machine)
    assert found["housing.geometry_deviation"].value == pytest.approx(9, abs=1)
    assert found["housing.outer_race"].value < 0
    strange = {item.measurement.kind for item in findings(found, Normal.fit([]), catalogue) if item.strength > 1}
    assert "geometry_deviation" in strange
    right = measure(record(housing=(impacts(20000.0, 24.5 * 3.585, height=8.0), 20000.0, "m/s2", "vibration")), machine)
    assert "housing.geometry_deviation" not in right


def test_a_margin_below_its_limit_is_no_finding_however_low_it_was_on_good_parts(
    record: Build, machine: MachineConfig, catalogue: Catalogue
) -> None:
    rng = np.random.default_rng(8)
    good = [measure(record(housing=(rng.normal(size=12800), 12800.0, "m/s2", "vibration")), machine) for _ in range(5)]
    normal = Normal.fit(good[:4])
    assert normal.range_of(good[4]["housing.outer_race"]) is not None
    margin = replace(good[4]["housing.outer_race"], value=-0.1)
    assert findings({margin.key: margin}, normal, catalogue)[0].strength == 0


def test_where_rates_coincide_the_sidebands_of_the_cage_tell_an_element_from_a_ring(record: Build, impacts: Impacts) -> None:
    bearing = BearingConfig(bpfo_per_rev=4.70, bpfi_per_rev=7.3, bsf_per_rev=2.36, ftf_per_rev=0.392)
    machine = MachineConfig(shaft_hz=24.5, bearing=bearing)
    t_s = np.arange(20000) / 20000
    noise = np.random.default_rng(1).normal(size=len(t_s))
    struck = impacts(20000.0, 24.5 * 4.71, height=10.0) - noise
    loaded = struck * np.clip(0.3 + np.cos(2 * np.pi * 24.5 * 0.392 * t_s), 0.05, None)
    assert condition(read(record, machine, noise + struck, 20000.0)) == "outer_race"
    assert condition(read(record, machine, noise + loaded, 20000.0)) == "rolling_element"
