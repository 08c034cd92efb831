"""Calibration with simulated devices whose latencies and lags are known."""

import json
import time
from datetime import UTC, datetime

import numpy as np
import pytest
import yaml

from inspector import drivers
from inspector.cli import main
from inspector.config import calibration_path, load_station, station_files
from inspector.errors import ConfigError, DriverError, EndOfStream, InspectorError, UsageError
from inspector.parts import Frame, Series, Trigger, Waveform
from inspector.store import recordings
from stations import devices
from stations.calibration import Wish, calibrate
from stations.tracks import listen

MS = 1_000_000
S = 1000 * MS
EVENTS_S = (2.013, 4.331, 7.127, 9.208, 12.744, 15.119, 18.392, 20.676, 23.951, 26.285)
"""When somebody flashes and knocks, or a part reaches the trigger, after the start."""
RATE_HZ = 4000.0


class Sees(drivers.Settings):
    delay_ms: float = 0.0
    """From the event until the device's stamps show it: a latency, or a way that the part travels."""
    lasts_ms: float = 80.0
    misses: tuple[int, ...] = ()
    sees_also_s: tuple[float, ...] = ()
    noise: float = 0.02
    period_ms: int = 50
    until_s: float = 100.0


class Sensor(drivers.Driver):
    Settings = Sees
    steppable = True
    made = 0

    def activity(self, t_ns):
        """Return 1 where an event shows at these instants of the station, else 0, with noise."""
        settings = self.settings
        seen_s = np.array([t for k, t in enumerate(EVENTS_S) if k not in settings.misses] + list(settings.sees_also_s))
        since_ns = np.asarray(t_ns) - self.clock.epoch_ns
        last_ns = since_ns.max() - settings.delay_ms * MS
        near_s = seen_s[(seen_s * S <= last_ns) & (seen_s * S > last_ns - 2 * S)]
        shown = np.zeros(since_ns.shape)
        for at_s in near_s:
            after_ns = since_ns - at_s * S - settings.delay_ms * MS
            shown += (after_ns >= 0) & (after_ns < settings.lasts_ms * MS)
        random = np.random.default_rng([self.made, len(self.channel)])
        return shown + settings.noise * random.standard_normal(since_ns.shape)

    def tick(self, timeout_s):
        """Return the end of the next period once it has come, on the station's clock."""
        t_ns = self.clock.epoch_ns + (self.made + 1) * self.settings.period_ms * MS
        if t_ns > self.clock.epoch_ns + self.settings.until_s * S:
            raise EndOfStream("over")
        if not self.due(t_ns, timeout_s):
            return None
        self.made += 1
        return t_ns


class Eye(Sensor, drivers.Camera):
    def read(self, timeout_s):
        t_ns = self.tick(timeout_s)
        return None if t_ns is None else Frame(t_ns, self.picture(t_ns))

    def picture(self, t_ns):
        pixels = np.random.default_rng(self.made).normal(60, 3, (48, 64))
        pixels[10:30, 20:40] += 120 * np.clip(self.activity(t_ns), -1, 1)
        return np.clip(pixels, 0, 255).astype(np.uint8)


class OwnClockEye(Eye):
    """Counts on its own, 80 ppm too fast; a picture takes 12 ms and more to arrive."""

    own_clock = True

    def read(self, timeout_s):
        frame = super().read(timeout_s)
        if frame is None:
            return None
        since_ns = frame.t_ns - self.clock.epoch_ns
        late_ms = 12 + np.random.default_rng([7, self.made]).exponential(2)
        self.arrived_ns = frame.t_ns + round(late_ms * MS)
        return Frame(123_456_789_000 + since_ns + round(since_ns * 80e-6), frame.pixels)


class Ear(Sensor, drivers.WaveformSource):
    def read(self, timeout_s):
        end_ns = self.tick(timeout_s)
        if end_ns is None:
            return None
        start_ns = end_ns - self.settings.period_ms * MS
        t_ns = start_ns + np.arange(round(self.settings.period_ms / 1e3 * RATE_HZ)) * (1e9 / RATE_HZ)
        loud = self.activity(t_ns)
        tone = np.sin(2 * np.pi * 440 * t_ns / 1e9)
        return Waveform(start_ns, RATE_HZ, (loud * tone + 0.5).astype(np.float32), self.unit)


class Probe(Sensor, drivers.SeriesSource):
    def read(self, timeout_s):
        t_ns = self.tick(timeout_s)
        return None if t_ns is None else Series(np.array([t_ns]), 20 + 5 * self.activity([t_ns]), self.unit)


class Parts(drivers.TriggerSource):
    steppable = True
    made = 0

    def wait(self, timeout_s):
        if self.made >= len(EVENTS_S):
            raise EndOfStream("over")
        t_ns = self.clock.epoch_ns + round(EVENTS_S[self.made] * S)
        if not self.due(t_ns, timeout_s):
            return None
        self.made += 1
        return Trigger(self.channel, f"p{self.made}", t_ns)


class LiveEye(Eye):
    """In real time, and only when it is fired."""

    steppable = False
    fired = 0

    def fire(self, trigger):
        self.fired += 1

    def read(self, timeout_s):
        frame = super().read(timeout_s)
        return frame if self.fired else None


class Unplugged(drivers.SeriesSource):
    steppable = True

    def open(self):
        raise DriverError("no such port, plug it in", channel=self.channel)

    def read(self, timeout_s):
        raise AssertionError


@pytest.fixture(autouse=True)
def known_drivers(monkeypatch):
    known = {"eye": Eye, "own-clock-eye": OwnClockEye, "live-eye": LiveEye, "ear": Ear, "probe": Probe}
    known |= {"parts": Parts, "unplugged": Unplugged}
    monkeypatch.setattr(devices, "load_driver", known.__getitem__)


MODALITY = {"eye": "image", "own-clock-eye": "image", "live-eye": "image", "ear": "vibration", "probe": "series", "unplugged": "series"}


@pytest.fixture
def bench(tmp_path):
    """Write a station file: channel -> (driver, settings, other keys of the channel)."""

    def write(**channels):
        content = {
            "station": "bench",
            "title": {"en": "Bench", "zh": "台"},
            "trigger": {"driver": "parts"},
            "channels": {
                name: {"modality": MODALITY[driver], "driver": driver, "unit": "u", "settings": settings, "window": {"pre_s": 1}} | keys
                for name, (driver, settings, keys) in channels.items()
            },
        }
        path = tmp_path / "bench.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    return write


def measured(path, **wish):
    said = []
    outcome = calibrate(path, Wish(**wish), said.append)
    return outcome.document["channels"], said


def test_latencies_are_found_in_spite_of_noise_missed_and_foreign_events(bench):
    path = bench(
        vibration=("ear", {"noise": 0.05}, {}),
        mic=("ear", {"delay_ms": 37, "misses": [3], "sees_also_s": [10.9]}, {}),
        camera=("eye", {"delay_ms": 60, "lasts_ms": 500, "misses": [5]}, {}),
        pressure=("probe", {"delay_ms": 21, "lasts_ms": 600, "period_ms": 10}, {}),
    )
    found, said = measured(path, seconds=30)
    assert found["mic"]["latency_ms"] == pytest.approx(37, abs=1)
    assert found["mic"]["events"] == 9
    assert found["camera"]["latency_ms"] == pytest.approx(60, abs=12)
    assert abs(found["camera"]["latency_ms"] - 60) <= 3 * found["camera"]["spread_ms"] + 5
    assert found["pressure"]["latency_ms"] == pytest.approx(21, abs=3)
    assert "10 times" in said[0]
    assert "against vibration" in said[1]
    station = load_station(path)
    assert station.channels["mic"].latency_ms == found["mic"]["latency_ms"]
    assert station.channels["vibration"].latency_ms == 0


def test_the_latency_of_a_device_with_a_clock_of_its_own_is_what_its_fit_leaves(bench):
    path = bench(vibration=("ear", {}, {"latency_ms": 4}), camera=("own-clock-eye", {"lasts_ms": 500, "period_ms": 20}, {}))
    found, _ = measured(path, seconds=30)
    assert found["camera"]["latency_ms"] == pytest.approx(4 + 12.2, abs=4)


def test_what_the_station_file_says_counts_for_more(bench):
    path = bench(vibration=("ear", {}, {}), mic=("ear", {"delay_ms": 37}, {"latency_ms": 5}), pressure=("probe", {"period_ms": 10}, {}))
    measured(path, seconds=30)
    assert load_station(path).channels["mic"].latency_ms == 5
    assert load_station(path).channels["pressure"].latency_ms == pytest.approx(0, abs=6)


def test_a_channel_that_sees_other_things_is_rejected_in_words(bench):
    path = bench(
        vibration=("ear", {}, {}),
        mic=("ear", {"misses": [*range(2, 10)], "sees_also_s": [3.31, 6.6, 11.47, 17.2, 22.55]}, {}),
        camera=("eye", {"misses": [*range(10)]}, {}),
        pressure=("probe", {"delay_ms": 5, "period_ms": 10}, {}),
        gone=("unplugged", {}, {}),
    )
    found, said = measured(path, seconds=30)
    assert found["mic"]["latency_ms"] is None
    assert "saw 7 events, 2 agree with 10 of vibration" in found["mic"]["says"]
    assert found["camera"]["latency_ms"] is None
    assert "no such port" in found["gone"]["says"]
    assert found["pressure"]["latency_ms"] is not None
    assert any("mic" in line and "not measured" in line for line in said)
    assert set(yaml.safe_load(calibration_path(path).read_text())["latencies"]["channels"]) == {"pressure"}


def test_a_reference_without_events_or_that_is_not_there_is_told(bench):
    path = bench(vibration=("ear", {"misses": [*range(1, 10)]}, {}), mic=("ear", {}, {}))
    with pytest.raises(InspectorError, match="the reference saw 1 events where 3 are the least"):
        measured(path, seconds=30, reference="vibration")
    with pytest.raises(UsageError, match="no such channel, it has vibration, mic"):
        measured(path, reference="micro")
    with pytest.raises(UsageError, match="--seconds -1"):
        measured(path, seconds=-1)


def test_lags_are_found_for_every_kind_of_channel(bench):
    path = bench(
        camera=("eye", {"delay_ms": 1480, "lasts_ms": 240, "misses": [4]}, {}),
        vibration=("ear", {"delay_ms": 900, "lasts_ms": 40, "sees_also_s": [11.0]}, {"latency_ms": 100}),
        pressure=("probe", {"delay_ms": 300, "lasts_ms": 200, "period_ms": 20}, {}),
        still=("probe", {"misses": [*range(10)]}, {}),
    )
    found, said = measured(path, seconds=30, lag=True)
    assert found["camera"]["lag_ms"] == pytest.approx(1600, abs=30)
    assert found["vibration"]["lag_ms"] == pytest.approx(900 + 20 - 100, abs=10)
    assert found["pressure"]["lag_ms"] == pytest.approx(400, abs=15)
    assert found["still"]["lag_ms"] is None
    assert "does not show" in found["still"]["says"]
    assert found["camera"]["parts"] == 9
    assert any("spread" in line and "camera" in line for line in said)
    assert load_station(path).channels["camera"].lag_ms == found["camera"]["lag_ms"]


def test_parts_at_even_distances_leave_the_lag_open_until_it_is_bounded(bench, monkeypatch):
    monkeypatch.setitem(globals(), "EVENTS_S", tuple(2.0 + 1.5 * k for k in range(12)))
    path = bench(vibration=("ear", {"delay_ms": 900, "lasts_ms": 40}, {}))
    found, _ = measured(path, seconds=30, lag=True)
    assert found["vibration"]["lag_ms"] is None
    assert "-582, 918, 2418 ms and so on fit alike" in found["vibration"]["says"]
    found, _ = measured(path, seconds=30, lag=True, min_lag_s=0.0, max_lag_s=1.4)
    assert found["vibration"]["lag_ms"] == pytest.approx(920, abs=10)


def test_lags_and_latencies_stay_beside_each_other(bench):
    path = bench(vibration=("ear", {}, {}), mic=("ear", {"delay_ms": 30}, {}))
    measured(path, seconds=30)
    measured(path, seconds=30, lag=True)
    kept = yaml.safe_load(calibration_path(path).read_text())
    assert kept["latencies"]["reference"] in ("mic", "vibration")
    assert set(kept["lags"]["channels"]) == {"mic", "vibration"}
    assert datetime.fromisoformat(kept["lags"]["date"]) <= datetime.now(UTC)
    assert station_files(path.parent) == [path]


def test_a_live_station_is_read_in_real_time_and_its_cameras_are_fired(bench, monkeypatch):
    monkeypatch.setitem(globals(), "EVENTS_S", (0.2, 0.5))
    path = bench(camera=("live-eye", {"period_ms": 20}, {}), vibration=("ear", {"period_ms": 20}, {}), gone=("unplugged", {}, {}))
    begun = []
    start_ns = time.monotonic_ns()
    heard = listen(load_station(path), path, 1.0, with_trigger=True, on_begin=lambda: begun.append(time.monotonic_ns()))
    assert len(begun) == 1
    assert len(heard.triggers_ns) == 2
    assert set(heard.tracks) == {"camera", "vibration"}
    assert "no such port" in heard.troubles["gone"]
    for track in heard.tracks.values():
        assert start_ns - S <= track.start_ns[0] < track.end_ns[-1] <= time.monotonic_ns()


def test_lags_are_found_in_a_recording(bench, tmp_path):
    path = bench(vibration=("ear", {"delay_ms": 600, "lasts_ms": 40}, {"window": {"pre_s": 0.2, "post_s": 1.5}}))
    assert main(["station", "record", str(path), "--parts", "8", "--out", str(tmp_path / "r.mcap")]) == 0
    assert recordings.count_parts(tmp_path / "r.mcap") == 8
    found, said = measured(path, recording=tmp_path / "r.mcap")
    assert found["vibration"]["lag_ms"] == pytest.approx(620, abs=10)
    assert "8 parts" in said[0]


def test_the_command_tells_machines_and_gives_2_where_nothing_was_measured(bench, tmp_path, capsys):
    path = bench(vibration=("ear", {}, {}), mic=("ear", {"delay_ms": 30}, {}))
    assert main(["station", "calibrate", str(path), "--seconds", "30", "--reference", "vibration", "--json", str(tmp_path / "c.json")]) == 0
    told = json.loads((tmp_path / "c.json").read_text())
    assert told["channels"]["mic"]["latency_ms"] == pytest.approx(30, abs=1)
    assert told["kept"].endswith("bench.calibration.yaml")
    assert "flash a light" in capsys.readouterr().out
    path = bench(vibration=("ear", {}, {}), camera=("eye", {"misses": [*range(10)]}, {}))
    calibration_path(path).unlink()
    assert main(["station", "calibrate", str(path), "--seconds", "30", "--json", "-"]) == 2
    assert json.loads(capsys.readouterr().out)["kept"] is None


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("station: other\n", "station"),
        (
            "station: bench\nlags: {date: 2026-01-01T00:00:00Z, channels: {eye9: {lag_ms: 1, spread_ms: 0, parts: 3}}}\n",
            "lags.channels.eye9",
        ),
        (
            "station: bench\nlags: {date: 2026-01-01T00:00:00Z, channels: {mic: {lag_ms: .nan, spread_ms: 0, parts: 3}}}\n",
            "lags.channels.mic.lag_ms",
        ),
        ("station: bench\nlag: 1\n", "lag"),
    ],
)
def test_a_wrong_calibration_is_named_with_file_and_key(bench, content, key):
    path = bench(mic=("ear", {}, {}))
    calibration_path(path).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_station(path)
    assert caught.value.key == key
    assert str(caught.value.path).endswith("bench.calibration.yaml")
