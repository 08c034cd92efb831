import csv

import cv2
import numpy as np
import pytest
import soundfile

from inspector.errors import ConfigError, DataError
from inspector.training.parts_folder import MVTEC_VAL_SHARE, load_parts_folder

COLUMNS = ["part_id", "split", "label", "cause", "group", "image", "mask", "audio", "vibration", "series", "note"]


def write_table(folder, rows, columns=COLUMNS):
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "parts.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: row.get(name, "") for name in columns})


def write_picture(path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((6, 8, 3), 100, np.uint8) if pixels is None else pixels
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def write_npz(path, samples=None, **more):
    np.savez(path, **{"samples": np.ones(50, np.float32) if samples is None else samples, "sample_rate_hz": 1000.0} | more)


def one_part(folder, **row):
    write_table(folder, [{"part_id": "p1", "split": "train", "label": "ok"} | row])
    return load_parts_folder(folder)


@pytest.fixture
def full(tmp_path):
    folder = tmp_path / "line"
    write_picture(folder / "a.png")
    write_picture(folder / "m.png", np.eye(8, dtype=np.uint8)[:6] * 255)
    soundfile.write(folder / "a.wav", np.column_stack([np.full(800, 0.5), np.zeros(800)]), 8000)
    write_npz(folder / "v.npz")
    (folder / "s.csv").write_text("t_s,TS1,FS1\n-1,20,1\n0,21,\n", encoding="utf-8")
    (folder / "dataset.yaml").write_text(
        """
name: tiny
modalities:
  image: {scale_mm_per_px: 0.1, channel: camera}
  audio: {start_s: -0.9}
  vibration: {unit: "m/s2 (as recorded)", shaft_hz: nominal rpm / 60, bearing: {BPFO_per_rev: about 3.05 to 3.19, BPFI_per_rev: 4.92}}
  series: {channels: {TS1: degC (oil), FS1: l/min}}
""",
        encoding="utf-8",
    )
    columns = [*COLUMNS, "rpm"]
    rows = [
        {
            "part_id": "p1",
            "split": "train",
            "label": "crack",
            "cause": "heat",
            "group": "g1",
            "image": "a.png",
            "mask": "m.png",
            "rpm": "1200",
        },
        {
            "part_id": "p2",
            "split": "test",
            "label": "ok",
            "audio": "a.wav",
            "vibration": "v.npz",
            "series": "s.csv",
            "note": "shaft_hz=13.3 (x)",
        },
    ]
    write_table(folder, rows, columns)
    return load_parts_folder(folder)


def test_a_folder_tells_what_its_parts_have(full):
    assert full.name == "tiny"
    assert full.modalities == ("image", "audio", "vibration", "series")
    assert {name: channel.unit for name, channel in full.channels.items()} == {
        "camera": "",
        "audio": "FS",
        "vibration": "m/s2",
        "TS1": "degC",
        "FS1": "l/min",
    }
    assert full.channels["camera"].scale_mm_per_px == 0.1
    first, second = full.parts
    assert (first.part_id, first.split, first.label, first.cause, first.group, first.row) == ("p1", "train", "crack", "heat", "g1", 2)
    assert (second.cause, second.group) == (None, "p2")
    assert [part.part_id for part in full.split("test")] == ["p2"]


def test_a_record_holds_what_was_recorded_around_its_trigger(full):
    picture, rest = (part.record() for part in full.parts)
    assert picture.frames["camera"].pixels.shape == (6, 8, 3)
    assert picture.degraded == dict.fromkeys(("audio", "vibration", "TS1", "FS1"), "not recorded")
    sound = rest.waveforms["audio"]
    assert (sound.start_ns, sound.sample_rate_hz, sound.unit) == (-900_000_000, 8000, "FS")
    np.testing.assert_allclose(sound.samples, 0.25, atol=1e-3)
    assert rest.waveforms["vibration"].start_ns == 0
    assert rest.series["FS1"].t_ns.tolist() == [-1_000_000_000, 0]
    assert np.isnan(rest.series["FS1"].values[1])
    assert rest.trigger.t_ns == 0
    assert rest.modalities == {"audio", "vibration", "series"}


def test_masks_lie_on_the_picture(full):
    first, second = full.parts
    assert first.camera == "camera"
    assert first.mask((8, 6)).sum() == 6 * 255
    assert second.mask() is None
    with pytest.raises(DataError, match=r"parts.csv, row 2: .*m.png: mask is 8x6 px, its picture 9x6 px"):
        first.mask((9, 6))


def test_the_machine_comes_from_the_data_set_and_the_row(full):
    first, second = full.parts
    assert first.machine.shaft_hz == 20.0
    assert second.machine.shaft_hz == 13.3
    bearing = first.machine.bearing
    assert bearing.bpfo_per_rev == pytest.approx(3.12)
    assert bearing.ftf_per_rev == pytest.approx(3.12 / 8.04)
    assert bearing.bsf_per_rev == pytest.approx(2.12, abs=0.01)


def test_a_machine_block_is_checked_like_a_station(tmp_path):
    write_picture(tmp_path / "a.png")
    (tmp_path / "dataset.yaml").write_text("machine: {shaft_hz: 24.5, beering: {}}", encoding="utf-8")
    with pytest.raises(ConfigError, match="beering"):
        one_part(tmp_path, image="a.png")


def test_further_channels_and_unknown_columns(tmp_path):
    write_picture(tmp_path / "a.png")
    write_npz(tmp_path / "v.npz")
    columns = [*COLUMNS, "image:side", "vibration:gearbox", "operator"]
    row = {"part_id": "p1", "split": "train", "label": "ok", "image": "a.png", "image:side": "a.png", "operator": "x"}
    write_table(tmp_path, [row | {"vibration:gearbox": "v.npz"}], columns)
    folder = load_parts_folder(tmp_path)
    assert folder.modalities == ("image", "vibration")
    assert set(folder.parts[0].record().frames) == {"image", "side"}
    assert set(folder.parts[0].record().waveforms) == {"gearbox"}
    assert folder.parts[0].columns["operator"] == "x"


def test_siblings_may_be_named_and_nothing_above_them(tmp_path):
    write_picture(tmp_path / "other" / "a.png")
    assert one_part(tmp_path / "line", image="../other/a.png").parts[0].record().frames
    for text in ("../../a.png", "/etc/hostname", "../other/../../../x.png"):
        with pytest.raises(DataError, match=r"row 2: column image: .* leads out of the folder"):
            one_part(tmp_path / "line", image=text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "trian"}, r"parts.csv, row 2: unknown split 'trian', use train, val, test"),
        ({"label": ""}, r"parts.csv, row 2: column label is empty"),
        ({"label": "unlabelled", "split": "val"}, r"parts.csv, row 2: label 'unlabelled' is for split train only"),
        ({"part_id": ""}, r"parts.csv, row 2: column part_id is empty"),
        ({"image": "gone.png"}, r"parts.csv, row 2: names files that do not exist: gone.png \(image, row 2\)"),
        ({"image": ""}, r"parts.csv: names no picture, sound, vibration or series file at all"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, change, message):
    write_picture(tmp_path / "a.png")
    with pytest.raises(DataError, match=message):
        one_part(tmp_path, **{"image": "a.png"} | change)


def test_a_wrong_table_is_named(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        load_parts_folder(tmp_path / "gone")
    with pytest.raises(DataError, match="neither parts\\.csv nor"):
        load_parts_folder(tmp_path)
    write_table(tmp_path, [])
    with pytest.raises(DataError, match="holds no part"):
        load_parts_folder(tmp_path)
    write_table(tmp_path, [], [name for name in COLUMNS if name not in ("label", "mask")])
    with pytest.raises(DataError, match=r"parts.csv, row 1: lacks the column label, mask"):
        load_parts_folder(tmp_path)
    (tmp_path / "parts.csv").write_bytes(b"\xff\xfe\x00part_id")
    with pytest.raises(DataError, match="not a CSV table in UTF-8"):
        load_parts_folder(tmp_path)


def test_missing_files_are_counted_and_duplicates_point_back(tmp_path):
    row = {"part_id": "p", "split": "train", "label": "ok", "image": "gone.png"}
    write_table(tmp_path, [row | {"part_id": f"p{i}", "image": f"{i}.png"} for i in range(5)])
    with pytest.raises(DataError, match=r"0.png \(image, row 2\), 1.png \(image, row 3\), 2.png \(image, row 4\) and 2 more"):
        load_parts_folder(tmp_path)
    write_table(tmp_path, [row, row])
    with pytest.raises(DataError, match="row 3: part_id 'p' is already in row 2"):
        load_parts_folder(tmp_path)


def test_an_undecodable_file_stops_training_and_degrades_a_running_part(tmp_path):
    write_picture(tmp_path / "a.png")
    (tmp_path / "b.wav").write_bytes(b"")
    part = one_part(tmp_path, image="a.png", audio="b.wav").parts[0]
    with pytest.raises(DataError, match=r"parts.csv, row 2: .*b.wav: is an empty file"):
        part.record()
    record = part.record(tolerant=True)
    assert set(record.frames) == {"image"}
    assert "b.wav: is an empty file" in record.degraded["audio"]


def test_a_series_without_the_declared_channels_is_refused(tmp_path):
    (tmp_path / "s.csv").write_text("t_s,other\n0,1\n", encoding="utf-8")
    (tmp_path / "dataset.yaml").write_text("modalities: {series: {channels: {TS1: degC, Step: text}}}", encoding="utf-8")
    folder = one_part(tmp_path, series="s.csv")
    assert set(folder.channels) == {"TS1"}
    with pytest.raises(DataError, match="holds none of the series channels, but other"):
        folder.parts[0].record()


def test_a_plain_tree_of_pictures_is_read(tmp_path):
    for i in range(20):
        write_picture(tmp_path / "train" / "good" / f"{i:03}.png")
    write_picture(tmp_path / "test" / "good" / "000.png")
    write_picture(tmp_path / "test" / "crack" / "000.png")
    write_picture(tmp_path / "ground_truth" / "crack" / "000_mask.png", np.full((6, 8), 255, np.uint8))
    folder, again = load_parts_folder(tmp_path), load_parts_folder(tmp_path)
    assert len(folder.split("val")) == round(20 * MVTEC_VAL_SHARE)
    assert [p.split for p in folder.parts] == [p.split for p in again.parts]
    assert {part.label for part in folder.split("train")} == {"ok"}
    assert {part.part_id: part.label for part in folder.split("test")} == {"test/good/000": "ok", "test/crack/000": "crack"}
    assert [part.mask() is not None for part in folder.split("test")] == [True, False]
