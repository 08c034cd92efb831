"""Devices that hang, crash their process or run on clocks of their own, and triggers that look at a channel."""

import os
import signal
import sys
import textwrap
import threading
import time
from typing import ClassVar

import numpy as np
import pytest

from inspector import drivers
from inspector.align import align, realigned
from inspector.clock import MonotonicClock, SteppedClock
from inspector.config import ChannelConfig, Station
from inspector.errors import DriverError, EndOfStream
from inspector.parts import Decision, Frame, Series, Trigger, Waveform
from inspector.store.recordings import read_captures
from stations import devices
from stations.agent import Agent
from stations.devices import Device
from stations.intake import Intake
from stations.isolation import isolated
from stations.outcomes import Outcomes
from stations.recording import record

MS = 1_000_000
S = 1000 * MS


class Ticks(drivers.SeriesSource):
    """A value every 20 ms; hangs from a given reading on until released, and only in the first driver that is made."""

    class Settings(drivers.Settings):
        hang_at: int | None = None

    made: ClassVar[list["Ticks"]] = []
    released: ClassVar[threading.Event] = threading.Event()
    closed = False
    read_count = 0

    def __init__(self, settings, **place):
        super().__init__(settings, **place)
        Ticks.made.append(self)

    def close(self):
        self.closed = True

    def read(self, timeout_s):
        self.read_count += 1
        if self is Ticks.made[0] and self.read_count == self.settings.hang_at:
            Ticks.released.wait(30)
        time.sleep(0.02)
        return Series(np.array([self.clock.now_ns()]), np.array([1.0]), self.unit)


class Counter(drivers.WaveformSource):
    """A microphone that counts samples on a clock of its own: another zero, 80 ppm fast, blocks of 50 ms that arrive 5 ms late."""

    own_clock = True
    steppable = True
    made = 0

    def at_ns(self, sample):
        return self.clock.epoch_ns + round(sample * 1e6 / (1 + 80e-6))

    def read(self, timeout_s):
        self.arrived_ns = self.at_ns(50 * (self.made + 1)) + 5 * MS
        if not self.due(self.arrived_ns, timeout_s):
            return None
        first = 50 * self.made
        self.made += 1
        return Waveform(first * MS + 7 * S, 1000.0, np.arange(first, first + 50, dtype=np.float32), "FS")


class Flash(drivers.Camera):
    """A picture every 50 ms, bright once a second."""

    steppable = True
    made = 0

    def read(self, timeout_s):
        t_ns = self.clock.epoch_ns + (self.made + 1) * 50 * MS
        if self.made >= 100:
            raise EndOfStream("over")
        if not self.due(t_ns, timeout_s):
            return None
        self.made += 1
        return Frame(t_ns, np.full((2, 2), 200 if self.made % 20 == 0 else 10, np.uint8))


class OnFlash(drivers.TriggerSource):
    steppable = True

    def __init__(self, settings, **place):
        super().__init__(settings, **place)
        self.found = []
        self.count = 0

    @property
    def watches(self):
        return "camera"

    def observe(self, signal):
        if signal.pixels.max() > 100:
            self.count += 1
            self.found.append(Trigger(self.channel, f"p{self.count}", signal.t_ns))

    def wait(self, timeout_s):
        return self.found.pop(0) if self.found else None


class Every(drivers.TriggerSource):
    class Settings(drivers.Settings):
        interval_ms: int = 500
        parts: int = 5

    steppable = True
    made = 0

    def wait(self, timeout_s):
        if self.made >= self.settings.parts:
            raise EndOfStream("over")
        t_ns = self.clock.epoch_ns + 1200 * MS + self.made * self.settings.interval_ms * MS
        if not self.due(t_ns, timeout_s):
            return None
        self.made += 1
        return Trigger(self.channel, f"p{self.made}", t_ns)


class OnDemand(drivers.Camera):
    """A camera that takes a picture when it is told to."""

    def __init__(self, settings, **place):
        super().__init__(settings, **place)
        self.taken, self.shots = [], 0

    def lost(self):
        return len(self.taken) + self.shots

    def fire(self, trigger):
        self.shots += 1
        self.taken.append(Frame(self.clock.now_ns(), np.zeros((2, 2), np.uint8)))

    def read(self, timeout_s):
        time.sleep(0.005)
        return self.taken.pop(0) if self.taken else None


@pytest.fixture(autouse=True)
def known_drivers(monkeypatch):
    known = {"ticks": Ticks, "counter": Counter, "flash": Flash, "on-flash": OnFlash, "every": Every, "on-demand": OnDemand}
    own = devices.load_driver
    monkeypatch.setattr(devices, "load_driver", lambda name: known[name] if name in known else own(name))
    Ticks.made.clear()
    Ticks.released.clear()
    yield
    Ticks.released.set()


def station(trigger, **channels):
    return Station.model_validate({"station": "bench", "title": {"en": "B", "zh": "台"}, "trigger": trigger, "channels": channels})


def series(**settings):
    return {"modality": "series", "driver": "ticks", "settings": settings, "window": {"pre_s": 0.5}, "unit": "bar"}


def eventually(condition, timeout_s=10.0):
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_driver_that_hangs_is_shown_and_replaced_while_the_others_go_on():
    one = station({"driver": "every", "settings": {"parts": 1000}}, good=series(), bad=series(hang_at=10))
    Ticks.made.clear()
    agent = Agent(one)
    Ticks.made.sort(key=lambda driver: driver.channel != "bad")
    with agent:
        assert eventually(lambda: "hangs" in agent.health()["bad"]["reason"])
        assert agent.health()["good"]["state"] == "ok"
        assert eventually(lambda: agent.health()["bad"]["state"] == "ok")
        assert len(Ticks.made) == 3
        Ticks.released.set()
        assert eventually(lambda: Ticks.made[0].closed)


def test_an_agent_closes_though_a_device_hangs():
    one = station({"driver": "every"}, bad=series(hang_at=1))
    with Agent(one) as agent:
        assert eventually(lambda: Ticks.made[0].read_count == 1)
        start_s = time.monotonic()
        agent.close()
    assert time.monotonic() - start_s < 8


@pytest.mark.parametrize("clock", [SteppedClock, MonotonicClock])
def test_a_channel_on_a_clock_of_its_own_is_aligned(clock):
    mic = {"modality": "audio", "driver": "counter", "unit": "FS", "window": {"pre_s": 0.5, "post_s": 0.1}, "latency_ms": 5}
    one = station({"driver": "every"}, mic=mic)
    with Agent(one, clock()) as agent:
        captures = list(agent.captures())
    assert len(captures) == 5
    for capture in captures:
        assert capture.clocks["mic"].latency_ns == 5 * MS
        assert len(capture.arrivals["mic"]) >= 5
        record = align(capture, one)
        wave = record.waveforms["mic"]
        true_ns = agent.clock.epoch_ns + float(wave.samples[0]) * 1e6 / (1 + 80e-6)
        assert abs(wave.start_ns - true_ns) < (1 if clock is SteppedClock else 30) * MS
        assert np.array_equal(np.diff(wave.samples), np.ones(len(wave.samples) - 1))
        assert "mic" in record.sync_error_ns


def test_a_recording_is_aligned_anew_as_it_was_live(tmp_path):
    mic = {"modality": "audio", "driver": "counter", "unit": "FS", "window": {"pre_s": 0.5, "post_s": 0.1}, "latency_ms": 5}
    one = station({"driver": "every"}, mic=mic)
    path = tmp_path / "r.mcap"
    with Agent(one, SteppedClock()) as agent:
        record(agent, path, 5)
    recorded, anew = list(read_captures(path)), list(realigned(read_captures(path)))
    assert [capture.clocks for capture in anew] == [capture.clocks for capture in recorded]
    assert recorded[0].clocks["mic"] != recorded[-1].clocks["mic"]


def test_a_clock_known_too_badly_is_named():
    mic = {"modality": "audio", "driver": "counter", "unit": "FS", "window": {"pre_s": 0.5}, "max_sync_error_ms": 3}
    one = station({"driver": "every", "settings": {"parts": 1}}, mic=mic)
    with Agent(one, SteppedClock()) as agent:
        (capture,) = agent.captures()
    fit = capture.clocks["mic"]
    worse = type(fit)(fit.device_ns, fit.station_ns, fit.drift_ppm, fit.latency_ns, uncertainty_ns=9 * MS)
    record = align(type(capture)(**{**{f: getattr(capture, f) for f in capture.__slots__}, "clocks": {"mic": worse}}), one)
    assert "out of step: its clock is known to 9 ms only" in record.degraded["mic"]
    assert record.sync_error_ns["mic"] >= 9 * MS


@pytest.mark.parametrize("clock", [SteppedClock, MonotonicClock])
def test_a_trigger_finds_parts_in_a_channel(clock):
    one = station({"driver": "on-flash"}, camera={"modality": "image", "driver": "flash"})
    with Agent(one, clock()) as agent:
        captures = list(agent.captures(3))
    assert [capture.trigger.part_id for capture in captures] == ["p1", "p2", "p3"]
    assert all(capture.frames["camera"].t_ns == capture.trigger.t_ns for capture in captures)


def test_a_camera_that_waits_is_fired_for_each_part():
    one = station({"driver": "every", "settings": {"parts": 3}}, camera={"modality": "image", "driver": "on-demand"})
    with Agent(one) as agent:
        captures = list(agent.captures())
    assert [abs(c.frames["camera"].t_ns - c.trigger.t_ns) < 200 * MS for c in captures] == [True] * 3
    assert [c.drops["camera"] for c in captures] == [1, 1, 1]


def test_a_sink_that_hangs_holds_up_nobody(caplog):
    told = []
    released = threading.Event()

    class Slow(drivers.VerdictSink):
        def send(self, decision):
            released.wait(20)

    class Quick(drivers.VerdictSink):
        def send(self, decision):
            told.append(decision.part_id)

    make = {"slow": Slow(None, channel="slow"), "quick": Quick(None, channel="quick")}
    outcomes = Outcomes(make, threaded=True)
    outcomes.open()
    start_s = time.monotonic()
    for number in range(100):
        trigger = Trigger("bench", f"p{number}", number)
        assert outcomes.tell(trigger, Decision(trigger.part_id, "pass", 0.1))
        eventually(lambda: len(told) > number)  # noqa: B023
    assert time.monotonic() - start_s < 5
    assert told == [f"p{number}" for number in range(100)]
    assert outcomes.untold["slow"] >= 30
    assert outcomes.health()["sink slow"]["state"] == "missing"
    time.sleep(1.1)
    released.set()
    outcomes.close()
    assert outcomes.untold == {"slow": 99, "quick": 0}  # what had waited too long was not sent late


# --- a process of its own

VENDOR = """
    import os, time
    import numpy as np
    from inspector import drivers
    from inspector.errors import DriverError, EndOfStream
    from inspector.parts import Frame

    class Vendor(drivers.Camera):
        class Settings(drivers.Settings):
            mode: str = "well"
            flag: str = ""

        isolated = True
        count = 0
        fired = False

        def open(self):
            if self.settings.mode == "refuse":
                raise DriverError("no such camera, check its cable", channel=self.channel)
            self.own_clock = True

        def fire(self, trigger):
            self.fired = True

        def read(self, timeout_s):
            self.count += 1
            first_time = bool(self.settings.flag) and not os.path.exists(self.settings.flag)
            if self.count == 5 and first_time:
                open(self.settings.flag, "w").close()
                if self.settings.mode == "hang":
                    time.sleep(1000)
                if self.settings.mode == "crash":
                    os.abort()
            if self.settings.mode == "end" and self.count == 5:
                raise EndOfStream("is over")
            time.sleep(0.02)
            self.arrived_ns = self.clock.now_ns()
            return Frame(self.count * 20_000_000, np.full((1000, 1000), 255 if self.fired else os.getpid() % 200, np.uint8))
"""


@pytest.fixture
def vendor(tmp_path, monkeypatch):
    (tmp_path / "vendor_code.py").write_text(textwrap.dedent(VENDOR))
    monkeypatch.syspath_prepend(tmp_path)
    import vendor_code

    yield vendor_code.Vendor
    sys.modules.pop("vendor_code")


def stand_in(vendor, **settings):
    return isolated(vendor(vendor.Settings(**settings), channel="camera", unit="", clock=MonotonicClock()))


def test_a_stand_in_keeps_the_promise_from_another_process(vendor):
    camera = stand_in(vendor)
    camera.open()
    try:
        frame = camera.read(5.0)
        assert isinstance(camera, drivers.Camera)
        assert frame.pixels.shape == (1000, 1000)
        assert frame.pixels[0, 0] == camera._process._process.pid % 200 != os.getpid() % 200
        assert camera.own_clock
        assert 0 <= camera.clock.now_ns() - camera.arrived_ns < 5 * S
        camera.fire(Trigger("bench", "p1", 0))
        assert eventually(lambda: camera.read(1.0).pixels[0, 0] == 255)
    finally:
        camera.close()
        camera.close()


def test_what_a_driver_raises_in_its_process_comes_over(vendor):
    refused = stand_in(vendor, mode="refuse")
    with pytest.raises(DriverError, match=r"^camera: no such camera, check its cable$"):
        refused.open()
    over = stand_in(vendor, mode="end")
    over.open()
    assert all(over.read(5.0) is not None for _ in range(4))
    with pytest.raises(EndOfStream, match="is over"):
        over.read(5.0)
    over.close()


@pytest.mark.parametrize(("mode", "words"), [("hang", "hangs"), ("crash", "its process has ended")])
def test_vendor_code_that_hangs_or_crashes_is_ended_and_begun_anew(vendor, tmp_path, monkeypatch, mode, words):
    monkeypatch.setattr(devices, "load_driver", lambda name: {"vendor": vendor, "every": Every}[name])
    settings = {"mode": mode, "flag": str(tmp_path / "done")}
    one = station({"driver": "every", "settings": {"parts": 1000}}, camera={"modality": "image", "driver": "vendor", "settings": settings})
    with Agent(one) as agent:
        assert eventually(lambda: words in agent.health()["camera"]["reason"], 20)
        assert eventually(lambda: agent.health()["camera"]["state"] == "ok", 20)


def test_a_process_ends_with_the_station(vendor):
    camera = stand_in(vendor)
    camera.open()
    process = camera._process._process
    camera._process._pipe.close()  # as after a kill of the station
    process.join(10)
    assert process.exitcode == 0
    camera._process = None


def test_a_stopped_process_is_abandoned(vendor):
    camera = stand_in(vendor)
    camera.open()
    process = camera._process._process
    os.kill(process.pid, signal.SIGSTOP)
    camera.abandon()
    process.join(10)
    assert process.exitcode == -signal.SIGKILL
    camera.close()


# --- what a channel suffers from


def intake(driver, **config):
    channel = ChannelConfig.model_validate({"modality": "series", "driver": "x", "window": {"pre_s": 1}, **config})
    return Intake(Device(driver), channel, patience_ns=200 * MS)


def values(*pairs):
    t_ns, numbers = zip(*pairs, strict=True)
    return Series(np.array(t_ns, np.int64), np.array(numbers, float), "bar")


def test_stamps_in_the_future_are_not_used_and_named_until_they_are_right_again():
    one = intake(Ticks(Ticks.Settings(), channel="x", clock=SteppedClock()))
    one.append(values((9 * S, 1.0)), 9 * S)
    one.append(values((15 * S, 2.0)), 10 * S)
    assert "future" in one.health(10 * S)["reason"]
    cut = one.cut(Trigger("bench", "p1", 10 * S))
    assert (cut.signal, cut.drops) == (None, 1)
    assert "future" in cut.fault
    one.append(values((11 * S, 3.0)), 11 * S)
    assert one.health(11 * S)["state"] == "ok"
    assert one.cut(Trigger("bench", "p2", 11 * S)).signal.values.tolist() == [3.0]


def test_a_value_that_stands_still_for_too_long_is_stuck():
    one = intake(Ticks(Ticks.Settings(), channel="x", clock=SteppedClock()), max_still_s=2)
    for second in range(1, 5):
        one.append(values((second * S, 7.0)), second * S)
    assert one.fault() == "stuck: its value has not changed for 3.0 s"
    one.append(values((5 * S, 7.1)), 5 * S)
    assert one.fault() is None


def test_a_camera_that_repeats_itself_is_frozen_but_one_that_shows_nothing_is_not():
    camera = Flash(Flash.Settings(), channel="camera", clock=SteppedClock())
    one = intake(camera, modality="image", window={})
    textured = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for number in range(1, 4):
        one.append(Frame(number * S, textured.copy()), number * S)
    assert one.fault() == "frozen: the last 3 pictures agree in every bit"
    assert one.cut(Trigger("bench", "p1", 3 * S)).signal is None
    for number in range(4, 8):
        one.append(Frame(number * S, np.zeros((8, 8), np.uint8)), number * S)
    assert one.fault() is None
