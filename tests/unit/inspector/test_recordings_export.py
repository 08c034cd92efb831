"""Exports: per part and over the whole time, on the station's clock."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import soundfile

from inspector.cli import main
from inspector.config import Station
from inspector.parts import Capture, ClockFit, Frame, Series, Trigger, Waveform
from inspector.store import recordings
from inspector.store.recording_export_whole import export_whole

S = 1_000_000_000
RATE = 8000.0
DEVICE_NS = 500 * S
FIT = ClockFit(DEVICE_NS, 0, drift_ppm=40.0, latency_ns=3_000_000)
STATION = Station.model_validate(
    {
        "station": "bench",
        "title": {"en": "Bench", "zh": "台"},
        "trigger": {"driver": "timer"},
        "channels": {
            "camera": {"modality": "image", "driver": "x"},
            "mic": {"modality": "audio", "driver": "x", "unit": "FS", "window": {"pre_s": 1}},
            "shaker": {"modality": "vibration", "driver": "x", "unit": "m/s2", "window": {"pre_s": 1}},
            "temp": {"modality": "series", "driver": "x", "unit": "degC", "window": {"pre_s": 1}},
        },
    }
)
SOUND = (np.random.default_rng(1).integers(-32768, 32768, 100_000) / 32768).astype(np.float32)
SHAKE = np.random.default_rng(2).standard_normal(100_000).astype(np.float32) * 9


def make(number: int, t_s: float, *, jitter_ns: int = 0) -> Capture:
    """One second before `t_s` of what the devices heard since their start; the microphone is stamped by its own clock."""
    first = round((t_s - 1) * RATE)
    behind = first + round(RATE)
    stamps = DEVICE_NS + np.arange(round((t_s - 1) * 10), round(t_s * 10), dtype=np.int64) * (S // 10)
    return Capture(
        Trigger("bench", f"p{number}", round(t_s * S)),
        {"camera": Frame(round(t_s * S), np.full((4, 6), 256 * number, np.uint16))},
        {
            "mic": Waveform(DEVICE_NS + round(first * S / RATE), RATE, SOUND[first:behind], "FS"),
            "shaker": Waveform(round(first * S / RATE) + jitter_ns, RATE, SHAKE[first:behind], "m/s2"),
        },
        {"temp": Series(stamps, (stamps - DEVICE_NS) / S, "degC")},
        wall_utc_ns=1_700_000_000 * S + round(t_s * S),
        clocks={"mic": FIT, "temp": FIT},
    )


@pytest.fixture
def recording(tmp_path) -> Path:
    """Parts at 2, 2.5 and 3 s, then none until 6 s: nothing is known from 3 to 5 s."""
    return write(tmp_path / "r.mcap", [make(number, t_s) for number, t_s in enumerate((2.0, 2.5, 3.0, 6.0))])


def write(path: Path, captures: list[Capture]) -> Path:
    with recordings.RecordingWriter(path, STATION) as writer:
        for capture in captures:
            writer.write(capture)
    return path


def run(*words: object) -> int:
    return main(["recording", "export", *map(str, words)])


def test_tables_are_on_the_stations_clock(recording, tmp_path):
    assert run(recording, "--as", "parquet", "--out", tmp_path / "x") == 0
    table = pd.read_parquet(tmp_path / "x" / "mic" / "p0.parquet")
    assert table["t_s"][0] == pytest.approx((FIT.station_time_ns(DEVICE_NS + S) - 2 * S) / 1e9, abs=1e-9)
    table = pd.read_parquet(tmp_path / "x" / "temp" / "p0.parquet")
    assert table["t_s"][0] == pytest.approx((FIT.station_time_ns(DEVICE_NS + S) - 2 * S) / 1e9, abs=1e-9)


def test_flac_holds_sound_from_16_bit_exactly_and_nothing_else(recording, tmp_path):
    assert run(recording, "--as", "flac", "--out", tmp_path / "x") == 0
    assert {path.name for path in (tmp_path / "x").iterdir()} == {"mic"}
    samples, rate_hz = soundfile.read(tmp_path / "x" / "mic" / "p0.flac", dtype="float32")
    assert rate_hz == 8000
    below = np.minimum(SOUND[8000:16000], np.float32(1 - 2**-23))
    assert np.array_equal(samples, below)


def test_jpegs_of_pictures_of_16_bit_are_their_upper_8(recording, tmp_path):
    assert run(recording, "--as", "jpeg", "--out", tmp_path / "x") == 0
    assert int(cv2.imread(str(tmp_path / "x" / "camera" / "p3.jpg"), cv2.IMREAD_UNCHANGED).mean()) == 3
    assert len(list((tmp_path / "x" / "camera").iterdir())) == 4


@pytest.mark.parametrize("as_", ["wav", "flac"])
def test_whole_sound_has_silence_in_the_gap_and_says_so(recording, tmp_path, as_):
    assert run(recording, "--as", as_, "--whole", "--out", tmp_path / "x") == 0
    samples, _ = soundfile.read(tmp_path / "x" / f"mic.{as_}", dtype="float32")
    expected = SOUND[8000:48000].copy()
    expected[16000:32000] = 0
    assert np.array_equal(samples, np.minimum(expected, np.float32(1 - 2**-23)) if as_ == "flac" else expected)
    pieces = pd.read_csv(tmp_path / "x" / "pieces.csv")
    mic = pieces[pieces.channel == "mic"]
    assert list(mic.first_sample) == [0, 32000]
    assert list(mic.samples) == [16000, 8000]
    assert list(mic.gap_before_s) == [0.0, 2.0]
    for first, start_s in zip((8000, 40000), mic.start_s, strict=True):
        assert start_s == pytest.approx((FIT.station_time_ns(DEVICE_NS + round(first * S / RATE)) - 2 * S) / 1e9, abs=1e-8)
    assert (tmp_path / "x" / "shaker.wav").exists() == (as_ == "wav")
    about = json.loads((tmp_path / "x" / "about.json").read_text())
    assert about["zero_utc"].startswith("2023-11-14T22:13:22")


def test_whole_tables_have_every_value_once_and_nan_in_the_gap(recording, tmp_path):
    assert run(recording, "--as", "parquet", "--whole", "--out", tmp_path / "x") == 0
    shaker = pd.read_parquet(tmp_path / "x" / "shaker.parquet")
    assert np.flatnonzero(shaker["shaker"].isna()).tolist() == [16000]
    assert np.array_equal(shaker["shaker"].dropna(), np.concatenate([SHAKE[8000:24000], SHAKE[40000:48000]]))
    assert np.allclose(shaker["t_s"], np.concatenate([np.arange(8000, 24001), np.arange(40000, 48000)]) / RATE - 2)
    temp = pd.read_parquet(tmp_path / "x" / "temp.parquet")
    assert np.allclose(temp["temp"] * 10, [*range(10, 30), *range(50, 60)])
    assert np.all(np.diff(temp["t_s"]) > 0)


def test_jitter_of_the_stamps_tears_no_hole_and_doubles_nothing(tmp_path):
    jitters = (0, 700_000, -900_000, 400_000)
    captures = [make(number, 2 + number / 2, jitter_ns=jitter) for number, jitter in enumerate(jitters)]
    assert export_whole(write(tmp_path / "r.mcap", captures), "wav", tmp_path / "x") == 2
    samples, _ = soundfile.read(tmp_path / "x" / "shaker.wav", dtype="float32")
    assert np.array_equal(samples, SHAKE[8000:28000])


def test_a_new_epoch_goes_on_in_a_new_file(tmp_path):
    again = make(1, 2.5)
    again = Capture(
        again.trigger, {}, {"mic": again.waveforms["mic"]}, clocks={"mic": ClockFit(DEVICE_NS, 0, epoch=1)}, wall_utc_ns=again.wall_utc_ns
    )
    assert export_whole(write(tmp_path / "r.mcap", [make(0, 2.0), again]), "flac", tmp_path / "x") == 2
    assert soundfile.info(tmp_path / "x" / "mic-2.flac").frames == 8000


def test_what_cannot_be_is_one_line(recording, tmp_path, capsys):
    assert run(recording, "--as", "images", "--whole", "--out", tmp_path / "x") == 2
    assert "--whole: goes with --as parquet, wav, flac, not with images" in capsys.readouterr().err
    loud = make(0, 2.0)
    loud.waveforms["mic"] = Waveform(DEVICE_NS, RATE, SHAKE[:8000], "FS")
    assert run(write(tmp_path / "loud.mcap", [loud]), "--as", "flac", "--out", tmp_path / "y") == 2
    assert "mic: goes beyond full scale, which FLAC cannot hold; export it as wav" in capsys.readouterr().err
