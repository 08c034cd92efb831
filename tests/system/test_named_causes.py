"""What an operator says the true cause was moves the next diagnosis: command, store, catalogue, ranking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspector.cli import main
from inspector.commands.installation import open_catalogue, open_store
from inspector.config import MachineConfig
from inspector.diagnosis import Normal, diagnose, measure
from inspector.parts import Channel, Diagnosis, Inspection, ModelRef, PartRecord, Series, Trigger, Verdict

FAIL = Verdict("fail", 0.9, 0.5, ModelRef("test", "1", "0" * 64))
PARTS = 12


def part(number: int, warmer_k: float) -> PartRecord:
    t_s = np.arange(-60, 0, 0.5)
    values = 40 + warmer_k + np.random.default_rng(number).normal(0, 0.2, len(t_s))
    series = {"coolant_temp": Series((t_s * 1e9).astype(np.int64), values, "degC")}
    return PartRecord(Trigger("oven", f"p{number}", 0), {"coolant_temp": Channel("coolant_temp", "series", "degC")}, series=series)


@pytest.fixture(scope="module")
def normal() -> Normal:
    return Normal.fit(measure(part(number, 0.0), MachineConfig()) for number in range(100, 130))


@pytest.fixture
def told(tmp_path: Path, normal: Normal) -> Callable[[int], Diagnosis]:
    """Return how this installation diagnoses a part that is 2 K too warm, by what its people have taught it."""

    def tell(number: int) -> Diagnosis:
        with open_store(tmp_path) as store:
            catalogue = open_catalogue(store, tmp_path)
        return diagnose(part(number, 2.0), FAIL, machine=MachineConfig(), normal=normal, catalogue=catalogue)

    return tell


def chance(diagnosis: Diagnosis, name: str) -> float:
    return next(cause.probability for cause in diagnosis.causes if cause.name == name)


def test_a_cause_that_operators_name_becomes_likelier_where_its_symptoms_are_seen(
    tmp_path: Path, told: Callable[[int], Diagnosis], capsys: pytest.CaptureFixture[str]
) -> None:
    first = told(1)
    assert first.causes[0].name == "cooling_failure"
    assert all(cause.looked_for for cause in first.causes if cause.name in ("cooling_failure", "overheating"))
    with open_store(tmp_path) as store:
        for number in range(PARTS):
            store.add(Inspection(part(number, 2.0), FAIL, told(number)))
    for number in range(PARTS):
        assert main(["knowledge", "cause", f"p{number}", "overheating", "--who", "Li", "--home", str(tmp_path)]) == 0
    assert "p0: the cause was overheating / 过热" in capsys.readouterr().out
    after = told(1)
    assert after.causes[0].name == "overheating"
    assert chance(after, "overheating") > chance(first, "overheating") + 0.2
    # the symptoms still decide: a part on which nothing is seen is not called overheated
    with open_store(tmp_path) as store:
        catalogue = open_catalogue(store, tmp_path)
    quiet = part(200, 0.0)
    normal = Normal.fit(measure(part(number, 0.0), MachineConfig()) for number in range(100, 130))
    calm = diagnose(quiet, replace(FAIL, outcome="review"), machine=MachineConfig(), normal=normal, catalogue=catalogue)
    assert calm.causes[0].name == "not_measured"


@pytest.mark.parametrize(
    ("words", "said"),
    [(("p1", "overheatin"), "did you mean 'overheating'"), (("p99", "overheating"), "there is no part 'p99'")],
)
def test_a_cause_or_a_part_that_is_not_there_is_told(
    tmp_path: Path, words: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["knowledge", "cause", *words, "--home", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
