import gzip
import io
import zipfile

import cv2
import numpy as np
import pytest
import soundfile

from inspector.errors import DataError
from inspector.parts import Channel
from inspector.training.part_files import read_mask, read_picture, read_series, read_waveform, record_from_files, write_heat_map

CHANNELS = {
    "camera": Channel("camera", "image"),
    "microphone": Channel("microphone", "audio", "FS"),
    "oil": Channel("oil", "series", "degC"),
    "flow": Channel("flow", "series", "l/min"),
}


def write_picture(path, pixels):
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def write_npz(path, samples=None, **more):
    np.savez(path, **{"samples": np.ones(50, np.float32) if samples is None else samples, "sample_rate_hz": 1000.0} | more)


def test_pictures_of_all_kinds(tmp_path):
    path = tmp_path / "a.png"
    for given, shape, dtype in [
        (np.full((4, 5), 7, np.uint8), (4, 5), np.uint8),
        (np.full((4, 5), 700, np.uint16), (4, 5), np.uint16),
        (np.full((1, 300), 7, np.uint8), (1, 300), np.uint8),
        (np.full((4, 5, 4), 7, np.uint8), (4, 5, 3), np.uint8),
        (np.full((4, 5, 3), 700, np.uint16), (4, 5, 3), np.uint16),
    ]:
        write_picture(path, given)
        pixels = read_picture(path)
        assert (pixels.shape, pixels.dtype) == (shape, dtype)
    write_picture(path, np.dstack([np.full((2, 2), c, np.uint8) for c in (1, 2, 3)]))
    assert read_picture(path)[0, 0].tolist() == [3, 2, 1]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_cut_off_picture_is_refused(tmp_path, suffix, capfd):
    path = tmp_path / f"a{suffix}"
    write_picture(path, np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"a\.\w+: is cut off"):
        read_picture(path)
    assert capfd.readouterr() == ("", "")


def test_no_picture_at_all(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty file"):
        read_picture(path)
    path.write_text("hello", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be decoded"):
        read_picture(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(tmp_path)


def test_masks_are_black_and_white(tmp_path):
    write_picture(tmp_path / "m.png", np.array([[0, 1, 200, 255]], np.uint8))
    assert read_mask(tmp_path / "m.png").tolist() == [[0, 0, 255, 255]]


def test_heat_maps_are_grey_pictures(tmp_path):
    write_heat_map(tmp_path / "h.png", np.array([[0.0, 0.5, 1.0, np.nan, 7.0]]))
    assert read_picture(tmp_path / "h.png").tolist() == [[0, 128, 255, 0, 255]]


def test_waveforms_bring_their_own_start_and_unit(tmp_path):
    write_npz(tmp_path / "v.npz", start_s=-0.9, unit="g")
    waveform = read_waveform(tmp_path / "v.npz", unit="m/s2")
    assert (waveform.start_ns, waveform.unit, waveform.samples.dtype) == (-900_000_000, "g", np.float32)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"sample_rate_hz": 0.0}, "sample rate must be above 0 Hz"),
        ({"sample_rate_hz": "x"}, "sample_rate_hz is not a number"),
        ({"samples": np.zeros(0)}, "holds no samples"),
        ({"samples": np.zeros((3, 4))}, "one row of real numbers"),
        ({"samples": np.array([1.0, np.nan])}, "1 samples that are not numbers"),
        ({"samples": np.array([{}], dtype=object)}, "without pickles"),
    ],
)
def test_wrong_vibration_is_named(tmp_path, content, message):
    write_npz(tmp_path / "v.npz", **content)
    with pytest.raises(DataError, match=rf"v.npz: .*{message}"):
        read_waveform(tmp_path / "v.npz", unit="")


def test_damaged_archives_are_refused(tmp_path):
    path = tmp_path / "v.npz"
    np.savez(path, samples=np.ones(9))
    with pytest.raises(DataError, match="lacks the array sample_rate_hz"):
        read_waveform(path, unit="")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples.npy", b"\x93NUMPY\x01\x00junk")
        archive.writestr("sample_rate_hz.npy", b"junk")
    path.write_bytes(content.getvalue())
    with pytest.raises(DataError, match=r"v.npz: "):
        read_waveform(path, unit="")
    path.write_bytes(content.getvalue()[:40])
    with pytest.raises(DataError, match=r"v.npz: "):
        read_waveform(path, unit="")


def test_an_archive_that_claims_more_than_fits_in_memory_is_refused(tmp_path):
    samples = io.BytesIO()
    np.lib.format.write_array_header_1_0(samples, {"descr": "<f8", "fortran_order": False, "shape": (10**14,)})
    with zipfile.ZipFile(tmp_path / "v.npz", "w") as archive:
        archive.writestr("samples.npy", samples.getvalue())
    with pytest.raises(DataError, match=r"v.npz: "):
        read_waveform(tmp_path / "v.npz", unit="")


def test_wrong_sound_is_named(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(b"not sound")
    with pytest.raises(DataError, match=r"a.flac: cannot be decoded as sound"):
        read_waveform(path, unit="FS")
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 8000)
    with pytest.raises(DataError, match="holds no samples"):
        read_waveform(tmp_path / "a.wav", unit="FS")


def test_series_are_put_in_order(tmp_path):
    path = tmp_path / "s.csv.gz"
    text = "t_s,a,b,step,empty\n2,3,inf,run,\n0,1,5,run,\n2,9,9,stop,\n,7,7,run,\n1,,x,run,\n"
    path.write_bytes(gzip.compress(text.encode()))
    series = read_series(path, units={"a": "degC"})
    assert set(series) == {"a", "b"}
    assert series["a"].t_ns.tolist() == [0, 1_000_000_000, 2_000_000_000]
    np.testing.assert_array_equal(series["a"].values, [1, np.nan, 3])
    np.testing.assert_array_equal(series["b"].values, [5, np.nan, np.nan])
    assert series["a"].unit == "degC"


def test_channels_with_windows_and_times_of_their_own_have_no_gaps(tmp_path):
    channels = {
        "fast": {round(-2 + k / 200, 4): 1.0 for k in range(400)},
        "slow": {round(-60 + k / 2 + 0.0013, 4): 2.0 for k in range(120)},
        "short": {round(-0.5 + k / 200 + 0.0021, 4): 3.0 for k in range(100)},
    }
    rows = [
        ",".join([f"{t:.4f}", *(str(c.get(t, "")) for c in channels.values())]) for t in sorted({t for c in channels.values() for t in c})
    ]
    (tmp_path / "s.csv").write_text("\n".join(["t_s,fast,slow,short", *rows]), encoding="utf-8")
    series = read_series(tmp_path / "s.csv")
    assert {name: len(one.values) for name, one in series.items()} == {"fast": 400, "slow": 120, "short": 100}
    assert all(np.isfinite(one.values).all() for one in series.values())


def test_a_series_of_one_sample(tmp_path):
    (tmp_path / "s.csv").write_text("t_s,a\n0,1\n", encoding="utf-8")
    assert read_series(tmp_path / "s.csv")["a"].values.tolist() == [1.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file"),
        (b"time,a\n0,1\n", "has no column t_s"),
        (b"t_s,a\n", "holds no row with a time"),
        (b"t_s,a\nx,1\n", "holds no row with a time"),
        (b"t_s,a\n0,x\n", "holds no column with numbers"),
        (b"t_s,a\n0,1\n1,2,3,4\n", "cannot be read as a CSV table"),
        (b"t_s,a\n0,1,2\n1,2,3\n", "more fields than its header"),
        (b"\x00\x01\x02\xff\xfe", ""),
    ],
)
def test_wrong_series_are_named(tmp_path, content, message):
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"s.csv: .*{message}"):
        read_series(path)


def test_a_damaged_gzip_is_refused(tmp_path):
    path = tmp_path / "s.csv.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(DataError, match="cannot be read as a CSV table"):
        read_series(path)
    path.write_bytes(gzip.compress(b"t_s,a\n" + b"1,2\n" * 500)[:-12])
    with pytest.raises(DataError, match="cannot be read as a CSV table"):
        read_series(path)


# --- files without a table -----------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    write_picture(tmp_path / "tile.png", np.full((4, 5), 7, np.uint8))
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8000)
    write_npz(tmp_path / "v.npz")
    (tmp_path / "s.csv").write_text("t_s,oil,extra\n0,1,2\n", encoding="utf-8")
    return {"image": tmp_path / "tile.png", "audio": tmp_path / "a.wav", "vibration": tmp_path / "v.npz", "series": tmp_path / "s.csv"}


def test_files_take_the_names_that_a_model_knows(files):
    record = record_from_files(files, CHANNELS, part_id="tile")
    assert record.present == {"camera", "microphone", "vibration", "oil", "extra"}
    assert record.channels["vibration"].modality == "vibration"
    assert record.series["oil"].unit == "degC"
    assert record.degraded == {"flow": "not given"}
    assert record.trigger.part_id == "tile"


def test_one_broken_file_degrades_and_all_broken_files_stop(files):
    files["audio"].write_bytes(b"")
    record = record_from_files(files, CHANNELS, part_id="tile")
    assert "a.wav: is an empty file" in record.degraded["microphone"]
    for path in files.values():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"^\S+tile.png: is an empty file.*; \S+a.wav: is an empty file"):
        record_from_files(files, CHANNELS, part_id="tile")


def test_a_channel_slower_than_the_table_is_whole_and_its_pause_is_a_gap(tmp_path):
    rows = ["t_s,fast,slow"]
    for k in range(101):
        missing = 40 <= k < 60
        rows.append(f"{k / 100 - 1:.2f},{'' if k == 7 else k},{k if k % 10 == 0 and not missing else ''}")
    path = tmp_path / "s.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    series = read_series(path)
    assert len(series["fast"].values) == 101
    assert np.isnan(series["fast"].values).sum() == 1
    assert series["slow"].t_ns.tolist() == [round((k / 100 - 1) * 1e9) for k in range(0, 101, 10)]
    assert np.flatnonzero(np.isnan(series["slow"].values)).tolist() == [4, 5]
