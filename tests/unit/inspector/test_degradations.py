import numpy as np
import pytest

from inspector.degradations import DEGRADATIONS, degraded, dropped, humming, noisy, stuck, with_gaps
from inspector.parts import MODALITIES, Frame, Series, Waveform


def picture(dtype=np.uint8, shape=(48, 64)) -> Frame:
    top = 255 if dtype == np.uint8 else 4095
    return Frame(7, (np.random.default_rng(0).uniform(0.2, 0.8, shape) * top).astype(dtype))


def wave(rate_hz=8000.0) -> Waveform:
    t_s = np.arange(8000) / rate_hz
    return Waveform(3, rate_hz, (0.1 * np.sin(2 * np.pi * 440 * t_s)).astype(np.float32), "FS")


def series(count=60) -> Series:
    return Series(np.arange(count) * 10**9, np.random.default_rng(0).normal(20, 1, count), "degC")


def signal_of(modality):
    return {"image": picture(), "audio": wave(), "vibration": wave(), "series": series()}[modality]


@pytest.mark.parametrize("way", DEGRADATIONS, ids=lambda way: way.name)
def test_every_way_keeps_the_form_and_leaves_the_original_alone(way):
    signal = signal_of(way.modalities[0])
    before = signal_of(way.modalities[0])
    worse = way.apply(signal, way.severe, np.random.default_rng(1))
    assert type(worse) is type(signal)
    for (name, made), (_, given), (_, kept) in zip(_arrays(worse), _arrays(signal), _arrays(before), strict=True):
        assert made.dtype == given.dtype, name
        np.testing.assert_array_equal(given, kept)
    assert any(not np.array_equal(a, b, equal_nan=True) for (_, a), (_, b) in zip(_arrays(worse), _arrays(signal), strict=True))


def _arrays(signal):
    names = {Frame: ("pixels",), Waveform: ("samples",), Series: ("t_ns", "values")}[type(signal)]
    return [(name, getattr(signal, name)) for name in names]


@pytest.mark.parametrize("way", [w for w in DEGRADATIONS if "image" in w.modalities], ids=lambda way: way.name)
@pytest.mark.parametrize("frame", [picture(np.uint16), picture(shape=(48, 64, 3)), picture(shape=(1, 9))], ids=["16 bit", "RGB", "1 px"])
def test_pictures_of_every_form_can_get_worse(way, frame):
    worse = way.apply(frame, way.severe, np.random.default_rng(1))
    assert worse.pixels.shape == frame.pixels.shape
    assert worse.pixels.dtype == frame.pixels.dtype


@pytest.mark.parametrize("way", DEGRADATIONS, ids=lambda way: way.name)
def test_the_same_seed_gives_the_same_signal(way):
    worse = [way.apply(signal_of(way.modalities[0]), way.mild, np.random.default_rng(5)) for _ in range(2)]
    for (_, first), (_, second) in zip(_arrays(worse[0]), _arrays(worse[1]), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("colour", [0.0, 1.0])
@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0])
def test_noise_comes_at_the_ratio_asked_for(snr_db, colour):
    clean = wave()
    noise = noisy(clean, snr_db, np.random.default_rng(0), colour=colour).samples - clean.samples
    assert 20 * np.log10(clean.samples.std() / noise.std()) == pytest.approx(snr_db, abs=0.1)


def test_hum_is_at_the_mains_frequency():
    hum = humming(wave(), 10.0, np.random.default_rng(0)).samples - wave().samples
    strongest = int(np.abs(np.fft.rfft(hum)).argmax()) * 8000 / len(hum)
    assert strongest in (50.0, 60.0)


def test_shares_are_what_they_say():
    random = np.random.default_rng(0)
    assert np.mean(np.diff(dropped(wave(), 0.5, random).samples) == 0) == pytest.approx(0.5, abs=0.15)
    assert np.isnan(with_gaps(series(), 0.5, random).values).mean() == pytest.approx(0.5, abs=0.02)
    assert np.isfinite(with_gaps(series(), 0.99, random).values).sum() >= 2
    assert len(np.unique(stuck(series(), 1.0).values)) == 1


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_random_way_fits_the_modality(modality):
    random = np.random.default_rng(0)
    names = {degraded(signal_of(modality), modality, random)[1] for _ in range(40)}
    assert names == {way.name for way in DEGRADATIONS if modality in way.modalities}
