"""What a diagnosis claims holds when other code looks at the recording again, and the checker sees a lie."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from inspector.config import MachineConfig, read_yaml
from inspector.diagnosis import Catalogue, Normal, diagnose, measure
from inspector.document import inspection_document
from inspector.home import shipped
from inspector.parts import Defect, Inspection, ModelRef, PartRecord, Verdict
from tests.bench.checker import Checked, check

Build = Callable[..., PartRecord]
FAST_S, SLOW_S = np.arange(-2, 0.1, 0.005), np.arange(-60, 0.1, 0.5)
CATALOGUE = read_yaml(shipped("data/knowledge/causes.yaml"))
FAIL = Verdict("fail", 0.97, 0.5, ModelRef("test", "1", "0" * 64), (Defect("scratch", 0.9, "camera", (0, 0, 200, 10)),))


def part(build: Build, seed: int, slip: float = 0.0, warm: float = 0.0) -> PartRecord:
    rng = np.random.default_rng(seed)
    bouts = slip * (np.sin(2 * np.pi * 31 * FAST_S) + 1) * (FAST_S > -1.5)
    return build(
        mic=(rng.normal(0, 0.02, 16000), 16000.0, "FS", "audio"),
        gearbox=(rng.normal(0, 0.3, 16000), 16000.0, "m/s2", "vibration"),
        drive_current=(FAST_S, 4 + rng.normal(0, 0.05, len(FAST_S)) + 0.4 * bouts, "A"),
        coolant=(SLOW_S, 22 + rng.normal(0, 0.1, len(SLOW_S)) + warm * np.clip(SLOW_S + 40, 0, None), "degC"),
    )


@pytest.fixture(scope="module")
def normal(record: Build, machine: MachineConfig) -> Normal:
    return Normal.fit(measure(part(record, seed), machine) for seed in range(40))


@pytest.fixture(scope="module", params=[(1.0, 0.0), (0.0, 0.25), (1.0, 0.25), (0.0, 0.0)], ids=["slip", "warm", "both", "neither"])
def told(request: pytest.FixtureRequest, record: Build, machine: MachineConfig, normal: Normal, catalogue: Catalogue) -> Any:
    broken = part(record, 99, *request.param)
    diagnosis = diagnose(broken, FAIL, machine=machine, normal=normal, catalogue=catalogue)
    return broken, inspection_document(Inspection(broken, FAIL, diagnosis))


def checked(told: Any, machine: MachineConfig, normal: Normal, document: dict[str, Any] | None = None) -> Checked:
    return check(told[1] if document is None else document, told[0], machine, CATALOGUE, normal.to_dict())


def test_everything_that_is_said_holds(told: Any, machine: MachineConfig, normal: Normal) -> None:
    found = checked(told, machine, normal)
    assert found.faults == []
    assert found.unknown == 0


@pytest.mark.parametrize(
    ("field", "lie", "word"),
    [
        ("measured", lambda value: 30 * value, "the recording gives"),
        ("start_s", lambda value: value - 1.0, ""),
        ("rule", lambda _: "tool_wear.symptoms.0", "none of this cause"),
        ("expected_high", lambda value: 20 * value, ""),
        ("text", lambda text: {language: said.replace("1", "7") for language, said in text.items()}, "the words"),
    ],
)
def test_a_lie_is_seen(told: Any, machine: MachineConfig, normal: Normal, field: str, lie: Callable[[Any], Any], word: str) -> None:
    document = copy.deepcopy(told[1])
    items = [item for cause in document["causes"] if cause["name"] != "not_measured" for item in cause["evidence"]]
    if not items:
        pytest.skip("nothing is claimed of this part")
    items[0][field] = lie(items[0][field])
    faults = checked(told, machine, normal, document).faults
    assert faults
    assert any(word in fault for fault in faults)
