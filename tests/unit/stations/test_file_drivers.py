from itertools import pairwise

import av
import cv2
import numpy as np
import pandas as pd
import pytest
import soundfile

from inspector.clock import SteppedClock
from inspector.errors import DriverError, EndOfStream
from inspector.plugins import load_driver
from inspector.testing import check_driver

START_NS = 5_000_000_000


def make(name, unit="", channel="ch", **settings):
    driver = load_driver(name)
    return driver(driver.Settings.model_validate(settings), channel=channel, unit=unit, clock=SteppedClock(start_ns=START_NS))


def read_all(driver):
    driver.open()
    items = []
    try:
        while True:
            item = (driver.wait if hasattr(driver, "wait") else driver.read)(1.0)
            if item is not None:
                items.append(item)
    except EndOfStream:
        driver.close()
        return items


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rgb = np.zeros((4, 6, 3), np.uint8)
    rgb[:, :, 0] = 200
    cv2.imwrite(str(folder / "a.png"), rgb[:, :, ::-1])
    cv2.imwrite(str(folder / "b.png"), np.full((4, 6), 40_000, np.uint16))
    cv2.imwrite(str(folder / "c.jpg"), np.full((1, 6), 90, np.uint8))
    cv2.imwrite(str(folder / "d.tif"), np.full((4, 6, 3), 30_000, np.uint16))
    return folder


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=16000, layout="mono")
        tone = np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000).astype(np.float32) * 0.5
        for k in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * k, np.uint8), format="rgb24")
            container.mux(pictures.encode(frame))
        for first in range(0, 32_000, 1024):
            block = tone[first : first + 1024]
            frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, first
            container.mux(sound.encode(frame))
        container.mux(pictures.encode(None))
        container.mux(sound.encode(None))
    return path


def test_image_folder_takes_all_kinds_in_order(pictures):
    frames = read_all(make("image-folder", folder=str(pictures), interval_s=0.5))
    assert [frame.t_ns - START_NS for frame in frames] == [0, 500_000_000, 1_000_000_000, 1_500_000_000]
    assert [(frame.pixels.shape, frame.pixels.dtype.name) for frame in frames] == [
        ((4, 6, 3), "uint8"),
        ((4, 6), "uint16"),
        ((1, 6), "uint8"),
        ((4, 6, 3), "uint16"),
    ]
    assert frames[0].pixels[0, 0].tolist() == [200, 0, 0]


def test_image_folder_by_table(pictures, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("file,t_s\nb.png,0.25\na.png,3\n")
    frames = read_all(make("image-folder", folder=str(pictures), stamps=str(table), first_s=1.0))
    assert [frame.t_ns - START_NS for frame in frames] == [1_250_000_000, 4_000_000_000]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,t_s\nnone.png,1\n", "row 2: .*does not exist"),
        ("file,t_s\na.png,1\nb.png,x\n", "row 3: needs a column file"),
        ("file,t_s\na.png,1\nb.png,1\n", "row 3: t_s must rise"),
        ("name,t_s\na.png,1\n", "row 2: needs a column file"),
        ("file,t_s\n", "names no picture"),
    ],
)
def test_a_wrong_table_names_its_row(pictures, tmp_path, text, words):
    table = tmp_path / "t.csv"
    table.write_text(text)
    with pytest.raises(DriverError, match=words):
        make("image-folder", folder=str(pictures), stamps=str(table)).open()


def test_a_picture_that_cannot_be_decoded_fails_by_name_and_the_next_one_comes(pictures):
    (pictures / "a.png").write_bytes(b"")
    (pictures / "b.png").write_bytes(b"no picture")
    camera = make("image-folder", folder=str(pictures), interval_s=0.5)
    camera.open()
    with pytest.raises(DriverError, match=r"a\.png: is empty"):
        camera.read(1.0)
    with pytest.raises(DriverError, match=r"b\.png: cannot be decoded"):
        camera.read(1.0)
    assert camera.read(1.0).pixels.shape == (1, 6)


def test_audio_file_gives_every_sample_once(tmp_path):
    samples = (np.random.default_rng(0).integers(-3000, 3000, (12_345, 2)) / 32768).astype(np.float32)
    soundfile.write(tmp_path / "s.flac", samples, 22050)
    blocks = read_all(make("audio-file", file=str(tmp_path / "s.flac"), track=1))
    assert np.array_equal(np.concatenate([block.samples for block in blocks]), samples[:, 1])
    assert blocks[0].start_ns == START_NS
    assert all(abs(a.end_ns - b.start_ns) <= 1 for a, b in pairwise(blocks))
    assert {block.sample_rate_hz for block in blocks} == {22050.0}


def test_series_file_keeps_stamps_and_gaps(tmp_path):
    table = pd.DataFrame({"t_s": [0.0, 0.5, 0.51, 2.0], "temp": [20.0, np.nan, 21.0, 22.0]})
    table.to_csv(tmp_path / "s.csv.gz", index=False)
    table.to_parquet(tmp_path / "s.parquet")
    for name in ("s.csv.gz", "s.parquet"):
        blocks = read_all(make("series-file", unit="degC", file=str(tmp_path / name), column="temp"))
        t_ns = np.concatenate([block.t_ns for block in blocks]) - START_NS
        assert t_ns.tolist() == [0, 500_000_000, 510_000_000, 2_000_000_000]
        assert np.isnan(blocks[1].values[0])
        assert blocks[0].unit == "degC"


def test_video_and_its_sound_are_in_step(video):
    frames = read_all(make("video-file", file=str(video)))
    blocks = read_all(make("video-sound", file=str(video)))
    assert len(frames) == 20
    assert [round((frame.t_ns - START_NS) / 1e6) for frame in frames[:3]] == [0, 100, 200]
    assert abs(int(frames[10].pixels.mean()) - 100) < 6
    samples = np.concatenate([block.samples for block in blocks])
    assert abs(len(samples) - 32_000) < 2100
    assert all(block.duration_s >= 0.09 for block in blocks[:-1])
    assert 0.3 < np.sqrt(2) * samples[4000:20_000].std() < 0.7
    assert abs(blocks[0].start_ns - START_NS) < 80_000_000


@pytest.mark.parametrize(
    ("name", "settings", "content", "words"),
    [
        ("audio-file", {}, b"", "cannot be decoded as sound"),
        ("audio-file", {}, None, "does not exist"),
        ("series-file", {"column": "x"}, b"", "cannot be read as a table"),
        ("series-file", {"column": "x"}, b"t_s,y\n0,1\n", "has no column x, but t_s, y"),
        ("series-file", {"column": "x"}, b"t_s,x\n0,1\n0,2\n", "row 3: t_s must be a number and rise"),
        ("series-file", {"column": "x"}, b"t_s,x\n0,1\n,2\n", "row 3: t_s must be a number and rise"),
        ("series-file", {"column": "x"}, None, "does not exist"),
        ("video-file", {}, b"no video", "cannot be decoded as video"),
        ("video-sound", {}, b"", "cannot be decoded as video"),
        ("video-file", {}, None, "does not exist"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, name, settings, content, words):
    path = tmp_path / "input.dat"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DriverError, match=rf"input\.dat.*{words}") as caught:
        make(name, file=str(path), **settings).open()
    assert "\n" not in str(caught.value)


def test_a_timer_makes_up_for_lost_time():
    timer = make("timer", channel="line", interval_s=0.5, first_s=1.0, parts=3)
    timer.open()
    timer.clock.sleep_until_ns(START_NS + 1_600_000_000)
    assert [timer.wait(0.0).part_id for _ in range(2)] == ["part-000001", "part-000002"]
    assert timer.wait(0.1) is None
    third = timer.wait(1.0)
    assert (third.station, third.t_ns - START_NS) == ("line", 2_000_000_000)
    with pytest.raises(EndOfStream):
        timer.wait(1.0)


def test_the_drivers_keep_their_promises(pictures, video, tmp_path):
    soundfile.write(tmp_path / "s.wav", np.zeros(8000, np.float32), 8000)
    pd.DataFrame({"t_s": np.arange(50) / 10, "x": np.arange(50)}).to_csv(tmp_path / "s.csv", index=False)
    cases = {
        "image-folder": {"folder": str(pictures), "interval_s": 0.1},
        "audio-file": {"file": str(tmp_path / "s.wav")},
        "series-file": {"file": str(tmp_path / "s.csv"), "column": "x"},
        "video-file": {"file": str(video)},
        "video-sound": {"file": str(video)},
        "timer": {"interval_s": 0.1},
        "log-sink": {},
    }
    assert {name: broken for name, settings in cases.items() if (broken := check_driver(load_driver(name), settings))} == {}
