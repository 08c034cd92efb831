from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.config import MachineConfig
from inspector.diagnosis import Catalogue, Normal, measure
from inspector.diagnosis.findings import findings
from inspector.parts import PartRecord

Build = Callable[..., PartRecord]
Impacts = Callable[..., NDArray[np.float64]]


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


def test_what_is_wrong_with_the_signal_is_said_and_stands_out_of_its_limits(
    record: Build, machine: MachineConfig, catalogue: Catalogue
) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    gaps = np.where(np.arange(16000) % 10 == 0, np.nan, tone)
    cases = {"missing_samples": (gaps, 10.0), "clipped_samples": (np.clip(2 * tone, -1, 1), 66.7)}
    cases["loudness"] = (np.zeros(16000), -140.0)
    for kind, (samples, value) in cases.items():
        odd, whole = (measure(record(mic=(x, 16000.0, "FS", "audio")), machine) for x in (samples, tone))
        assert odd[f"mic.{kind}"].value == pytest.approx(value, rel=0.02)
        beyond = {item.measurement.kind for item in findings(odd, Normal.fit([]), catalogue) if item.strength > 0}
        assert kind in beyond
        assert kind not in {item.measurement.kind for item in findings(whole, Normal.fit([]), catalogue) if item.strength > 0}


def test_nothing_but_gaps_says_so(record: Build, machine: MachineConfig) -> None:
    found = measure(record(mic=(np.full(16000, np.nan), 16000.0, "FS", "audio")), machine)
    assert {item.kind: item.value for item in found.values()} == {"missing_samples": 100.0, "duration": 1.0}


def test_one_sample_says_that_it_is_one_and_nothing_else(record: Build, machine: MachineConfig, catalogue: Catalogue) -> None:
    found = measure(record(mic=(np.array([0.3]), 16000.0, "FS", "audio")), machine)
    assert {item.kind for item in found.values()} == {"missing_samples", "duration", "loudness"}
    assert "duration" in {item.measurement.kind for item in findings(found, Normal.fit([]), catalogue) if item.strength > 0}


def test_a_quiet_signal_of_few_levels_is_not_clipped(record: Build, machine: MachineConfig) -> None:
    coarse = np.round(np.random.default_rng(3).normal(0, 3, 16000)) / 32768
    assert measure(record(mic=(coarse, 16000.0, "FS", "audio")), machine)["mic.clipped_samples"].value == 0
