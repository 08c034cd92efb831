from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inspector.config import Station, validated
from inspector.errors import ConfigError
from inspector.machine import BearingConfig, BeltConfig, MachineConfig


def test_a_6205_has_the_ratios_of_its_data_sheet() -> None:
    bearing = BearingConfig.from_geometry(balls=9, ball_mm=7.94, pitch_mm=39.04)
    assert bearing.bpfo_per_rev == pytest.approx(3.585, abs=0.001)
    assert bearing.bpfi_per_rev == pytest.approx(5.415, abs=0.001)
    assert bearing.bsf_per_rev == pytest.approx(2.357, abs=0.001)
    assert bearing.ftf_per_rev == pytest.approx(0.398, abs=0.001)


def test_the_ratios_of_both_rings_give_the_others() -> None:
    bearing = BearingConfig.model_validate({"bpfo_per_rev": 3.585, "bpfi_per_rev": 5.415})
    assert bearing.bsf_per_rev == pytest.approx(2.357, abs=0.002)
    assert bearing.ftf_per_rev == pytest.approx(0.398, abs=0.001)


def test_a_turning_outer_ring_drives_the_cage_faster() -> None:
    geometry = {"balls": 9, "ball_mm": 7.94, "pitch_mm": 39.04}
    inner, outer = (BearingConfig.model_validate(geometry | {"turning": ring}) for ring in ("inner", "outer"))
    assert outer.ftf_per_rev == pytest.approx(1 - inner.ftf_per_rev)
    assert outer.bpfo_per_rev == inner.bpfo_per_rev


SIZES = {"balls": 9, "ball_mm": 7.94, "pitch_mm": 39.04}


@pytest.mark.parametrize(
    ("bearing", "said"),
    [
        ({"balls": 9}, "needs balls, ball_mm and pitch_mm"),
        (SIZES | {"pitch_mm": 19.52}, "do not fit .* radius"),
        (SIZES | {"bpfo_per_rev": 3.2}, "bpfo_per_rev 3.2 contradicts the geometry, which gives 3.585"),
        ({"bpfo_per_rev": 87.8, "bpfi_per_rev": 132.6}, "look like Hz"),
        ({"bpfo_per_rev": 3.6, "bpfi_per_rev": 5.4, "ftf_per_rev": 1.2}, "a cage turns slower"),
        ({"bpfo_per_rev": 3.6}, "bpfi_per_rev"),
        (SIZES | {"rollers": 9}, "unknown key 'rollers'"),
        (SIZES | {"contact_deg": 95}, "contact_deg"),
        (SIZES | {"balls": float("nan")}, "balls"),
    ],
)
def test_a_bearing_that_cannot_be_is_refused_with_the_reason(bearing: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        validated(MachineConfig, {"bearing": bearing}, Path("station.yaml"))


def test_a_belt_shorter_than_its_pulley_is_refused() -> None:
    assert BeltConfig(pulley_mm=100, length_mm=1000).per_rev == pytest.approx(0.314, abs=0.001)
    with pytest.raises(ConfigError, match="does not reach once round"):
        validated(MachineConfig, {"belt": {"pulley_mm": 100, "length_mm": 300}}, Path("station.yaml"))


STATION: dict[str, Any] = {
    "station": "press",
    "title": {"en": "press", "zh": "压机"},
    "trigger": {"driver": "timer"},
    "channels": {
        "spindle_speed": {"modality": "series", "driver": "x", "unit": "rpm", "window": {"pre_s": 1, "post_s": 0}},
        "mic": {"modality": "audio", "driver": "x", "window": {"pre_s": 1, "post_s": 0}},
    },
}


def test_a_measured_speed_is_a_series_of_the_station() -> None:
    station = validated(Station, STATION | {"machine": {"shaft_channel": "spindle_speed"}}, Path("press.yaml"))
    assert station.machine.shaft_channel == "spindle_speed"
    for wrong in ("mic", "elsewhere"):
        with pytest.raises(ConfigError, match=f"'{wrong}' is no series of this station"):
            validated(Station, STATION | {"machine": {"shaft_channel": wrong}}, Path("press.yaml"))
