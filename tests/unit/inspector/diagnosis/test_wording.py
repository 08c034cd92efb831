from __future__ import annotations

import re

import numpy as np
import pytest

from inspector.config import MachineConfig
from inspector.diagnosis import Catalogue, measure
from inspector.diagnosis.wording import channel_title, decimals_for, defect_phrase, kind_title, number, unit_text, when_text
from inspector.parts import Defect

SLOW_S = np.arange(240) / 4 - 60
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_kind_that_is_measured_has_words_in_both_languages(record, machine: MachineConfig) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    part = record(
        mic=(rng.normal(size=48000), 48000.0, "FS", "audio"),
        temp=(np.arange(-60, 0, 0.02), rng.normal(size=3000), "degC"),
        load=(SLOW_S, np.repeat([0.0, 3.0, 0.0, 3.0], 60) + rng.normal(0, 0.05, 240), "kW"),
        flow=(SLOW_S, np.where(SLOW_S > -40, 6 * (1 - np.exp(-(SLOW_S + 40) / 8)), 0) + rng.normal(0, 0.05, 240), "l/min"),
        valve=(SLOW_S[::-1], np.interp(SLOW_S - 2, SLOW_S, np.repeat([0.0, 3.0, 0.0, 3.0], 60))[::-1], "%"),
        camera=rng.integers(0, 255, (100, 100), dtype=np.uint8),
    )
    found = {**measure(part, machine), **measure(part, MachineConfig(regime=("load",)))}
    assert {"onset", "onset_lag", "lag", "jump", "bend", "time_constant", "gap", "disorder"} <= {item.kind for item in found.values()}
    assert len({item.kind for item in found.values()}) > 60
    for item in found.values():
        title = kind_title(item.kind)
        assert CHINESE.search(title.zh), item.kind
        assert not CHINESE.search(title.en), item.kind
        assert "_" not in title.en, item.kind


def test_channels_are_said_in_chinese_where_each_piece_is_known(catalogue: Catalogue) -> None:
    assert channel_title("motor_current", catalogue).zh == "电机电流"
    assert channel_title("motor_current", catalogue).en == "motor current"
    assert channel_title("TS1", catalogue).zh == "TS1"


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "said"),
    [
        (0.8213, 0.05, 0.12, "A", "0.821"),
        (43.27, 21.0, 24.0, "degC", "43.3"),
        (14.22, 0.8, 5.1, "dB", "14.2"),
        (47312.0, 40000.0, 50000.0, "N", "47312"),
        (-0.0001, 0.0, 3.0, "A", "0.0"),
        (5.0, None, None, "bar", "5.00"),
    ],
)
def test_numbers_have_as_many_digits_as_say_something(value: float, low: float | None, high: float | None, unit: str, said: str) -> None:
    assert number(value, decimals_for(value, low, high, unit)) == said


def test_units_are_written_as_people_write_them() -> None:
    assert [unit_text(unit) for unit in ("degC", "degC/min", "m/s2", "m/s2/min", "m/s", "bar", "")] == [
        " °C",
        " °C/min",
        " m/s²",
        " m/s²/min",
        " m/s",
        " bar",
        "",
    ]


@pytest.mark.parametrize(
    ("box_px", "belt_deg", "said"),
    [
        ((0, 0, 100, 10), 0.0, "scratch along the belt"),
        ((0, 0, 100, 10), 90.0, "scratch across the belt"),
        ((0, 0, 20, 20), 0.0, "scratch"),
        ((0, 0, 100, 10), 45.0, "scratch"),
        (None, 0.0, "scratch"),
        ((0, 0, 0, 0), 0.0, "scratch"),
    ],
)
def test_a_scratch_has_a_direction_where_its_box_has_one(
    catalogue: Catalogue, box_px: tuple[int, int, int, int] | None, belt_deg: float, said: str
) -> None:
    machine = MachineConfig(belt_direction_deg=belt_deg)
    assert defect_phrase(Defect("scratch", 0.9, "camera", box_px), machine, catalogue).en == said


def test_times_are_told_from_the_part(record, machine: MachineConfig) -> None:  # type: ignore[no-untyped-def]
    t_s = np.arange(-60, 0.05, 0.5)
    found = measure(record(air=(t_s, np.where(t_s < -12, 6.0, 5.0), "bar")), machine)
    assert when_text(found["air.step"]).en == "from 12.0 s before the part"
    assert when_text(found["air.slope"]).en == "in the 60 s around the part"
    assert when_text(found["air.slope"]).zh == "工件前后 60 秒内"
