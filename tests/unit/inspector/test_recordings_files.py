"""Recordings to and from other files, by the command that people type."""

import json

import av
import cv2
import numpy as np
import pandas as pd
import pytest
import soundfile

from inspector.cli import main
from inspector.config import Station
from inspector.store import recordings
from inspector.testing import make_capture

WINDOW = {"pre_s": 0.9, "post_s": 0.1}
STATION = Station.model_validate(
    {
        "station": "bench",
        "title": {"en": "Bench", "zh": "台"},
        "trigger": {"driver": "timer"},
        "channels": {
            name: {"modality": name, "driver": "x", "window": WINDOW if name != "image" else {}}
            for name in ("image", "audio", "vibration", "series")
        },
    }
)


@pytest.fixture
def recording(tmp_path):
    with recordings.RecordingWriter(tmp_path / "r.mcap", STATION) as writer:
        for number in range(3):
            writer.write(make_capture(f"p/{number}", t_ns=10_000_000_000 + number * 500_000_000, seed=number))
    return tmp_path / "r.mcap"


def run(*words):
    return main(["recording", *map(str, words)])


def test_info_and_check(recording, capsys):
    assert run("info", recording, "--json", "-") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"recording", "parts", "start", "duration_s", "channels", "complete", "bytes"}
    assert set(told["channels"]["audio"]) == {"kind", "messages", "rate_hz", "unit", "first_s", "last_s", "drops"}
    assert run("info", recording) == 0
    assert "3 parts" in capsys.readouterr().out
    assert run("check", recording) == 0


def test_a_broken_recording_is_named_and_recovered(recording, tmp_path, capsys):
    recording.write_bytes(recording.read_bytes()[:-200])
    assert run("check", recording) == 2
    line = capsys.readouterr().err
    assert "cut short" in line
    assert "inspector recording recover" in line
    assert line.count("\n") == 1
    assert run("export", recording, "--as", "wav", "--out", tmp_path / "x") == 2
    assert run("recover", recording, "--out", tmp_path / "mended.mcap", "--json", tmp_path / "told.json") == 0
    assert json.loads((tmp_path / "told.json").read_text())["parts"] == 3
    assert run("check", tmp_path / "mended.mcap") == 0


def test_exports(recording, tmp_path):
    for as_, files in (("parquet", 9), ("wav", 6), ("images", 3), ("parts", None)):
        assert run("export", recording, "--as", as_, "--out", tmp_path / as_) == 0
        if files:
            assert len([path for path in (tmp_path / as_).rglob("*") if path.is_file()]) == files
    capture = next(recordings.read_captures(recording))
    samples, rate_hz = soundfile.read(tmp_path / "wav" / "audio" / "p_0.wav", dtype="float32")
    assert rate_hz == 16000
    assert np.array_equal(samples, capture.waveforms["audio"].samples)
    table = pd.read_parquet(tmp_path / "parquet" / "series" / "p_0.parquet")
    assert np.array_equal(table["series"], capture.series["series"].values)
    assert np.array_equal(cv2.imread(str(tmp_path / "images" / "image" / "p_0.png"))[:, :, ::-1], capture.frames["image"].pixels)


@pytest.mark.parametrize("with_sound", [True, False])
def test_a_video_becomes_a_recording(tmp_path, with_sound):
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 32, 32, "yuv420p"
        sound = container.add_stream("aac", rate=16000, layout="mono") if with_sound else None
        for k in range(40):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(np.full((32, 32, 3), 5 * k, np.uint8), format="rgb24")))
        container.mux(pictures.encode(None))
        for first in range(0, 64_000 if sound else 0, 1024):
            tone = np.sin(np.arange(first, first + 1024) * 0.3).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, first
            container.mux(sound.encode(frame))
        if sound:
            container.mux(sound.encode(None))
    assert run("import", path, "--out", tmp_path / "v.mcap", "--every", "0.5") == 0
    captures = list(recordings.read_captures(tmp_path / "v.mcap"))
    assert len(captures) == 7
    assert captures[0].trigger.t_ns == 500_000_000
    assert captures[3].frames["camera"].t_ns == 2_000_000_000
    assert abs(int(captures[3].frames["camera"].pixels.mean()) - 100) < 6
    assert bool(captures[0].waveforms) == with_sound
    if with_sound:
        assert [len(capture.waveforms["microphone"].samples) for capture in captures] == [8000] * 7


@pytest.mark.parametrize(
    ("name", "codec", "sound"), [("v.mp4", "libx264", "aac"), ("v.mkv", "libx264", "libopus"), ("v.avi", "mpeg4", "mp3")]
)
def test_a_flash_and_a_click_at_one_instant_stay_together(tmp_path, name, codec, sound):
    """Encoders of sound put some samples in front; what they tell of it must be heeded."""
    path, fps, rate_hz = tmp_path / name, 25, 48_000
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(codec, rate=fps)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        heard = container.add_stream(sound, rate=rate_hz, layout="mono")
        for k in range(4 * fps):
            grey = np.full((48, 64, 3), 255 if k % fps == 10 else 0, np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            t_s = k / fps + np.arange(rate_hz // fps) / rate_hz
            click = 0.8 * np.sin(2 * np.pi * 1000 * t_s) * (k % fps == 10)
            block = av.AudioFrame.from_ndarray(click[None].astype(np.float32), format="fltp", layout="mono")
            block.sample_rate, block.pts = rate_hz, k * len(t_s)
            container.mux(heard.encode(block))
        container.mux(pictures.encode(None))
        container.mux(heard.encode(None))
    assert run("import", path, "--out", tmp_path / "v.mcap", "--every", 1 / fps) == 0
    parts = list(recordings.read_captures(tmp_path / "v.mcap"))
    flashes_s = sorted({frame.t_ns / 1e9 for part in parts for frame in part.frames.values() if frame.pixels.mean() > 128})
    clicks_s = [
        wave.start_ns / 1e9 + np.argmax(np.abs(wave.samples) > 0.3) / rate_hz
        for part in parts
        for wave in part.waveforms.values()
        if np.any(np.abs(wave.samples) > 0.3)
    ]
    assert np.diff(flashes_s) == pytest.approx(1.0, abs=0.002)
    for flash_s in flashes_s:
        assert min(abs(click_s - flash_s) for click_s in clicks_s) < 0.025


def test_a_video_that_is_none_is_refused(tmp_path, capsys):
    (tmp_path / "v.mp4").write_bytes(b"no video")
    assert run("import", tmp_path / "v.mp4", "--out", tmp_path / "v.mcap") == 2
    assert "cannot be decoded as video" in capsys.readouterr().err
    assert not (tmp_path / "v.mcap").exists()
