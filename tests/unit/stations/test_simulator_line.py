"""The simulated line: the same world for whoever reads it, in whatever order."""

import itertools

import numpy as np
import pytest

from inspector.clock import MonotonicClock, SteppedClock
from inspector.config import load_station
from inspector.drivers import Driver
from inspector.errors import ConfigError, DriverError, EndOfStream
from inspector.home import shipped
from inspector.parts import Capture, Frame, Waveform
from inspector.plugins import load_driver
from stations.drivers.simulated import SimulatedCamera, SimulatedSeries, SimulatedTrigger, SimulatedWaveform, StreamSettings
from stations.simulator import CAUSE_LIMIT, CAUSES, STREAMS, WAVEFORMS, Fault, Line, LineSettings

SETTINGS = LineSettings(seed=11, parts=6, faults=(Fault(cause="bearing_wear", onset_s=0.5, ramp_s=1.0),))


def _opened(driver: Driver) -> Driver:
    driver.open()
    return driver


def _stream(name: str, clock: SteppedClock) -> SimulatedWaveform | SimulatedSeries:
    kind = SimulatedWaveform if name in WAVEFORMS else SimulatedSeries
    return _opened(kind(StreamSettings(**SETTINGS.model_dump()), channel=name, unit=STREAMS[name].unit, clock=clock))


def _all_of(source: SimulatedWaveform | SimulatedSeries) -> list:
    blocks = []
    try:
        while True:
            blocks.append(source.read(100.0))
    except EndOfStream:
        return blocks


def _same(a: Capture, b: Capture) -> bool:
    pictures = all(np.array_equal(a.frames[n].pixels, b.frames[n].pixels) for n in a.frames)
    waves = all(np.array_equal(a.waveforms[n].samples, b.waveforms[n].samples) for n in a.waveforms)
    return pictures and waves and all(np.array_equal(a.series[n].values, b.series[n].values) for n in a.series)


def test_the_same_seed_gives_the_same_line_in_any_order() -> None:
    forward, backward = Line(SETTINGS), Line(SETTINGS)
    first = [forward.capture(k) for k in range(3)]
    again = [backward.capture(k) for k in (2, 1, 0)][::-1]
    assert all(_same(a, b) for a, b in zip(first, again, strict=True))
    assert not _same(first[0], Line(SETTINGS.model_copy(update={"seed": 12})).capture(0))


@pytest.mark.parametrize("name", STREAMS)
def test_drivers_deliver_the_samples_of_a_capture(name: str) -> None:
    clock = SteppedClock()
    blocks = _all_of(_stream(name, clock))
    part = Line(SETTINGS).capture(4)
    if name in WAVEFORMS:
        whole, start_ns = np.concatenate([b.samples for b in blocks]), blocks[0].start_ns
        wanted: Waveform = part.waveforms[name]
        offset = round((wanted.start_ns - start_ns) * wanted.sample_rate_hz / 1e9)
        assert np.array_equal(whole[offset : offset + len(wanted.samples)], wanted.samples)
        assert all(a.end_ns == b.start_ns for a, b in itertools.pairwise(blocks))
        return
    t_ns, values = (np.concatenate([getattr(b, field) for b in blocks]) for field in ("t_ns", "values"))
    inside = np.isin(t_ns, part.series[name].t_ns)
    assert np.array_equal(values[inside], part.series[name].values)
    assert np.all(np.diff(t_ns) == 1_000_000_000 // STREAMS[name].rate_hz)


def test_trigger_camera_and_truth_belong_together() -> None:
    clock = SteppedClock()
    trigger = _opened(SimulatedTrigger(SETTINGS, channel="demo-press", clock=clock))
    camera = _opened(SimulatedCamera(SETTINGS, channel="camera", clock=clock))
    line = Line(SETTINGS)
    for part in range(6):
        event, frame = trigger.wait(100.0), camera.read(100.0)
        assert event is not None
        assert isinstance(frame, Frame)
        assert (event.part_id, event.t_ns) == (f"A7-{part:06d}", line.trigger(part).t_ns)
        assert 0 < frame.t_ns - event.t_ns < 10_000_000
        truth = trigger.truth(event.part_id)
        assert truth is not None
        assert (truth.label, truth.cause) == (line.truth(part).label, line.truth(part).cause)
    with pytest.raises(EndOfStream):
        trigger.wait(100.0)
    with pytest.raises(EndOfStream):
        camera.read(100.0)
    assert trigger.truth("B1-000001") is None
    assert trigger.truth("A7-000099") is None


def test_on_a_real_clock_a_read_respects_its_timeout() -> None:
    clock = MonotonicClock()
    trigger = _opened(SimulatedTrigger(SETTINGS, channel="demo-press", clock=clock))
    start_ns = clock.now_ns()
    assert trigger.wait(0.05) is None
    assert 0.04 < (clock.now_ns() - start_ns) / 1e9 < 0.4
    assert trigger.wait(2.0) is not None


def test_the_recorder_delivers_the_minute_before_at_once() -> None:
    source = _opened(SimulatedSeries(StreamSettings(**SETTINGS.model_dump()), channel="coolant_temp", clock=MonotonicClock()))
    history = source.read(0.0)
    assert history is not None
    assert len(history.values) >= 120


def test_a_closed_line_starts_anew() -> None:
    clock = SteppedClock(start_ns=10**12)
    trigger = _opened(SimulatedTrigger(SETTINGS, channel="demo-press", clock=clock))
    first = trigger.wait(100.0)
    trigger.close()
    trigger.close()
    again = _opened(SimulatedTrigger(SETTINGS, channel="demo-press", clock=clock)).wait(100.0)
    assert first is not None
    assert again is not None
    assert again.t_ns > first.t_ns
    with pytest.raises(DriverError, match="not open"):
        trigger.wait(100.0)


def test_an_unknown_stream_is_named() -> None:
    with pytest.raises(ConfigError, match="microphone"):
        SimulatedWaveform(StreamSettings(), channel="tacho")


def test_the_demo_station_opens() -> None:
    station = load_station(shipped("stations/definitions/demo-press.yaml"))
    for name, channel in station.channels.items():
        driver = load_driver(channel.driver)
        made = driver(driver.Settings(**channel.settings), channel=name, unit=channel.unit, clock=SteppedClock())
        made.open()
        made.close()
    assert {name for name, c in station.channels.items() if c.modality != "image"} == set(STREAMS)


def test_every_fault_has_its_turn_and_a_fair_share_is_defective() -> None:
    fates = [Line(LineSettings(seed=seed)).fate(k) for seed in (1, 2) for k in range(500)]
    assert {fate.cause for fate in fates} == {*CAUSES, "none"}
    assert 0.2 < np.mean([fate.label != "ok" for fate in fates]) < 0.35
    quiet = [fate for fate in fates if fate.cause == "none"]
    assert all(fate.severity >= CAUSE_LIMIT for fate in fates if fate.cause != "none")
    assert {fate.label for fate in quiet} == {"ok", "inclusion", "scratch"}
    assert all(fate.label == "ok" for fate in fates if fate.cause in ("lens_dirt", "light_failure"))
    assert any(fate.label == "ok" for fate in fates if fate.cause == "bearing_wear")
