from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.config import BearingConfig, MachineConfig
from inspector.diagnosis import Catalogue, Normal, diagnose, measure
from inspector.parts import NOT_MEASURED, Cause, Defect, Diagnosis, Evidence, ModelRef, PartRecord, Verdict

Build = Callable[..., PartRecord]
Impacts = Callable[..., NDArray[np.float64]]
REF = ModelRef("test", "1", "0" * 64)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SLOW_S = np.arange(-60, 0.1, 0.5)


def line(build: Build, rng: np.random.Generator, **faults: NDArray[np.float64]) -> PartRecord:
    """Return a part of a small line: sound, vibration and four slow channels, each with a fault added where one is given."""
    t_s, fast_s = np.arange(16000) / 16000, np.arange(-2, 0.1, 0.005)
    sound = rng.normal(0, 0.02, 16000) + 0.02 * np.sin(2 * np.pi * 150 * t_s)
    vibration = rng.normal(0, 0.3, 16000) + 0.2 * np.sin(2 * np.pi * 24.5 * t_s + rng.uniform(0, 6))

    def with_fault(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values + faults.get(name, 0.0)

    return build(
        mic=(with_fault("mic", sound), 16000.0, "FS", "audio"),
        gearbox=(with_fault("gearbox", vibration), 16000.0, "m/s2", "vibration"),
        drive_current=(fast_s, with_fault("drive_current", 4 + rng.normal(0, 0.05, len(fast_s))), "A"),
        conveyor_speed=(fast_s, with_fault("conveyor_speed", 0.25 + rng.normal(0, 0.001, len(fast_s))), "m/s"),
        coolant=(SLOW_S, with_fault("coolant", 22 + rng.normal(0, 0.1, len(SLOW_S))), "degC"),
        air_supply=(SLOW_S, with_fault("air_supply", 6 + rng.normal(0, 0.03, len(SLOW_S))), "bar"),
    )


@pytest.fixture
def faults(impacts: Impacts) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return what each cause adds to which channel."""
    t_s, fast_s = np.arange(16000) / 16000, np.arange(-2, 0.1, 0.005)
    slip = (np.sin(2 * np.pi * 31 * fast_s) + 1) * (fast_s > -1.5)
    hiss = np.fft.rfft(np.random.default_rng(8).normal(size=16000))
    hz = np.fft.rfftfreq(16000, 1 / 16000)
    return {
        "bearing_wear": {"gearbox": impacts(16000.0, 24.5 * 3.585, height=2.0) * 0.4},
        "imbalance": {"gearbox": 1.2 * np.sin(2 * np.pi * 24.6 * t_s)},
        "belt_slip": {"drive_current": 0.4 * slip, "conveyor_speed": -0.02 * slip},
        "cooling_failure": {"coolant": 0.25 * np.clip(SLOW_S + 40, 0, None)},
        "low_air_pressure": {
            "air_supply": -1.2 * (SLOW_S > -20),
            "mic": np.fft.irfft(np.where((hz > 3000) & (hz < 7000), hiss, 0)) * 0.08,
        },
    }


@pytest.fixture(scope="module")
def normal(record: Build, machine: MachineConfig) -> Normal:
    rng = np.random.default_rng(10)
    return Normal.fit(measure(line(record, rng), machine) for _ in range(60))


CAUSES = ("bearing_wear", "imbalance", "belt_slip", "cooling_failure", "low_air_pressure")


@pytest.mark.parametrize("cause", CAUSES)
def test_each_fault_is_named_with_its_evidence_on_a_line_nobody_trained(
    record: Build,
    machine: MachineConfig,
    normal: Normal,
    catalogue: Catalogue,
    undecided: Verdict,
    faults: dict[str, dict[str, NDArray[np.float64]]],
    cause: str,
) -> None:
    part = line(record, np.random.default_rng(99), **faults[cause])
    diagnosis = diagnose(part, undecided, machine=machine, normal=normal, catalogue=catalogue)
    assert diagnosis.causes[0].name == cause
    assert diagnosis.causes[0].probability > 0.6
    assert {item.channel for item in diagnosis.causes[0].evidence} <= set(faults[cause])
    assert all(item.strength > 0 for item in diagnosis.causes[0].evidence)
    assert_whole(diagnosis)


def test_a_good_part_has_no_measured_cause(record: Build, machine: MachineConfig, normal: Normal, catalogue: Catalogue) -> None:
    verdict = Verdict("pass", 0.01, 0.5, REF)
    part = line(record, np.random.default_rng(77))
    diagnosis = diagnose(part, verdict, machine=machine, normal=normal, catalogue=catalogue)
    assert diagnosis.causes[0].name == NOT_MEASURED
    assert "no cause was measured" in diagnosis.conclusion.en
    assert "未测得原因" in diagnosis.conclusion.zh
    assert diagnosis.next_test is None
    assert_whole(diagnosis)


def test_a_bearing_that_nobody_trained_is_diagnosed_by_physics_alone(
    record: Build, impacts: Impacts, catalogue: Catalogue, undecided: Verdict
) -> None:
    bearing = BearingConfig.from_geometry(balls=8, ball_mm=12.7, pitch_mm=58.0)
    machine = MachineConfig(shaft_hz=41.0, bearing=bearing)
    part = record(pump=(impacts(25600.0, 41.0 * bearing.bpfi_per_rev, resonance_hz=7000.0), 25600.0, "g", "vibration"))
    diagnosis = diagnose(part, undecided, machine=machine, normal=Normal(), catalogue=catalogue)
    first = diagnosis.causes[0]
    assert first.name == "bearing_wear"
    line_of_the_race = next(item for item in first.evidence if item.kind == "envelope_bpfi")
    assert "inner race (BPFI)" in line_of_the_race.text.en
    found = re.search(r"at (\d+\.\d) Hz", line_of_the_race.text.en)
    assert found is not None
    assert float(found[1]) == pytest.approx(41.0 * bearing.bpfi_per_rev, rel=0.01)
    assert_whole(diagnosis)


def test_a_healthy_bearing_without_history_is_not_accused(
    record: Build, machine: MachineConfig, catalogue: Catalogue, undecided: Verdict
) -> None:
    noise = np.random.default_rng(5).normal(size=12800)
    part = record(housing=(noise, 12800.0, "m/s2", "vibration"))
    diagnosis = diagnose(part, undecided, machine=machine, normal=Normal(), catalogue=catalogue)
    assert diagnosis.causes[0].name == NOT_MEASURED


def test_a_missing_channel_speaks_neither_for_nor_against(
    record: Build,
    machine: MachineConfig,
    normal: Normal,
    catalogue: Catalogue,
    undecided: Verdict,
    faults: dict[str, dict[str, NDArray[np.float64]]],
) -> None:
    part = line(record, np.random.default_rng(99), **faults["low_air_pressure"])
    deaf = replace(part, waveforms={name: signal for name, signal in part.waveforms.items() if name != "mic"})
    diagnosis = diagnose(deaf, undecided, machine=machine, normal=normal, catalogue=catalogue)
    assert diagnosis.causes[0].name == "low_air_pressure"
    assert all(item.channel != "mic" for cause in diagnosis.causes for item in (*cause.evidence, *cause.against))


def test_only_causes_that_a_channel_could_hear_take_part(record: Build, catalogue: Catalogue, undecided: Verdict) -> None:
    part = record(oven=(SLOW_S, 200 + 0 * SLOW_S, "degC"))
    diagnosis = diagnose(part, undecided, machine=MachineConfig(), normal=Normal(), catalogue=catalogue)
    names = {cause.name for cause in diagnosis.causes}
    assert "overheating" in names
    assert not names & {"bearing_wear", "lens_dirt", "low_air_pressure", "belt_slip"}


def test_the_network_is_a_witness_and_may_know_causes_that_the_catalogue_does_not(
    record: Build, machine: MachineConfig, normal: Normal, catalogue: Catalogue
) -> None:
    head = {"none": 0.05, "gremlins": 0.9, "belt_slip": 0.05}
    verdict = Verdict("fail", 0.97, 0.5, REF, (Defect("scratch", 0.9),), cause_probabilities=head)
    part = line(record, np.random.default_rng(50))
    diagnosis = diagnose(part, verdict, machine=machine, normal=normal, catalogue=catalogue)
    assert diagnosis.causes[0].name == "gremlins"
    assert diagnosis.causes[0].title.en == "gremlins"
    assert not diagnosis.causes[0].evidence
    assert "no symptom of it was measured" in diagnosis.conclusion.en
    assert_whole(diagnosis)


def test_the_kind_of_defect_decides_between_causes_that_nobody_measured(
    record: Build, machine: MachineConfig, normal: Normal, catalogue: Catalogue
) -> None:
    part = line(record, np.random.default_rng(51))

    def chance(kind: str) -> float:
        verdict = Verdict("fail", 0.97, 0.5, REF, (Defect(kind, 0.9),))
        diagnosis = diagnose(part, verdict, machine=machine, normal=normal, catalogue=catalogue)
        return next(cause.probability for cause in diagnosis.causes if cause.name == "belt_slip")

    assert chance("scratch") > 3 * chance("discoloration")


def test_the_conclusion_says_what_where_when_and_how_much(
    record: Build,
    machine: MachineConfig,
    normal: Normal,
    catalogue: Catalogue,
    faults: dict[str, dict[str, NDArray[np.float64]]],
) -> None:
    scratch = Defect("scratch", 0.9, "camera", (100, 200, 300, 20))
    verdict = Verdict("fail", 0.97, 0.5, REF, (scratch,))
    part = line(record, np.random.default_rng(99), **faults["belt_slip"])
    conclusion = diagnose(part, verdict, machine=machine, normal=normal, catalogue=catalogue).conclusion
    assert conclusion.en.startswith("Scratch along the belt, caused by belt slip")
    assert re.search(
        r"since 1\.\d s before the part \(drive current ripple 0\.\d+ A at 3[01]\.\d Hz, normally up to 0\.\d+ A; ", conclusion.en
    )
    assert re.match(r"沿输送方向的划痕，由皮带打滑引起，自工件到位前 1\.\d 秒起（", conclusion.zh)
    assert "before" not in conclusion.zh


def test_a_passing_part_with_a_fault_under_way_is_a_warning(
    record: Build,
    machine: MachineConfig,
    normal: Normal,
    catalogue: Catalogue,
    faults: dict[str, dict[str, NDArray[np.float64]]],
) -> None:
    part = line(record, np.random.default_rng(99), **faults["cooling_failure"])
    conclusion = diagnose(part, Verdict("pass", 0.02, 0.5, REF), machine=machine, normal=normal, catalogue=catalogue).conclusion
    assert conclusion.en.startswith("No defect, but cooling failure is under way (coolant reading 3")
    assert "°C" in conclusion.en
    assert "degC" not in conclusion.en + conclusion.zh


def test_a_dark_picture_is_the_fault_of_the_station(record: Build, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(12)

    def picture(gain: float) -> PartRecord:
        return record(camera=(gain * (120 + rng.normal(0, 10, (120, 160)) + rng.normal(0, 3))).astype(np.uint8))

    normal = Normal.fit(measure(picture(1.0), MachineConfig()) for _ in range(40))
    verdict = Verdict("review", 0.5, 0.5, REF, quality={"camera": 0.3}, degraded={"camera": "too dark"})
    diagnosis = diagnose(picture(0.3), verdict, machine=MachineConfig(), normal=normal, catalogue=catalogue)
    assert diagnosis.causes[0].name == "light_failure"
    assert "the station needs care" in diagnosis.conclusion.en
    assert_whole(diagnosis)


def test_two_causes_close_together_come_with_the_test_between_them(
    record: Build, machine: MachineConfig, normal: Normal, catalogue: Catalogue
) -> None:
    head = {"none": 0.02, "bearing_wear": 0.49, "imbalance": 0.49}
    verdict = Verdict("fail", 0.97, 0.5, REF, (Defect("chatter_mark", 0.9),), cause_probabilities=head)
    diagnosis = diagnose(line(record, np.random.default_rng(3)), verdict, machine=machine, normal=normal, catalogue=catalogue)
    assert {cause.name for cause in diagnosis.causes[:2]} == {"bearing_wear", "imbalance"}
    assert diagnosis.next_test is not None
    assert diagnosis.next_test.en == "listen at the bearing housing with a stethoscope (3 min)"


def test_nothing_at_all_still_gives_a_diagnosis(record: Build, catalogue: Catalogue, undecided: Verdict) -> None:
    diagnosis = diagnose(record(), undecided, machine=MachineConfig(), normal=Normal(), catalogue=catalogue)
    assert [cause.name for cause in diagnosis.causes] == [NOT_MEASURED]
    assert_whole(diagnosis)


def assert_whole(diagnosis: Diagnosis) -> None:
    """Check what holds of every diagnosis: sums, order, both languages, and that the texts say the fields' numbers."""
    chances = {cause.name: cause.probability for cause in diagnosis.causes}
    assert all(0 <= chance <= 1 + 1e-9 for chance in chances.values())
    assert (
        max(chance for name, chance in chances.items() if name != NOT_MEASURED or len(chances) == 1)
        + (chances[NOT_MEASURED] if len(chances) > 1 else 0)
        <= 1 + 1e-9
    )
    assert sum(chances.values()) >= 1 - 1e-9
    assert all(pair.probability <= min(chances[name] for name in pair.causes) + 1e-9 for pair in diagnosis.together)
    assert [cause.probability for cause in diagnosis.causes] == sorted((c.probability for c in diagnosis.causes), reverse=True)
    assert NOT_MEASURED in {cause.name for cause in diagnosis.causes}
    assert diagnosis.conclusion.en
    assert CHINESE.search(diagnosis.conclusion.zh)
    assert not CHINESE.search(diagnosis.conclusion.en)
    for cause in diagnosis.causes:
        for item in evidence(cause):
            assert not CHINESE.search(item.text.en)
            assert CHINESE.search(item.text.zh)
            for text in (item.text.en, item.text.zh):
                assert_says(text, item.measured)
                for bound in (item.expected_low, item.expected_high):
                    if bound is not None:
                        assert_says(text, bound)


def evidence(cause: Cause) -> tuple[Evidence, ...]:
    return (*cause.evidence, *cause.against)


def assert_says(text: str, value: float) -> None:
    """Check that `value`, rounded to as many decimals as are written, stands in the text."""
    written = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", text)
    assert any(abs(float(token) - value) <= 0.5001 * 10.0 ** -len(token.partition(".")[2]) for token in written), (text, value)
