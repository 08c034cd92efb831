"""A station on its first day: the machine's geometry is known, nothing was learnt, and a worn bearing is told by physics, with evidence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inspector.config import BearingConfig, MachineConfig, read_yaml
from inspector.diagnosis import Catalogue, Normal, diagnose
from inspector.document import inspection_document
from inspector.home import shipped
from inspector.parts import Defect, Inspection, ModelRef, PartRecord, Verdict
from tests.bench.checker import check
from tests.bench.made_up_bearings import MadeUp, made_up

FAIL = Verdict("fail", 0.9, 0.5, ModelRef("test", "1", "0" * 64), (Defect("chatter_mark", 0.9, "camera", (0, 0, 60, 60)),))
WORDS = {
    "outer_race": ("bearing wear at the outer race", "轴承外圈磨损"),
    "inner_race": ("bearing wear at the inner race", "轴承内圈磨损"),
    "rolling_element": ("bearing wear at a rolling element", "轴承滚动体磨损"),
}
SIGNALS = [signal for signal in made_up(20, 7) if signal.condition in WORDS and signal.rate_hz in (8000.0, 51_200.0)]


@pytest.mark.parametrize("signal", SIGNALS, ids=[f"{signal.condition}, {signal.rate_hz:.0f} Hz" for signal in SIGNALS])
def test_which_part_of_the_bearing_is_worn_is_said_with_evidence_that_holds(
    record: Callable[..., PartRecord], catalogue: Catalogue, signal: MadeUp
) -> None:
    part = record(spindle_vibration=(signal.samples, signal.rate_hz, "m/s2", "vibration"))
    found = diagnose(part, FAIL, machine=signal.machine, normal=Normal(), catalogue=catalogue)
    cause, (en, zh) = found.causes[0], WORDS[signal.condition]
    assert (cause.name, cause.title.en, cause.title.zh) == ("bearing_wear", en, zh)
    assert cause.probability > 0.5
    assert cause.evidence[0].kind == signal.condition
    assert f"caused by {en} (spindle vibration" in found.conclusion.en
    assert f"由{zh}引起（主轴振动" in found.conclusion.zh
    assert found.report is not None
    assert en in found.report.en.lower()
    assert zh in found.report.zh
    document = inspection_document(Inspection(part, FAIL, found))
    checked = check(document, part, signal.machine, read_yaml(shipped("data/knowledge/causes.yaml")), Normal().to_dict())
    assert (checked.faults, checked.unknown) == ([], 0)


def test_another_bearing_than_the_declared_one_is_suspected_and_its_number_is_to_be_read(
    record: Callable[..., PartRecord], impacts: Callable[..., object], catalogue: Catalogue
) -> None:
    declared = BearingConfig.from_geometry(balls=9, ball_mm=7.94, pitch_mm=39.04)
    machine = MachineConfig(shaft_hz=24.5, bearing=declared)
    part = record(spindle_vibration=(impacts(20000.0, 24.5 * declared.bpfo_per_rev * 1.09, height=8.0), 20000.0, "m/s2", "vibration"))
    found = diagnose(part, FAIL, machine=machine, normal=Normal(), catalogue=catalogue)
    assert found.causes[0].title.en == "bearing wear"
    assert found.report is not None
    assert "wrong bearing or speed in the station file" in found.report.en
    assert "工位文件中的轴承或转速有误" in found.report.zh
    assert found.next_test is not None
    assert found.next_test.en.startswith("compare the number on the bearing with the station file")
