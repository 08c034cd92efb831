from dataclasses import replace

import numpy as np
import pytest

from inspector.degradations import (
    blurred,
    clipped,
    compressed,
    dropped,
    exposed,
    humming,
    noisy,
    occluded,
    smeared,
    stuck,
    unsteady,
    with_gaps,
)
from inspector.features import picture, picture_quality, series_quality, waveform_quality
from inspector.features.quality import INDICATORS
from inspector.parts import Frame, Series, Waveform


def frame(seed=0, shape=(300, 400)) -> Frame:
    """A surface as a camera sees it: texture of several sizes and a little noise."""
    import cv2

    random = np.random.default_rng(seed)
    texture = sum(cv2.GaussianBlur(random.normal(0, 1, shape), (0, 0), s) * s for s in (1, 3, 9))
    return Frame(0, np.clip(120 + 25 * texture + random.normal(0, 2, shape), 0, 255).astype(np.uint8))


def of_picture(frame):
    return picture_quality.assess(frame, picture.prepare(frame, 0))


def machine(seed=0, rate_hz=16000, seconds=1.5, screech=0.0) -> Waveform:
    """Harmonics of a shaft over coloured noise; with `screech` a loud tone as a dry bearing makes it."""
    random = np.random.default_rng(seed)
    t_s = np.arange(int(rate_hz * seconds)) / rate_hz
    tones = sum(0.02 / k * np.sin(2 * np.pi * 29 * k * t_s + k) for k in range(1, 12))
    rumble = np.convolve(random.normal(0, 0.02, len(t_s)), np.hanning(9) / 4.5, mode="same")
    return Waveform(0, rate_hz, (tones + rumble + screech * np.sin(2 * np.pi * 3100 * t_s)).astype(np.float32), "FS")


def slow(count=60) -> Series:
    return Series(np.arange(count, dtype=np.int64) * 10**9, np.random.default_rng(0).normal(20, 1, count), "degC")


PICTURES = {
    "blur": lambda: blurred(frame(), 4),
    "smear": lambda: smeared(frame(), 20, np.random.default_rng(5)),
    "blocks": lambda: compressed(frame(), 5),
    "bright": lambda: exposed(frame(), 2),
    "dark": lambda: exposed(frame(), -6),
    "plain": lambda: occluded(frame(), 0.3, np.random.default_rng(1)),
}
WAVES = {
    "clipped": lambda: clipped(machine(), 0.3),
    "snr_db": lambda: noisy(machine(), -5, np.random.default_rng(1)),
    "hum": lambda: humming(machine(), 10, np.random.default_rng(1)),
    "dropped": lambda: dropped(machine(), 0.4, np.random.default_rng(1)),
}
SERIES = {
    "gaps": lambda: with_gaps(slow(), 0.5, np.random.default_rng(1)),
    "stuck": lambda: stuck(slow(), 0.6),
    "levels": lambda: stuck(slow(), 1.0),
    "unsteady": lambda: unsteady(slow(), 0.5, np.random.default_rng(1)),
}


def _outside(name, good, bad):
    """By how many widths the bad measure lies outside of what ten good ones span."""
    values = [quality.indicators[name] for quality in good]
    return INDICATORS[name].outside(bad.indicators[name], min(values), max(values))


@pytest.mark.parametrize("name", PICTURES)
def test_each_fault_of_a_picture_moves_its_measure_out_of_the_usual(name):
    good = [of_picture(frame(seed)) for seed in range(10)]
    assert _outside(name, good, of_picture(PICTURES[name]())) > 1.5
    assert max(_outside(name, good, quality) for quality in (of_picture(frame(seed)) for seed in range(20, 30))) < 1


@pytest.mark.parametrize("name", WAVES)
def test_each_fault_of_a_waveform_moves_its_measure_out_of_the_usual(name):
    good = [waveform_quality.assess(machine(seed)) for seed in range(10)]
    assert _outside(name, good, waveform_quality.assess(WAVES[name]())) > 1.5


@pytest.mark.parametrize("name", SERIES)
def test_each_fault_of_a_series_moves_its_measure_out_of_the_usual(name):
    good = [series_quality.assess(slow()) for _ in range(3)]
    assert _outside(name, good, series_quality.assess(SERIES[name]())) > 1.5


def cut_hard(waveform: Waveform) -> Waveform:
    """A microphone driven so far beyond its range that it stands still at its rails for blocks on end."""
    return replace(waveform, samples=np.clip(waveform.samples * 300, -1, 1).astype(np.float32))


@pytest.mark.parametrize(
    ("signal", "reason"),
    [
        (lambda: exposed(frame(), 3), "overexposed"),
        (lambda: exposed(frame(), -7), "underexposed"),
        (lambda: compressed(frame(), 3), "compressed"),
        (lambda: clipped(machine(), 0.2), "clipped"),
        (lambda: cut_hard(machine()), "clipped"),
        (lambda: Waveform(0, 16000.0, machine().samples[:10], "FS"), "only 10 samples"),
        (lambda: Waveform(0, 16000.0, np.full(4000, np.nan, np.float32), "FS"), "samples that are not numbers"),
        (lambda: Series(slow().t_ns[:1], slow().values[:1], "degC"), "one value only"),
        (lambda: dropped(machine(), 0.5, np.random.default_rng(1)), "blocks dropped"),
        (lambda: with_gaps(slow(), 0.8, np.random.default_rng(1)), "gaps"),
        (lambda: stuck(slow(), 0.8), "stuck value"),
    ],
)
def test_what_is_plainly_bad_is_named_without_any_training(signal, reason):
    found = signal()
    assess = {Frame: of_picture, Waveform: waveform_quality.assess, Series: series_quality.assess}[type(found)]
    quality = assess(found)
    assert quality.value < 0.6
    assert quality.reason == reason


def test_a_signal_that_stands_still_at_its_rails_tells_nothing():
    assert waveform_quality.assess(cut_hard(machine())).value < 0.1


@pytest.mark.parametrize(
    "pixels", [frame().pixels, frame().pixels.astype(np.uint16) * 16, np.repeat(frame().pixels[:, :, None], 3, axis=2)]
)
def test_a_good_picture_of_any_depth_and_colour_is_good(pixels):
    assert of_picture(Frame(0, pixels)).value > 0.95


def test_all_measures_are_declared_and_within_their_range():
    for quality in (
        *(of_picture(make()) for make in PICTURES.values()),
        *(waveform_quality.assess(make()) for make in WAVES.values()),
        *(series_quality.assess(make()) for make in SERIES.values()),
    ):
        assert set(quality.indicators) <= INDICATORS.keys()
        assert all(INDICATORS[name].low <= value <= INDICATORS[name].high for name, value in quality.indicators.items())


def test_a_loud_screech_is_a_fault_and_not_a_bad_microphone():
    good = [waveform_quality.assess(machine(seed)) for seed in range(10)]
    loud = waveform_quality.assess(machine(99, screech=0.3))
    assert loud.value == 1
    for name in loud.indicators:
        assert _outside(name, good, loud) <= 1, name


@pytest.mark.parametrize("hz", [3, 50, 440, 3000])
def test_a_pure_tone_is_not_clipped(hz):
    t_s = np.arange(32000) / 16000
    for scale in (1.0, 20 / 32768):  # as loud as can be, and so quiet that its steps are coarse
        samples = (np.round(scale * np.sin(2 * np.pi * hz * t_s) * 32768) / 32768).astype(np.float32)
        assert waveform_quality.assess(Waveform(0, 16000, samples, "FS")).indicators["clipped"] < 0.03


def test_rolled_steel_is_not_blurred_by_its_grooves():
    grooves = np.repeat(np.random.default_rng(0).normal(120, 25, (256, 1)), 256, axis=1) + np.random.default_rng(1).normal(0, 4, (256, 256))
    quality = of_picture(Frame(0, np.clip(grooves, 0, 255).astype(np.uint8)))
    assert quality.value > 0.8
