"""What defects go with, over parts whose process values are made here."""

from dataclasses import replace

import numpy as np
import pytest

from inspector.home import Home
from inspector.root_causes import associations, leaders, over_time
from inspector.store import Store

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.delenv("INSPECTOR_DATABASE_URL", raising=False)
    with Store.open(Home.at(tmp_path)) as opened:
        yield opened


def warmer(inspection, by):
    """Return the part with its motor warmer, and nothing but series, as nothing else is looked at here."""
    series = dict(inspection.record.series)
    series["motor_temp"] = replace(series["motor_temp"], values=series["motor_temp"].values + by)
    return replace(inspection, record=replace(inspection.record, frames={}, waveforms={}, series=series), heat_maps=(), good_parts=())


def fill(store, made_line):
    for number in range(20):
        fault = made_line.FAULTS[0] if number % 2 else None
        made = made_line.inspection(number, fault=fault, wall_utc_ns=(1 + number) * HOUR_NS)
        store.add(warmer(made, 2.0 if fault else 0.0))
    return list(reversed(store.recent(limit=100)))


def test_a_value_that_differs_is_found_and_others_are_not(store, made_line):
    parts = fill(store, made_line)
    found = associations(store, parts)
    assert {one.channel for one in found[:2]} == {"motor_temp", "belt_speed"}  # the belt dips where it slips
    warm = next(one for one in found if one.channel == "motor_temp")
    assert (warm.unit, warm.higher_share) == ("degC", 1.0)
    assert warm.defective[1] - warm.passed[1] == pytest.approx(2, abs=0.1)
    assert warm.chance < 0.01
    assert all(one.chance > 0.05 for one in found if one.channel in ("air_pressure", "press_force"))
    assert associations(store, parts, "burr") == []


def test_causes_are_counted_over_time(store, made_line):
    parts = fill(store, made_line)
    slots = over_time(parts, HOUR_NS, 21 * HOUR_NS, slots=10)
    assert [slot.parts for slot in slots] == [2] * 10
    assert all(slot.causes == {"belt_slip": 1} for slot in slots)
    assert np.all(np.diff([slot.start_utc_ns for slot in slots]) == 2 * HOUR_NS)


def test_the_channel_that_began_is_told(store, made_line):
    parts = fill(store, made_line)
    assert leaders(store, parts) == {"belt_slip": {"motor_current": 10}}
