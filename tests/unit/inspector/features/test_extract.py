import numpy as np
import pytest

from inspector.features import Features, extract
from inspector.parts import Channel, Frame, PartRecord, Series, Trigger, Waveform

CHANNELS = {
    "camera": Channel("camera", "image"),
    "microphone": Channel("microphone", "audio", "FS"),
    "bearing": Channel("bearing", "vibration", "m/s2"),
    "temperature": Channel("temperature", "series", "degC"),
}


def record(frames=None, waveforms=None, series=None) -> PartRecord:
    return PartRecord(Trigger("test", "p1", 0), CHANNELS, frames or {}, waveforms or {}, series or {})


def surface(height=120, width=160, dtype=np.uint8) -> np.ndarray:
    random = np.random.default_rng(1)
    top = 255 if dtype == np.uint8 else 4095
    return (random.normal(0.5, 0.1, (height, width)).clip(0, 1) * top).astype(dtype)


def noise(seconds=1.0, rate_hz=16000, level=0.05) -> np.ndarray:
    return np.random.default_rng(2).normal(0, level, int(seconds * rate_hz)).astype(np.float32)


def sound(samples, rate_hz=16000.0) -> Features:
    return extract(record(waveforms={"microphone": Waveform(-int(1e9), rate_hz, samples, "FS")}))


def slow(values, rate_hz=1.0) -> Features:
    t_ns = (np.arange(len(values)) * 1e9 / rate_hz).astype(np.int64)
    return extract(record(series={"temperature": Series(t_ns, np.asarray(values, float), "degC")}))


@pytest.mark.parametrize(
    "pixels",
    [
        surface(),
        surface(dtype=np.uint16),
        np.repeat(surface()[:, :, None], 3, axis=2),
        surface(1, 300),
        surface(300, 1),
        surface(40, 1500),
    ],
    ids=["grey", "16 bit", "RGB", "1 px high", "1 px wide", "long"],
)
def test_any_picture_becomes_rgb_of_bounded_size(pixels):
    picture = extract(record(frames={"camera": Frame(0, pixels)})).pictures["camera"]
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape[2] == 3
    assert max(picture.pixels.shape) <= 640
    assert picture.size_px == (pixels.shape[1], pixels.shape[0])


def test_depth_of_a_16_bit_picture_is_found():
    dark = surface(dtype=np.uint16)
    picture = extract(record(frames={"camera": Frame(0, dark)})).pictures["camera"]
    assert 100 < picture.pixels.mean() < 155


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda p: np.clip(p.astype(int) * 3, 0, 255).astype(np.uint8), "overexposed"),
        (lambda p: (p // 40).astype(np.uint8), "underexposed"),
        (lambda p: np.where(np.arange(p.shape[1]) < 70, np.uint8(90), p), "occluded"),
    ],
)
def test_a_spoilt_picture_is_named(spoil, reason):
    features = extract(record(frames={"camera": Frame(0, spoil(surface()))}))
    assert features.degraded["camera"] == reason
    assert features.quality["camera"] < 0.6


def test_a_sound_picture_is_not_degraded():
    features = extract(record(frames={"camera": Frame(0, surface())}))
    assert "camera" not in features.degraded
    assert features.quality["camera"] > 0.9


def test_missing_channels_are_named():
    assert extract(record()).degraded == dict.fromkeys(CHANNELS, "missing")


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_a_sound_means_the_same_at_every_rate(rate_hz):
    t_s = np.arange(rate_hz * 2) / rate_hz
    tone = (0.1 * np.sin(2 * np.pi * 1000 * t_s) + 0.001 * np.random.default_rng(0).normal(size=len(t_s))).astype(np.float32)
    vector = sound(tone, rate_hz).vectors["microphone"]
    expected = sound(tone if rate_hz == 16000 else _tone_16k()).vectors["microphone"]
    assert vector.summary.shape == expected.summary.shape
    assert int(np.nanargmax(vector.summary[:64])) == int(np.nanargmax(expected.summary[:64]))


def _tone_16k() -> np.ndarray:
    t_s = np.arange(32000) / 16000
    return (0.1 * np.sin(2 * np.pi * 1000 * t_s) + 0.001 * np.random.default_rng(0).normal(size=len(t_s))).astype(np.float32)


def test_gain_changes_nothing():
    quiet, loud = (sound(noise(level=level)).vectors["microphone"].summary for level in (0.01, 0.1))
    assert np.abs(quiet - loud).max() < 0.05


def test_times_of_steps_are_relative_to_the_trigger():
    offsets_s = sound(noise()).vectors["microphone"].offsets_s
    assert -1 < offsets_s[0] < offsets_s[-1] < 0


def test_clipped_and_silent_sounds_are_named():
    assert sound(np.clip(noise(level=0.5), -0.4, 0.4)).degraded["microphone"] == "clipped"
    assert sound(np.zeros(16000, np.float32)).degraded["microphone"] == "silent"
    assert "microphone" not in sound(noise()).degraded


def test_a_sound_of_few_samples_or_nan_is_degraded_not_an_error():
    assert sound(noise()[:100]).quality["microphone"] == 0
    assert sound(np.full(16000, np.nan, np.float32)).quality["microphone"] == 0


def test_a_short_sound_has_as_many_steps_as_a_long_one():
    assert sound(noise(0.1)).vectors["microphone"].steps.shape == sound(noise(2)).vectors["microphone"].steps.shape


@pytest.mark.parametrize("rate_hz", [5000, 12800, 20000, 51200])
def test_impacts_show_in_the_envelope_at_their_own_frequency(rate_hz):
    from inspector.features.vibration import ENVELOPE_EDGES_HZ

    t_s = np.arange(rate_hz) / rate_hz
    impacts = ((t_s * 80) % 1 < 0.05) * np.sin(2 * np.pi * 1500 * t_s) + 0.01 * np.random.default_rng(0).normal(size=rate_hz)
    features = extract(record(waveforms={"bearing": Waveform(0, rate_hz, impacts.astype(np.float32), "m/s2")}))
    bands = len(ENVELOPE_EDGES_HZ) - 1
    start = len(features.vectors["bearing"].summary) - 7 - 2 * (bands + 3)
    peaks = features.vectors["bearing"].summary[start : start + bands]
    place = int(np.nanargmax(peaks))
    assert ENVELOPE_EDGES_HZ[place] <= 80.5
    assert ENVELOPE_EDGES_HZ[place + 1] >= 79.5


def test_a_series_with_gaps_is_described_by_what_is_there():
    values = np.linspace(20, 30, 60)
    whole = slow(values).vectors["temperature"].summary
    values[10:20] = np.nan
    gappy = slow(values)
    assert np.isfinite(gappy.vectors["temperature"].summary).all()
    assert gappy.vectors["temperature"].summary[9] == pytest.approx(whole[9], rel=0.05)
    assert gappy.quality["temperature"] < 1


def test_stuck_and_empty_series_are_named():
    values = np.random.default_rng(0).normal(20, 1, 60)
    values[10:] = values[10]
    assert slow(values).degraded["temperature"] == "stuck value"
    assert slow(np.full(60, np.nan)).degraded["temperature"] == "no values"
    assert "temperature" not in slow(np.full(60, 20.0)).degraded
