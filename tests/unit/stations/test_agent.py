"""The agent with drivers made here, registered under names of their own."""

import logging
import threading
import time
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from inspector import drivers
from inspector.align import align
from inspector.clock import MonotonicClock, SteppedClock
from inspector.config import Station
from inspector.errors import ConfigError, DriverError, EndOfStream
from inspector.parts import Frame, Series, Trigger, Waveform
from stations import devices
from stations.agent import Agent

MS = 1_000_000
S = 1000 * MS


class Parts(drivers.TriggerSource):
    class Settings(drivers.Settings):
        parts: int = 3
        interval_ms: int = 200
        first_ms: int = 1200

    steppable = True
    made = 0

    def wait(self, timeout_s):
        if self.made >= self.settings.parts:
            raise EndOfStream("over")
        t_ns = self.clock.epoch_ns + (self.settings.first_ms + self.made * self.settings.interval_ms) * MS
        if not self.due(t_ns, timeout_s):
            return None
        self.made += 1
        return Trigger(self.channel, f"p{self.made}", t_ns)


class Paced(drivers.Settings):
    period_ms: int = 50
    fail_from: int | None = None
    fail_to: int = 0
    end: int | None = None
    skip: tuple[int, ...] = ()


class Tick(drivers.Driver):
    """Something every `period_ms`; number k covers the period that ends at (k + 1) * period_ms."""

    Settings: ClassVar = Paced
    steppable = True
    made = 0
    opened = 0

    def open(self):
        self.opened += 1

    def tick(self, timeout_s):
        settings = self.settings
        while self.made in settings.skip:
            self.made += 1
        if settings.end is not None and self.made >= settings.end:
            raise EndOfStream("over")
        if not self.due(self.at(self.made + 1), timeout_s):
            return None
        self.made += 1
        if settings.fail_from is not None and settings.fail_from <= self.made - 1 < settings.fail_to:
            raise DriverError("unplugged", channel=self.channel)
        return self.made - 1

    def at(self, number):
        return self.clock.epoch_ns + number * self.settings.period_ms * MS


class Eye(Tick, drivers.Camera):
    def read(self, timeout_s):
        k = self.tick(timeout_s)
        return None if k is None else Frame(self.at(k + 1), np.full((2, 2), k % 256, np.uint8))


class Ear(Tick, drivers.WaveformSource):
    def read(self, timeout_s):
        k = self.tick(timeout_s)
        n = self.settings.period_ms
        return None if k is None else Waveform(self.at(k), 1000.0, np.arange(k * n, (k + 1) * n, dtype=np.float32), self.unit)


class Probe(Tick, drivers.SeriesSource):
    def read(self, timeout_s):
        k = self.tick(timeout_s)
        return None if k is None else Series(np.array([self.at(k + 1)]), np.array([float(k)]), self.unit)


class Silent(drivers.SeriesSource):
    """A device that never answers within its timeout."""

    def read(self, timeout_s):
        self.clock.sleep_until_ns(self.clock.now_ns() + round(timeout_s * 1e9))


class Crash(drivers.SeriesSource):
    def read(self, timeout_s):
        raise ZeroDivisionError("a mistake in an outside package")


@pytest.fixture(autouse=True)
def known_drivers(monkeypatch):
    known = {"parts": Parts, "eye": Eye, "ear": Ear, "probe": Probe, "silent": Silent, "crash": Crash}
    own = devices.load_driver
    monkeypatch.setattr(devices, "load_driver", lambda name: known[name] if name in known else own(name))


CHANNELS = {
    "camera": {"modality": "image", "driver": "eye", "max_sync_error_ms": 30},
    "mic": {"modality": "audio", "driver": "ear", "unit": "FS", "window": {"pre_s": 0.9, "post_s": 0.1}, "max_sync_error_ms": 20},
    "temp": {
        "modality": "series",
        "driver": "probe",
        "unit": "degC",
        "settings": {"period_ms": 500},
        "window": {"pre_s": 2, "post_s": 0.1},
        "required": False,
    },
}


def station(trigger=None, deadline_ms=400, **changes):
    channels = {name: {**CHANNELS.get(name, {}), **change} for name, change in {**{key: {} for key in CHANNELS}, **changes}.items()}
    return Station.model_validate(
        {
            "station": "bench",
            "title": {"en": "Bench", "zh": "台"},
            "deadline_ms": deadline_ms,
            "trigger": {"driver": "parts", "settings": trigger or {}},
            "channels": channels,
        }
    )


def stepped(one):
    with Agent(one, SteppedClock()) as agent:
        return list(agent.captures())


def live(one, clock=None):
    with Agent(one, clock or MonotonicClock()) as agent:
        return list(agent.captures())


def from_epoch(capture, epoch_ns):
    """The same capture with stamps counted from the epoch, as values that compare."""
    return (
        capture.trigger.part_id,
        capture.trigger.t_ns - epoch_ns,
        {n: (f.t_ns - epoch_ns, f.pixels.tobytes()) for n, f in capture.frames.items()},
        {n: (w.start_ns - epoch_ns, w.samples.tobytes()) for n, w in capture.waveforms.items()},
        {n: ((s.t_ns - epoch_ns).tolist(), s.values.tolist()) for n, s in capture.series.items()},
        dict(capture.drops),
    )


def test_a_stepped_station_captures_whole_parts():
    captures = stepped(station())
    assert [capture.trigger.part_id for capture in captures] == ["p1", "p2", "p3"]
    for capture in captures:
        record = align(capture, station())
        assert not record.degraded
        assert record.sync_error_ns["camera"] == 0
        first = (capture.trigger.t_ns - 900 * MS) // MS
        assert record.waveforms["mic"].samples.tolist() == list(range(first, first + 1000))


def test_the_same_input_gives_the_same_captures():
    assert [from_epoch(c, 0) for c in stepped(station())] == [from_epoch(c, 0) for c in stepped(station())]


def test_live_and_stepped_captures_are_equal():
    clock = MonotonicClock()
    one = station(camera={"settings": {"skip": [27]}}, mic={"settings": {"skip": [30]}})
    seen = live(one, clock)
    assert [from_epoch(c, clock.epoch_ns) for c in seen] == [from_epoch(c, 0) for c in stepped(one)]


def test_a_slow_series_does_not_hold_up_the_part():
    with Agent(station(), SteppedClock()) as agent:
        capture = next(agent.captures())
        waited_ns = agent.clock.now_ns() - capture.trigger.t_ns
    assert waited_ns <= 160 * MS
    assert capture.series["temp"].t_ns.tolist() == [500 * MS, 1000 * MS]


def test_a_lost_picture_is_missing_and_never_an_old_one():
    captures = stepped(station({"first_ms": 1200, "interval_ms": 500}, camera={"settings": {"period_ms": 100, "skip": [16]}}))
    records = [align(capture, station()) for capture in captures]
    assert "camera" in records[0].frames
    assert "camera" not in records[1].frames
    assert "stale: the last picture is 100 ms older" in records[1].degraded["camera"]
    assert "camera" in records[2].frames


def test_lost_blocks_are_counted_with_their_part():
    captures = stepped(station({"parts": 4}, mic={"settings": {"skip": [25, 26]}}))
    assert [capture.drops["mic"] for capture in captures] == [0, 2, 0, 0]
    assert "incomplete" in align(captures[1], station()).degraded["mic"]


def test_a_device_that_fails_is_logged_once_and_comes_back(caplog):
    one = station({"parts": 8, "interval_ms": 500}, camera={"settings": {"fail_from": 30, "fail_to": 32}})
    with caplog.at_level(logging.WARNING), Agent(one, SteppedClock()) as agent:
        records = [align(capture, one) for capture in agent.captures()]
        assert agent.drivers.channels["camera"].opened > 1
    lines = [record.getMessage() for record in caplog.records]
    assert len([line for line in lines if "lost" in line]) == 1
    assert len([line for line in lines if "back" in line]) == 1
    degraded = ["camera" in record.degraded for record in records]
    assert any(degraded)
    assert not degraded[-1]
    assert all("mic" not in record.degraded for record in records)


def test_live_devices_fail_and_hang_alone(caplog):
    one = station(
        {"parts": 3},
        silent={"modality": "series", "driver": "silent", "window": {"pre_s": 1}, "max_age_ms": 100},
        crash={"modality": "series", "driver": "crash", "window": {"pre_s": 1}},
    )
    with caplog.at_level(logging.WARNING), Agent(one, MonotonicClock()) as agent:
        records = [align(capture, one) for capture in agent.captures()]
        health = agent.health()
    assert [set(record.degraded) for record in records] == [{"silent", "crash"}] * 3
    assert len([record for record in caplog.records if "lost" in record.getMessage()]) == 1
    assert health["crash"]["state"] == "missing"
    assert "ZeroDivisionError" in health["crash"]["reason"]
    assert health["silent"] == {"state": "missing", "reason": "nothing has come yet", "drops": 0, "age_ms": None}
    assert health["mic"]["state"] == "ok"


def test_stop_finishes_the_parts_that_were_triggered():
    triggered = []
    with Agent(station({"parts": 1000, "interval_ms": 50}), MonotonicClock(), on_trigger=triggered.append) as agent:
        threading.Timer(1.6, agent.stop).start()
        captures = list(agent.captures())
    assert [capture.trigger for capture in captures] == triggered
    assert len(captures) >= 3
    assert not align(captures[-1], agent.station).degraded
    assert not [thread for thread in threading.enumerate() if thread.name in {*CHANNELS, "trigger"}]


def test_a_live_station_is_asked_for_some_parts_and_then_for_more():
    announced = []
    with Agent(station({"parts": 8}), MonotonicClock(), on_trigger=announced.append) as agent:
        first = [capture.trigger.part_id for capture in agent.captures(2)]
        second = [capture.trigger.part_id for capture in agent.captures(2)]
    assert first == ["p1", "p2"]
    assert len(second) == 2
    assert [trigger.part_id for trigger in announced] == first + second


def test_captures_end_when_all_sources_have_ended():
    one = station(
        {"parts": 1000}, camera={"settings": {"end": 40}}, mic={"settings": {"end": 40}}, temp={"settings": {"end": 4, "period_ms": 500}}
    )
    assert [capture.trigger.part_id for capture in stepped(one)][-1] == "p5"


def test_a_source_that_cannot_be_opened_stops_a_stepped_station(tmp_path):
    one = station(mic={"driver": "audio-file", "settings": {"file": "none.wav"}})
    with pytest.raises(DriverError, match=r"none\.wav: does not exist"):
        Agent(one, SteppedClock(), path=tmp_path / "s.yaml").open()


def test_all_mistakes_of_a_station_are_told_at_once(tmp_path):
    one = station(
        {"partz": 3},
        camera={"driver": "eye", "settings": {"period_ms": "x"}},
        mic={"driver": "probe"},
        temp={"driver": "no-such"},
    )
    with pytest.raises(ConfigError) as caught:
        Agent(one, SteppedClock(), path=tmp_path / "bench.yaml")
    text = str(caught.value)
    assert text.startswith(str(tmp_path / "bench.yaml"))
    for key in ("trigger.settings.partz", "channels.camera.settings.period_ms", "channels.mic.driver", "channels.temp.driver"):
        assert key in text


def test_the_wait_is_bounded_by_half_the_deadline():
    one = station({"parts": 1}, deadline_ms=300, temp={"driver": "silent", "settings": {}, "max_age_ms": 5000})
    start = time.monotonic()
    (capture,) = live(one)
    assert time.monotonic() - start < 1.2 + 0.1 + 0.15 + 0.5
    assert "temp" not in capture.series


def test_the_wall_time_belongs_to_the_trigger():
    clock = SteppedClock(wall_start_ns=1_700_000_000 * S)
    with Agent(station(), clock) as agent:
        capture = next(agent.captures())
    assert capture.wall_utc_ns == 1_700_000_000 * S + capture.trigger.t_ns
    assert replace(capture, wall_utc_ns=0).wall_utc_ns == 0
