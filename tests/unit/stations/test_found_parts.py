"""Triggers that find parts in pictures and in sound, on signals whose events are known."""

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from inspector.clock import MonotonicClock, SteppedClock
from inspector.errors import DriverError
from inspector.parts import Frame, Series, Waveform
from inspector.plugins import load_driver
from stations.simulator.line import Line
from stations.simulator.scenario import LineSettings

FRAME_NS = 40_000_000
BELT = 40
PART_PX = 60


def made(name, clock=None, **settings):
    driver = load_driver(name)
    trigger = driver(driver.Settings.model_validate({"channel": "watched"} | settings), channel="press", clock=clock or SteppedClock())
    trigger.open()
    return trigger


def found(trigger):
    parts = []
    while (part := trigger.wait(1.0)) is not None:
        parts.append(part)
    return parts


def view(k, comes, speed_px=20, rng=None, light=1.0, flicker=0.0):
    """Picture k of a belt on which a part comes in from the left at each of `comes`; 240 px wide."""
    rng = rng or np.random.default_rng(k)
    picture = np.full((120, 240), BELT, np.float32)
    for first in comes:
        right = (k - first + 1) * speed_px
        if 0 < right < 240 + PART_PX:
            picture[30:90, max(0, right - PART_PX) : right] = 160
    picture = picture * light * (1 + flicker * rng.standard_normal()) + rng.normal(0, 4, picture.shape)
    return Frame(k * FRAME_NS, np.clip(picture, 0, 255).astype(np.uint8))


def test_each_part_in_view_is_one_trigger_at_its_first_picture():
    trigger = made("picture-change", region_px=(100, 20, 40, 80), prefix="disc-")
    comes = [60, 85, 110, 160]
    for k in range(220):
        trigger.observe(view(k, comes))
    parts = found(trigger)
    assert [part.part_id for part in parts] == [f"disc-{n:06d}" for n in range(1, 5)]
    assert {part.station for part in parts} == {"press"}
    in_place = [first + 5 for first in comes]  # its front lies 20 px inside of the region: 5 pictures after it came into view
    assert [round(part.t_ns / FRAME_NS) for part in parts] == in_place


@pytest.mark.parametrize(
    ("light", "flicker"),
    [
        (lambda k: 1 + 0.4 * np.sin(k / 150), 0.0),
        (lambda _k: 1.0, 0.06),
        (lambda k: 1 + k / 1500, 0.02),
    ],
)
def test_slow_light_and_flicker_are_no_parts_and_hide_none(light, flicker):
    trigger = made("picture-change")
    comes = list(range(60, 700, 75))
    for k in range(760):
        trigger.observe(view(k, comes, light=light(k), flicker=flicker))
    stamps = np.array([part.t_ns / FRAME_NS for part in found(trigger)])
    assert len(stamps) == len(comes)
    assert np.max(np.abs(stamps - comes - 2)) <= 2


def test_one_damaged_picture_is_no_part():
    trigger = made("picture-change")
    for k in range(100):
        frame = view(k, [])
        trigger.observe(Frame(frame.t_ns, 255 - frame.pixels) if k == 70 else frame)
    assert found(trigger) == []


def test_a_part_that_stops_in_view_is_one_part_and_its_leaving_none():
    trigger = made("picture-change", adapt_s=1.0)
    comes = [40, 100, 500, 560]  # the second one stops from picture 106 on, for 13 s
    for k in range(620):
        shown = min(k, 106) if k < 430 else k - 324 if k < 480 else k
        trigger.observe(Frame(k * FRAME_NS, view(shown, comes, rng=np.random.default_rng(k)).pixels))
    assert [round(part.t_ns / FRAME_NS) for part in found(trigger)] == pytest.approx(comes, abs=3)


def test_a_start_with_a_part_in_view_is_mended_by_itself():
    trigger = made("picture-change", adapt_s=1.0)
    comes = [-3, *range(400, 700, 60)]
    for k in range(750):
        shown = view(k, [-3], speed_px=0) if k < 60 else view(k, comes[1:])
        shown = Frame(shown.t_ns, cv2.rectangle(shown.pixels.copy(), (80, 30), (140, 90), 160, -1)) if k < 60 else shown
        trigger.observe(shown)
    late = [part.t_ns / FRAME_NS for part in found(trigger) if part.t_ns > 300 * FRAME_NS]
    assert len(late) == len(comes) - 1


def test_colour_and_16_bit_pictures_are_watched_as_well():
    for change in (lambda p: np.repeat(p[:, :, None], 3, axis=2), lambda p: p.astype(np.uint16) * 257):
        trigger = made("picture-change")
        for k in range(120):
            frame = view(k, [70])
            trigger.observe(Frame(frame.t_ns, change(frame.pixels)))
        assert len(found(trigger)) == 1


def test_a_clock_that_is_corrected_by_little_loses_nothing():
    trigger = made("picture-change")
    for k in range(100):
        frame = view(k, [70])
        trigger.observe(Frame(frame.t_ns - (30_000_000 if k > 65 else 0), frame.pixels))
        trigger.observe(Frame(frame.t_ns - 500_000_000, frame.pixels))
    assert len(found(trigger)) == 1


def test_a_camera_that_comes_back_is_learned_anew():
    trigger = made("picture-change")
    for k in range(60):
        trigger.observe(view(k, []))
    for k in range(1000, 1100):
        trigger.observe(view(k, [1060], light=2.0))
    assert len(found(trigger)) == 1


def test_parts_of_the_simulated_line_seen_on_a_moving_belt():
    line = Line(LineSettings(seed=4, parts=4))
    pictures = [line.frame(part).pixels[::4, ::4] for part in range(4)]
    belt = np.median(pictures[0][:, :10].reshape(-1, 3), axis=0).astype(np.uint8)
    trigger = made("picture-change", region_px=(75, 15, 10, 90))
    middles = [40, 75, 100, 140]
    for k in range(170):
        shown = np.clip(belt + np.random.default_rng(k).normal(0, 3, pictures[0].shape), 0, 255).astype(np.uint8)
        for picture, middle in zip(pictures, middles, strict=True):
            left = (k - middle) * 20
            if abs(left) < 160:
                shown[:, max(0, left) : 160 + min(0, left)] = picture[:, max(0, -left) : 160 - max(0, left)]
        trigger.observe(Frame(k * FRAME_NS, shown))
    ahead = [middle - part.t_ns / FRAME_NS for part, middle in zip(found(trigger), middles, strict=True)]
    assert np.ptp(ahead) <= 1  # a part's front reaches the strip so many pictures before the part lies in the middle
    assert 2 <= np.mean(ahead) <= 5


RATE_HZ = 16_000


def sound(seconds, events_s, seed=0, level=0.01, hum=0.05, peak=0.2, rate_hz=RATE_HZ, ring_s=0.05):
    t_s = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = level * np.random.default_rng(seed).standard_normal(len(t_s)) + hum * np.sin(2 * np.pi * 50 * t_s)
    for event_s in events_s:
        since = np.maximum(t_s - event_s, 0)
        noise += (t_s >= event_s) * peak * np.exp(-since / ring_s) * np.sin(2 * np.pi * 1200 * since)
    return noise.astype(np.float32)


def hear(trigger, samples, start_ns=0, rate_hz=RATE_HZ, block=1000):
    for first in range(0, len(samples), block):
        trigger.observe(Waveform(start_ns + round(first * 1e9 / rate_hz), float(rate_hz), samples[first : first + block], "FS"))


@pytest.mark.parametrize(("peak", "within_ms"), [(0.4, 1.5), (0.15, 2.0), (0.08, 4.0)])
def test_each_sound_is_one_trigger_at_its_beginning(peak, within_ms):
    events_s = [1.5, 2.2, 3.0137, 4.4, 4.9]
    trigger = made("sound-onset")
    hear(trigger, sound(6, events_s, peak=peak))
    stamps_s = np.array([part.t_ns / 1e9 for part in found(trigger)])
    assert len(stamps_s) == len(events_s)
    assert np.max(np.abs(stamps_s - events_s)) * 1e3 < within_ms


def test_echoes_of_a_part_are_that_part():
    trigger = made("sound-onset", min_interval_s=0.4)
    hear(trigger, sound(6, [s + echo for s in (1.5, 2.5, 3.5) for echo in (0, 0.11, 0.3)]))
    assert len(found(trigger)) == 3


def test_a_background_that_grows_and_falls_is_no_part_and_hides_none():
    seconds, events_s = 40, np.arange(2, 39, 1.7)
    slow = 10 ** (np.sin(np.arange(seconds * RATE_HZ) / RATE_HZ / 5) * 0.6)
    samples = sound(seconds, [], level=0.005) * slow + sound(seconds, events_s, level=0.0, hum=0.0, peak=0.5)
    trigger = made("sound-onset")
    hear(trigger, samples.astype(np.float32))
    stamps_s = np.array([part.t_ns / 1e9 for part in found(trigger)])
    assert len(stamps_s) == len(events_s)
    assert np.max(np.abs(stamps_s - events_s)) < 0.004


def test_a_sound_outside_of_the_band_is_not_heard():
    trigger = made("sound-onset", band_hz=(3000, 7000))
    hear(trigger, sound(5, [], level=0.01) + sound(5, [2, 3], level=0, hum=0, peak=0.02))
    assert found(trigger) == []


def test_digital_silence_and_an_offset_are_no_parts():
    trigger = made("sound-onset")
    hear(trigger, np.full(3 * RATE_HZ, 0.3, np.float32))
    hear(trigger, np.zeros(3 * RATE_HZ, np.float32), start_ns=10_000_000_000)
    assert found(trigger) == []


def test_samples_that_are_no_numbers_do_not_deafen():
    samples = sound(4, [3.0])
    samples[RATE_HZ * 2 : RATE_HZ * 2 + 10] = np.nan
    trigger = made("sound-onset")
    hear(trigger, samples)
    assert [round(part.t_ns / 1e9, 2) for part in found(trigger)][-1] == 3.0


def test_a_gap_is_no_part_and_what_is_usual_stays_known():
    trigger = made("sound-onset")
    hear(trigger, sound(3, [2.0]))
    hear(trigger, sound(3, [0.5], seed=1), start_ns=5_000_000_000)
    assert [round(part.t_ns / 1e9, 2) for part in found(trigger)] == [2.0, 5.5]


def test_strokes_of_the_simulated_press_are_heard_one_by_one():
    line = Line(LineSettings(seed=5))
    trigger = made("sound-onset", channel="microphone", band_hz=(900, 1400), threshold_db=9)
    first = line.first_block("microphone")
    for block in range(first, first + 300):
        trigger.observe(line.waveform("microphone", block, block + 1))
    stamps_s = np.array([(part.t_ns - line.t0_ns) / 1e9 for part in found(trigger)])
    strokes_s = np.array([t_s for _, t_s in line.world.motion.strokes_between(0.5, 28.9)])
    assert len(stamps_s) - len(strokes_s) in (0, 1)  # the one of before, where learning had ended by then
    errors_ms = 1e3 * (stamps_s[-len(strokes_s) :] - strokes_s)
    assert np.percentile(np.abs(errors_ms), 95) < 2
    assert np.max(np.abs(errors_ms)) < 15


@pytest.mark.parametrize(
    ("name", "signal", "settings", "message"),
    [
        ("picture-change", Waveform(0, 1000.0, np.zeros(10, np.float32), "FS"), {}, "^press: channel 'watched' has no pictures"),
        ("picture-change", Frame(0, np.zeros((10, 10), np.uint8)), {"region_px": (5, 0, 6, 1)}, "ends outside of the picture of 10 x 10"),
        ("sound-onset", Series(np.zeros(1, np.int64), np.zeros(1), "bar"), {}, "^press: channel 'watched' has no sound"),
        ("sound-onset", Waveform(0, 1000.0, np.zeros(10, np.float32), "FS"), {"band_hz": (500, 900)}, "which 1000 samples a second"),
    ],
)
def test_a_channel_that_cannot_be_watched_is_told_when_a_part_is_waited_for(name, signal, settings, message):
    trigger = made(name, **settings)
    trigger.observe(signal)
    with pytest.raises(DriverError, match=message):
        trigger.wait(0.1)


@pytest.mark.parametrize("name", ["picture-change", "sound-onset"])
def test_waiting_takes_no_time_of_a_stepped_clock_and_the_time_asked_of_a_real_one(name):
    stepped = SteppedClock()
    assert made(name, stepped).wait(10.0) is None
    assert stepped.now_ns() == 0
    clock = MonotonicClock()
    trigger, began_ns = made(name, clock), clock.now_ns()
    assert trigger.wait(0.1) is None
    assert 0.09 < (clock.now_ns() - began_ns) / 1e9 < 1.0
    assert trigger.watches == "watched"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("picture-change", {"region_px": (0, 0, 0, 5)}, "width, height"),
        ("picture-change", {"area_ratio": 0}, "area_ratio"),
        ("sound-onset", {"band_hz": (500, 200)}, "the lower one first"),
        ("sound-onset", {"channel": ""}, "channel"),
    ],
)
def test_wrong_finder_settings_are_told(name, settings, message):
    with pytest.raises(ValidationError, match=message):
        made(name, **settings)
