from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inspector.config import MachineConfig
from inspector.diagnosis import Catalogue, History, Normal, diagnose, measure
from inspector.parts import NOT_MEASURED, Cause, Channel, PartRecord, Series, Trigger, Verdict

S_NS = 1_000_000_000
HOUR_S = 3600
Build = Callable[..., PartRecord]


def an_hour(rise_degc: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (t_ns, load in kW, oil in degC): the oil follows the load at once, and rises over the last five minutes."""
    rng = np.random.default_rng(1)
    t_s = np.arange(0, HOUR_S, 0.5)
    load = np.repeat(rng.integers(0, 3, 30), 240) * 1.0
    oil = 40 + 3 * load + rng.normal(0, 0.3, len(t_s)) + rise_degc * np.clip((t_s - 3300) / 300, 0, 1)
    return (t_s * S_NS).astype(np.int64), load, oil


def recorded(t_ns: np.ndarray, load: np.ndarray, oil: np.ndarray) -> History:
    history = History()
    history.add_samples("load", t_ns, load, "kW")
    history.add_samples("oil", t_ns, oil, "degC")
    return history


def test_an_excursion_is_held_against_the_past_at_like_load() -> None:
    history = recorded(*an_hour(6.0))
    blind, knowing = history.measure(HOUR_S * S_NS)["oil.long_excursion"], history.measure(HOUR_S * S_NS, ("load",))["oil.long_excursion"]
    assert knowing.usual is not None
    assert blind.usual is not None
    assert knowing.value == pytest.approx(5.3, abs=0.6)
    assert knowing.usual.reach(knowing.value) > 2 > abs(blind.usual.reach(blind.value))
    assert knowing.beyond_share == 0
    quiet = recorded(*an_hour()).measure(HOUR_S * S_NS, ("load",))["oil.long_excursion"]
    assert quiet.usual is not None
    assert abs(quiet.usual.reach(quiet.value)) < 1.2


def test_a_load_that_the_past_does_not_know_gives_no_excursion() -> None:
    t_ns, load, oil = an_hour()
    load[-400:] = 9.0
    assert "oil.long_excursion" not in recorded(t_ns, load, oil).measure(HOUR_S * S_NS, ("load",))


def test_a_stream_with_late_and_repeated_samples_finds_what_the_recording_finds() -> None:
    t_ns, load, oil = an_hour(6.0)
    recording, stream = recorded(t_ns, load, oil), History()
    order = np.random.default_rng(2).permutation(np.r_[np.arange(len(t_ns)), np.arange(0, len(t_ns), 5)])
    for some in np.array_split(order, 200):
        stream.add_samples("load", t_ns[some], load[some], "kW")
        stream.add_samples("oil", t_ns[some], oil[some], "degC")
        stream.measure(int(t_ns[some].max()))
    assert stream.to_dict() == recording.to_dict()
    assert stream.measure(HOUR_S * S_NS, ("load",)) == recording.measure(HOUR_S * S_NS, ("load",))
    kept = np.random.default_rng(3).random(len(t_ns)) > 0.5
    missing = recorded(t_ns[kept], load[kept], oil[kept]).measure(HOUR_S * S_NS, ("load",))["oil.long_excursion"]
    assert missing.value == pytest.approx(5.3, abs=0.8)


def test_its_memory_is_bounded_and_it_survives_json() -> None:
    history, rng = History(), np.random.default_rng(4)
    sizes = []
    for day in range(12):
        t_ns = np.sort(rng.integers(day * 86_400 * S_NS, (day + 1) * 86_400 * S_NS, 40_000))
        history.add_samples("oil", t_ns, rng.normal(size=len(t_ns)), "degC")
        sizes.append(len(json.dumps(history.to_dict())))
    assert max(sizes) < 70_000
    assert sizes[-1] < 1.1 * sizes[5]
    again = History.from_dict(json.loads(json.dumps(history.to_dict())))
    assert again.measure(12 * 86_400 * S_NS) == history.measure(12 * 86_400 * S_NS) != {}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"format": 9, "channels": {}},
        {"format": 1, "channels": {"oil": {"unit": "degC", "modality": "series", "kept": [{"t_ns": [1], "values": []}] * 3}}},
        {"format": 1, "channels": {"oil": {"unit": "degC", "modality": "series", "kept": [{"t_ns": [2, 1], "values": [0.0, 1.0]}] * 3}}},
    ],
)
def test_what_is_no_history_is_refused(content: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        History.from_dict(content)


def test_a_clock_that_starts_anew_starts_the_history_anew() -> None:
    history = recorded(*an_hour())
    history.add_samples("oil", np.array([40 * 86_400 * S_NS]), np.array([50.0]), "degC")
    history.add_samples("oil", np.array([5 * S_NS]), np.array([20.0]), "degC")
    assert history.to_dict()["channels"]["oil"]["kept"][0] == {"t_ns": [5 * S_NS], "values": [20.0]}


@pytest.mark.parametrize(
    ("t_ns", "values"),
    [
        ([], []),
        ([0], [1.0]),
        ([0, S_NS], [np.nan, np.inf]),
        (np.zeros(500), np.arange(500.0)),
        (np.arange(0, HOUR_S, 15) * S_NS, np.full(240, 7.0)),
        (np.arange(HOUR_S, 0, -15) * S_NS, np.arange(240.0)),
        (np.r_[np.arange(0, 400, 15), np.arange(3000, HOUR_S, 15)] * S_NS, np.zeros(67)),
        (-np.arange(0, HOUR_S, 15) * S_NS, np.full(240, 1e300)),
    ],
)
def test_odd_streams_give_fewer_quantities_and_never_raise(t_ns: object, values: object) -> None:
    history = History()
    history.add_samples("oil", np.asarray(t_ns, np.int64), np.asarray(values, np.float64), "degC")
    for row in history.measure(HOUR_S * S_NS, ("oil", "nothing")).values():
        assert np.isfinite(row.value)
        assert row.usual is None or row.usual.low <= row.usual.high


def test_a_million_samples_of_an_hour_are_taken_in() -> None:
    t_ns = np.linspace(0, HOUR_S * S_NS, 1_000_000).astype(np.int64)
    history = History()
    history.add_samples("oil", t_ns, np.where(t_ns < 3000 * S_NS, 40.0, 43.0) + np.random.default_rng(5).normal(0, 0.2, len(t_ns)), "degC")
    found = history.measure(HOUR_S * S_NS)
    assert found["oil.long_jump"].value == pytest.approx(3, abs=0.2)
    assert found["oil.long_onset"].value == pytest.approx(-600, abs=20)


def test_who_left_the_long_course_first_is_known() -> None:
    t_s, rng = np.arange(0, HOUR_S, 1.0), np.random.default_rng(6)
    history = History()
    history.add_samples("flow", (t_s * S_NS).astype(np.int64), np.where(t_s < 2700, 12.0, 9.0) + rng.normal(0, 0.1, HOUR_S), "l/min")
    history.add_samples("oil", (t_s * S_NS).astype(np.int64), np.where(t_s < 2880, 40.0, 47.0) + rng.normal(0, 0.3, HOUR_S), "degC")
    lag = history.measure(HOUR_S * S_NS)["oil.long_onset_lag"]
    assert (lag.value, lag.of) == (pytest.approx(180, abs=20), "flow")


# --- over many parts -------------------------------------------------------------------------------------------------------------


def part_at(t_s: float, oil_degc: Callable[[np.ndarray], np.ndarray]) -> PartRecord:
    """Return a part with 10 s of oil temperature; parts come every 5 s, so each shares half of its window with the one before."""
    times_s = t_s + np.arange(-10, 0, 0.5)
    values = oil_degc(times_s) + 0.4 * np.sin(1.7 * times_s) + np.random.default_rng(int(t_s)).normal(0, 0.2, len(times_s))
    series = Series((times_s * S_NS).astype(np.int64), values, "degC")
    return PartRecord(Trigger("line", f"p{t_s:.0f}", int(t_s * S_NS)), {"oil": Channel("oil", "series", "degC")}, series={"oil": series})


def test_a_temperature_that_rises_over_many_parts_is_seen_though_no_part_shows_it(catalogue: Catalogue, undecided: Verdict) -> None:
    def creeping(t_s: np.ndarray) -> np.ndarray:
        return 40 + np.clip((t_s - 2400) / 60 * 0.4, 0, None)

    records = [part_at(t_s, creeping) for t_s in np.arange(10, 2881, 5)]
    normal = Normal.fit(measure(record, MachineConfig()) for record in records if record.trigger.t_ns < 2400 * S_NS)
    history, last = History(), records[-1]
    for record in records:
        history.add(record, {})
    slope = measure(last, MachineConfig())["oil.slope"]
    known = normal.range_of(slope)
    assert known is not None
    assert abs(known.reach(slope.value)) < 1
    passed = replace(undecided, outcome="pass", score=0.02)
    found = diagnose(last, passed, machine=MachineConfig(), normal=Normal(), catalogue=catalogue, history=history)
    by_kind = {item.kind: item for item in evidence(found.causes[0])}
    assert found.causes[0].name in ("cooling_failure", "overheating")
    change = by_kind["long_change"]
    assert change.measured == pytest.approx(1.5, abs=0.5)
    assert change.beyond_share == 0
    assert change.start_s == pytest.approx(-300, abs=16)
    assert "since 5." in change.text.en
    assert "分钟" in change.text.zh
    before = diagnose(last, passed, machine=MachineConfig(), normal=Normal(), catalogue=catalogue)
    assert before.causes[0].name == NOT_MEASURED


def evidence(cause: Cause) -> tuple[object, ...]:
    return (*cause.evidence, *cause.against)


def test_how_loud_a_waveform_is_over_the_parts_is_followed_too(record: Build) -> None:
    rng, history = np.random.default_rng(7), History()
    for at in range(400):
        part = record(mic=(rng.normal(size=2000) * (3.0 if at > 340 else 1.0), 8000.0, "FS", "audio"))
        part = replace(part, trigger=replace(part.trigger, t_ns=at * 10 * S_NS))
        history.add(part, measure(part, MachineConfig()))
    found = history.measure(4000 * S_NS)["mic.long_jump"]
    assert (found.value, found.unit) == (pytest.approx(9.5, abs=0.3), "dB")


def test_a_recorded_hour_given_as_one_part_says_the_same_as_its_stream(record: Build) -> None:
    t_ns, load, oil = an_hour(6.0)
    t_s = t_ns / S_NS - HOUR_S
    part, history, stream = record(load=(t_s, load, "kW"), oil=(t_s, oil, "degC")), History(), History()
    history.add(part, {})
    for some in np.array_split(np.arange(len(t_ns)), 100):
        for name, values, unit in (("load", load, "kW"), ("oil", oil, "degC")):
            stream.add_samples(name, part.series[name].t_ns[some], values[some], unit)
    now_ns = part.trigger.t_ns
    assert history.measure(now_ns, ("load",)) == stream.measure(now_ns, ("load",))
    assert history.measure(now_ns, ("load",))["oil.long_excursion"].value == pytest.approx(5.3, abs=0.8)
