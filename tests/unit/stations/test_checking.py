"""Devices of a station under check, made here: what is said of them, and that one that hangs holds up no other."""

import json
import multiprocessing
import os
import sys
import textwrap
import threading
import time
from typing import ClassVar

import cv2
import numpy as np
import pytest

from inspector import drivers
from inspector.cli import main
from inspector.clock import LONG_AGO_NS
from inspector.config import Station
from inspector.errors import DriverError, EndOfStream
from inspector.parts import Frame, Series, Trigger, Waveform
from stations import checking, devices, proofreading
from stations.checking import check_devices

MS = 1_000_000
S = 1000 * MS
RATE_HZ = 8000.0


def noise(shape, mean):
    return np.clip(np.random.default_rng(1).normal(mean, 3, shape), 0, 255).astype(np.uint8)


PICTURES = {
    "well": lambda k: noise((20, 30), 100) ^ np.uint8(k % 3),
    "colour": lambda k: np.dstack([noise((20, 30), level) for level in (200, 100, 50 + k % 3)]),
    "black": lambda _: np.zeros((20, 30), np.uint8),
    "white": lambda _: np.full((20, 30), 255, np.uint8),
    "flat": lambda k: np.full((20, 30), 100 + k % 2, np.uint8),
    "burnt": lambda k: np.where(np.arange(30) < 15, 255, noise((20, 30), 60 + k % 3)).astype(np.uint8),
    "frozen": lambda _: noise((20, 30), 100),
    "dim-12-bit": lambda k: (noise((20, 30), 100) + 4 * np.arange(30) + k).astype(np.uint16),
    "sizes": lambda k: noise((20 + k % 2, 30), 100),
}
TIME = np.arange(400) / RATE_HZ
SOUNDS = {
    "well": lambda k: 0.1 * np.sin(2 * np.pi * 440 * (TIME + k / 20)),
    "silent": lambda _: np.zeros(400),
    "quiet": lambda _: 0.0002 * np.sin(2 * np.pi * 440 * TIME),
    "clipping": lambda _: np.clip(3 * np.sin(2 * np.pi * 440 * TIME), -1, 1),
    "offset": lambda _: 0.5 + 0.1 * np.sin(2 * np.pi * 440 * TIME),
    "nan": lambda _: np.where(TIME > 0.04, np.nan, 0.1 * np.sin(2 * np.pi * 440 * TIME)),
    "still": lambda _: np.full(400, 2.5),
}
VALUES = {
    "well": lambda k: 20 + k % 7,
    "gaps": lambda _: float("nan"),
    "some-gaps": lambda k: float("nan") if k % 5 == 0 else 1.0 + k % 2,
    "still": lambda _: 4.5,
}


VENDOR = """
    import os, time
    import numpy as np
    from inspector import drivers
    from inspector.parts import Series

    class Vendor(drivers.SeriesSource):
        isolated = True
        class Settings(drivers.Settings):
            hangs: bool = False
        def read(self, timeout_s):
            time.sleep(600 if self.settings.hangs else 0.05)
            return Series(np.array([self.clock.now_ns()]), np.array([float(os.getpid())]), self.unit)
"""
BENCH = """
station: bench
title: { en: Bench, zh: 台 }
trigger: { driver: parts }
channels:
  cam: { modality: image, driver: eye, settings: { act: colour } }
  mic: { modality: audio, driver: ear, settings: { act: silent }, unit: FS, window: { pre_s: 1 } }
  oil: { modality: series, driver: probe, unit: bar, window: { pre_s: 1 } }
"""


class Stage(drivers.Settings):
    act: str = "well"
    every_ms: int = 50
    interval_s: float | None = None
    frame_rate_hz: float | None = None
    skip: tuple[int, ...] = ()
    late_ms: int = 0
    watches: str | None = None


class Act(drivers.Driver):
    """Something every `every_ms` on a clock that is stepped; `act` says what."""

    Settings: ClassVar = Stage
    steppable = True
    made = 0

    def tick(self, timeout_s):
        while self.made in self.settings.skip:
            self.made += 1
        at_ns = self.clock.epoch_ns + (self.made + 1) * self.settings.every_ms * MS
        if self.settings.act == "end" and self.made >= 4:
            raise EndOfStream("over")
        if self.settings.act == "nothing" or not self.due(at_ns, timeout_s):
            self.due(self.clock.now_ns() + round(timeout_s * 1e9), timeout_s)
            return None
        self.made += 1
        return at_ns - self.settings.late_ms * MS

    def acted(self, acts):
        return acts.get(self.settings.act, acts["well"])(self.made)


class Eye(Act, drivers.Camera):
    def read(self, timeout_s):
        t_ns = self.tick(timeout_s)
        return None if t_ns is None else Frame(t_ns, self.acted(PICTURES))


class Ear(Act, drivers.WaveformSource):
    def read(self, timeout_s):
        t_ns = self.tick(timeout_s)
        return None if t_ns is None else Waveform(t_ns - 50 * MS, RATE_HZ, self.acted(SOUNDS).astype(np.float32), self.unit)


class Probe(Act, drivers.SeriesSource):
    def read(self, timeout_s):
        t_ns = self.tick(timeout_s)
        return None if t_ns is None else Series(np.array([t_ns]), np.array([self.acted(VALUES)], float), self.unit)


class Ticking(Eye):
    """A camera on a clock of its own."""

    own_clock = True

    def read(self, timeout_s):
        frame = super().read(timeout_s)
        self.arrived_ns = None if frame is None else frame.t_ns + (frame.t_ns // MS % 3) * MS
        return frame and Frame(frame.t_ns - 3600 * S, frame.pixels)


class Waiting(Eye):
    """A camera that takes a picture when it is told to."""

    fired = 0

    def fire(self, trigger):
        self.fired += 1

    def read(self, timeout_s):
        frame = super().read(timeout_s)
        if self.fired == 0:
            return None
        self.fired -= 1
        return frame


class Parts(Act, drivers.TriggerSource):
    seen: ClassVar[list] = []

    @property
    def watches(self):
        return self.settings.watches

    def observe(self, signal):
        Parts.seen.append(signal)

    def wait(self, timeout_s):
        if self.settings.watches:
            return Trigger(self.channel, f"seen-{len(Parts.seen)}", Parts.seen[-1].t_ns)
        t_ns = self.tick(timeout_s)
        return None if t_ns is None else Trigger(self.channel, "same" if self.settings.act == "same" else f"p{self.made}", t_ns)


class Live(drivers.SeriesSource):
    """A real device: ten values a second."""

    class Settings(drivers.Settings):
        mode: str = "well"
        interval_s: float = 0.05

    closed: ClassVar[list[str]] = []
    released: ClassVar[threading.Event] = threading.Event()

    def open(self):
        if self.settings.mode == "refuses":
            raise DriverError("nobody answers at 10.0.0.7, check its cable", channel=self.channel)
        if self.settings.mode == "will-not-open":
            Live.released.wait(60)

    def close(self):
        Live.closed.append(self.settings.mode)

    def read(self, timeout_s):
        if self.settings.mode == "hangs":
            Live.released.wait(60)
        if self.settings.mode == "crashes":
            raise ZeroDivisionError("a mistake in an outside package")
        time.sleep(0.05)
        return Series(np.array([self.clock.now_ns()]), np.array([time.monotonic()]), self.unit)


class Sink(drivers.VerdictSink):
    class Settings(drivers.Settings):
        works: bool = True

    def open(self):
        if not self.settings.works:
            raise DriverError("no broker there")

    def send(self, decision): ...


KNOWN = {"eye": Eye, "ear": Ear, "probe": Probe, "ticking": Ticking, "waiting": Waiting, "parts": Parts, "live": Live, "sink": Sink}


@pytest.fixture(autouse=True)
def known_drivers(monkeypatch):
    monkeypatch.setattr(devices, "load_driver", KNOWN.__getitem__)
    Parts.seen.clear()
    Live.closed.clear()
    Live.released.clear()
    yield
    Live.released.set()


def station(trigger=None, sinks=None, **channels):
    return Station.model_validate(
        {
            "station": "bench",
            "title": {"en": "Bench", "zh": "台"},
            "trigger": {"driver": "parts", "settings": trigger or {}},
            "channels": channels,
            "sinks": sinks or {},
        }
    )


def channel(driver, modality, unit="", **settings):
    return {"driver": driver, "modality": modality, "unit": unit, "settings": settings, "window": {"pre_s": 1}}


def finding_of(driver, modality, unit="", **settings):
    found = {one.name: one for one in check_devices(station(x=channel(driver, modality, unit, **settings)), None, 3.0)}
    return found["x"]


def test_a_device_that_is_well_gives_its_numbers_and_no_advice():
    picture, sound = finding_of("eye", "image", frame_rate_hz=20), finding_of("ear", "audio", "FS")
    value, acceleration = finding_of("probe", "series", "bar"), finding_of("ear", "vibration", "m/s2")
    assert [one.told.warnings for one in (picture, sound, value, acceleration)] == [()] * 4
    assert picture.told.words == "60 pictures, 30x20 px grey uint8, 20 Hz, mean brightness 39%"
    assert picture.told.picture.shape == (20, 30)
    assert sound.told.words == "8000 Hz (8000 measured), level -23 dBFS, peak -20 dBFS"
    assert value.told.words == "20 Hz, 20 to 26 bar"
    assert value.told.measured["last"] == 24
    assert acceleration.told.words == "8000 Hz (8000 measured), RMS 0.0707 m/s2, peak 0.1 m/s2"
    assert finding_of("eye", "image", act="end").told.words.startswith("4 pictures")


@pytest.mark.parametrize(
    ("device", "settings", "advice"),
    [
        (("eye", "image"), {"act": "black"}, "all black: is the lens cap on"),
        (("eye", "image"), {"act": "white"}, "all white: is the exposure too long"),
        (("eye", "image"), {"act": "flat"}, "all pixels are alike"),
        (("eye", "image"), {"act": "burnt"}, "over-exposed: 50% of the pixels are white"),
        (("eye", "image"), {"act": "frozen"}, "frozen: 60 pictures are the same bit by bit"),
        (("eye", "image"), {"act": "sizes"}, "pictures differ in size or kind: 30x20 px grey uint8, 30x21 px grey uint8"),
        (("eye", "image"), {"frame_rate_hz": 25}, "wrong rate: 20 Hz instead of 25 Hz"),
        (("eye", "image"), {"skip": tuple(range(20, 40))}, "uneven: 1.05 s without a reading, 0.05 s are usual"),
        (("eye", "image"), {"late_ms": -40}, "stamped in the future"),
        (("ear", "audio", "FS"), {"act": "silent"}, "silent: is the microphone muted"),
        (("ear", "audio", "FS"), {"act": "quiet"}, "very quiet (-77 dBFS)"),
        (("ear", "audio", "FS"), {"act": "clipping"}, "clipping: "),
        (("ear", "audio", "FS"), {"act": "offset"}, "is not centred on zero"),
        (("ear", "audio", "FS"), {"act": "nan"}, "holds values that are no numbers"),
        (("ear", "audio", "FS"), {"skip": (7, 9)}, "2 gaps between blocks"),
        (("ear", "audio", "FS"), {"every_ms": 60}, "wrong rate: 6667 Hz instead of 8000 Hz"),
        (("ear", "vibration", "m/s2"), {"act": "silent"}, "nothing but zeros: is the sensor connected"),
        (("ear", "vibration", "m/s2"), {"act": "still"}, "does not move at all"),
        (("probe", "series"), {"act": "gaps"}, "only gaps"),
        (("probe", "series"), {"act": "some-gaps"}, "12 of 60 values are gaps"),
    ],
)
def test_what_is_off_is_said_with_advice(device, settings, advice):
    finding = finding_of(*device, **settings)
    assert finding.ok
    assert advice in "; ".join(finding.told.warnings)


def test_a_dim_picture_of_twelve_bits_is_not_black():
    assert finding_of("eye", "image", act="dim-12-bit").told.warnings == ()


def test_a_value_that_does_not_move_is_only_noted():
    finding = finding_of("probe", "series", "bar", act="still")
    assert (finding.told.words, finding.told.warnings) == ("20 Hz, 4.5 bar, does not move", ())


def test_a_silent_device_fails_and_a_silent_trigger_does_not():
    found = {one.name: one for one in check_devices(station({"act": "nothing"}, x=channel("eye", "image", act="nothing")), None, 3.0)}
    assert (found["x"].ok, found["trigger"].ok) == (False, True)
    assert "does it wait for a trigger signal?" in found["x"].told.warnings[0]
    assert "send one past the sensor" in found["trigger"].told.warnings[0]


def test_triggers_tell_their_parts():
    found = check_devices(station({"every_ms": 500}, x=channel("eye", "image")), None, 3.0)[0]
    assert found.told.words == "6 parts, p1 to p6"
    assert found.told.measured["ids"] == [f"p{k}" for k in range(1, 7)]
    same = check_devices(station({"act": "same"}, x=channel("eye", "image")), None, 3.0)[0]
    assert "part ids repeat" in same.told.warnings[0]


def test_a_trigger_that_looks_at_a_channel_is_shown_its_signals():
    found = {one.name: one for one in check_devices(station({"watches": "x"}, x=channel("ticking", "image")), None, 3.0)}
    assert found["trigger"].readings == found["x"].readings == len(Parts.seen) == 60
    assert abs(Parts.seen[-1].t_ns - LONG_AGO_NS - 3 * S) < 10 * MS  # on the station's clock


def test_a_camera_that_waits_to_be_told_is_told():
    finding = finding_of("waiting", "image")
    assert finding.ok
    assert finding.readings == 6


def test_a_device_with_a_clock_of_its_own_tells_how_its_stamps_arrive():
    finding = finding_of("ticking", "image")
    assert "own clock, arrives within 2 ms" in finding.told.words
    assert finding.told.measured["clock"]["jitter_ms"] == pytest.approx(2, abs=0.2)
    assert finding.told.warnings == ()


def test_all_are_read_at_once_and_one_that_hangs_holds_up_no_other(monkeypatch):
    monkeypatch.setattr(checking, "OPEN_PATIENCE_S", 2.0)
    modes = ("well", "hangs", "will-not-open", "crashes", "refuses")
    bench = station({"act": "end"}, **{mode: channel("live", "series", mode=mode) for mode in modes})
    start_s, waiting = time.monotonic(), []
    found = {one.name: one for one in check_devices(bench, None, 1.0, on_waiting=waiting.append)}
    assert time.monotonic() - start_s < 8
    assert found["well"].ok
    assert found["well"].readings > 3
    assert found["hangs"].told.words.startswith("hangs: its driver did not answer within")
    assert found["will-not-open"].told.words.startswith("hangs: opening it did not end within")
    assert found["crashes"].told.words == "ZeroDivisionError: a mistake in an outside package"
    assert found["refuses"].told.words == "nobody answers at 10.0.0.7, check its cable"
    assert {"hangs", "will-not-open"} <= set(waiting[0])
    assert "well" in Live.closed


def test_sinks_are_opened():
    sinks = {"plc": {"driver": "sink"}, "gone": {"driver": "sink", "settings": {"works": False}}}
    found = {one.name: one for one in check_devices(station(sinks=sinks, x=channel("eye", "image")), None, 1.0)}
    assert (found["plc"].ok, found["plc"].told.words) == (True, "opens")
    assert (found["gone"].ok, found["gone"].told.words) == (False, "no broker there")


@pytest.fixture
def vendor(tmp_path, monkeypatch):
    (tmp_path / "vendor_checked.py").write_text(textwrap.dedent(VENDOR))
    monkeypatch.syspath_prepend(tmp_path)
    import vendor_checked

    yield vendor_checked.Vendor
    sys.modules.pop("vendor_checked")


def test_vendors_code_runs_in_a_process_of_its_own_that_is_ended(vendor, monkeypatch):
    monkeypatch.setitem(KNOWN, "vendor", vendor)
    bench = station({"act": "end"}, well=channel("vendor", "series"), hangs=channel("vendor", "series", hangs=True))
    found = {one.name: one for one in check_devices(bench, None, 2.0)}
    assert found["well"].ok
    assert found["well"].told.measured["last"] != os.getpid()
    assert not found["hangs"].ok
    assert found["hangs"].told.words.startswith("hangs: its process has not answered for")
    assert eventually(lambda: not any(child.name.startswith("driver of") for child in multiprocessing.active_children()))


def eventually(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def bench_file(tmp_path, monkeypatch):
    monkeypatch.setattr(proofreading, "DriverBuilder", devices.DriverBuilder)
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    return path


def test_on_a_terminal_pictures_levels_and_curves_are_drawn(bench_file, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["station", "check", str(bench_file)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert sum("▀" in line for line in said) == 10  # 20 rows of pixels
    assert f"       -60 {'·' * 40} 0 dBFS" in said
    assert any(len(line.strip()) == 40 and set(line.strip()) <= set("▁▂▃▄▅▆▇█") for line in said)


def test_the_command_tells_it_all(bench_file, tmp_path, capsys):
    arguments = ["station", "check", str(bench_file), "--json", str(tmp_path / "c.json"), "--pictures", str(tmp_path / "p")]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "  ok   cam" in said
    assert "  warn mic" in said
    assert "       ! silent: is the microphone muted" in said
    told = json.loads((tmp_path / "c.json").read_text())
    assert told["ok"]
    assert told["devices"]["mic"]["warnings"][0].startswith("silent")
    assert told["devices"]["cam"]["measured"]["rate_hz"] == pytest.approx(20)
    assert told["devices"]["cam"]["picture"] == str(tmp_path / "p" / "cam.png")
    blue, green, red = cv2.imread(str(tmp_path / "p" / "cam.png")).mean(axis=(0, 1))
    assert red > green > blue
