"""Each kind of bad input through the command line: one clear line that names the file and the row or key, or a degraded part."""

import csv
import gzip
import json
import shutil

import cv2
import numpy as np
import pytest
import soundfile

from inspector.cli import main
from inspector.home import shipped

COLUMNS = ["part_id", "split", "label", "cause", "group", "image", "mask", "audio", "vibration", "series", "note"]
SMALL_RECIPE = """
name: small
members_with_pictures: 1
picture: {area_px: 12288, views: 1}
network: {width: 32, map_width: 16, layers: 1, heads: 2}
optimizer: {epochs_with_pictures: 3}
"""
RECIPE = str(shipped("models/recipes/line.yaml"))
STATION = shipped("stations/definitions/demo-press.yaml")


def write_picture(path, pixels):
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def write_table(folder, rows, columns=COLUMNS):
    with (folder / "parts.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def parts(folder, count=24):
    """Write the files of parts in which a bright square is a defect, and return their rows."""
    rng = np.random.default_rng(3)
    rows = []
    for i in range(count):
        defective = i % 2 == 1
        split = "test" if i % 6 >= 4 else "val" if i % 6 >= 2 else "train"
        pixels = rng.normal(110, 12, (96, 128)).clip(0, 255).astype(np.uint8)
        mask = np.zeros_like(pixels)
        if defective:
            x, y = rng.integers(8, 80, 2)
            pixels[y : y + 12, x : x + 24] = 240
            mask[y : y + 12, x : x + 24] = 255
            write_picture(folder / f"{i}-mask.png", mask)
        write_picture(folder / f"{i}.png", pixels)
        soundfile.write(folder / f"{i}.wav", rng.normal(0, 0.3 if defective else 0.1, 8000), 16000)
        np.savez(folder / f"{i}.npz", samples=rng.normal(0, 1, 8000).astype(np.float32), sample_rate_hz=10000)
        table = "t_s,oil\n" + "".join(f"{t},{20 + 5 * defective + rng.normal():.3f}\n" for t in range(-20, 1))
        (folder / f"{i}.csv.gz").write_bytes(gzip.compress(table.encode()))
        rows.append(
            {"part_id": f"p{i}", "split": split, "label": "stain" if defective else "ok", "cause": "hot" if defective else ""}
            | {"image": f"{i}.png", "mask": f"{i}-mask.png" if defective else "", "audio": f"{i}.wav"}
            | {"vibration": f"{i}.npz", "series": f"{i}.csv.gz"}
        )
    return rows


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    write_table(data, parts(data))
    return data


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Train on good material once."""
    data, out = tmp_path_factory.mktemp("good"), tmp_path_factory.mktemp("trained") / "model"
    write_table(data, parts(data))
    (data / "small.yaml").write_text(SMALL_RECIPE, encoding="utf-8")
    assert main(["train", str(data / "small.yaml"), "--data", str(data), "--out", str(out)]) == 0
    return out


def rows_of(folder):
    with (folder / "parts.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def refused(capsys, *arguments):
    """Run a command that must end with 2 and a single line; return that line."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    heard = capsys.readouterr()
    assert heard.out == ""
    assert heard.err.count("\n") == 1, heard.err
    assert "Traceback" not in heard.err
    return heard.err


def evaluated(model, folder, tmp_path):
    """Evaluate and return the document and the rows of the parts."""
    figures, rows = tmp_path / "figures.json", tmp_path / "rows.csv"
    assert main(["evaluate", str(model), "--data", str(folder), "--json", str(figures), "--parts-csv", str(rows)]) == 0
    with rows.open(newline="", encoding="utf-8") as file:
        return json.loads(figures.read_text(encoding="utf-8")), list(csv.DictReader(file))


# --- the table -----------------------------------------------------------------------------------------------------------------


def without_table(folder):
    (folder / "parts.csv").unlink()
    return "has neither parts.csv nor train/good"


def without_a_column(folder):
    write_table(folder, rows_of(folder), [name for name in COLUMNS if name != "label"])
    return "parts.csv, row 1: lacks the column label"


def without_a_file(folder):
    (folder / "3.png").unlink()
    return "parts.csv, row 5: names files that do not exist: 3.png"


def with_a_part_twice(folder):
    rows = rows_of(folder)
    write_table(folder, [*rows, rows[0]])
    return "parts.csv, row 26: part_id 'p0' is already in row 2"


def with_an_unknown_split(folder):
    rows = rows_of(folder)
    rows[1]["split"] = "tset"
    write_table(folder, rows)
    return "parts.csv, row 3: unknown split 'tset'"


@pytest.mark.parametrize("harm", [without_table, without_a_column, without_a_file, with_a_part_twice, with_an_unknown_split])
def test_a_wrong_table_is_named_by_train_and_evaluate(harm, folder, tmp_path, capsys, model):
    expected = harm(folder)
    assert expected in refused(capsys, "train", RECIPE, "--data", folder, "--out", tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert expected in refused(capsys, "evaluate", model, "--data", folder)


# --- files that cannot be decoded ----------------------------------------------------------------------------------------------

BROKEN = {
    "0.png": (b"", "0.png: is an empty file"),
    "0.wav": (b"RIFF nothing", "0.wav: cannot be decoded as sound"),
    "0.npz": (b"PK nothing", "0.npz: cannot be read as an .npz archive"),
    "0.csv.gz": (b"no gzip", "0.csv.gz: cannot be read as a CSV table"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_training_refuses_a_file_that_cannot_be_decoded(name, folder, tmp_path, capsys):
    content, expected = BROKEN[name]
    (folder / name).write_bytes(content)
    line = refused(capsys, "train", RECIPE, "--data", folder, "--out", tmp_path / "model")
    assert "parts.csv, row 2: " in line
    assert expected in line


def test_a_mask_of_another_size_is_named(folder, tmp_path, capsys, model):
    for number in ("1", "5"):
        write_picture(folder / f"{number}-mask.png", np.full((96, 100), 255, np.uint8))
    expected = "mask is 100x96 px, its picture 128x96 px"
    line = refused(capsys, "train", RECIPE, "--data", folder, "--out", tmp_path / "model")
    assert "parts.csv, row 3: " in line
    assert expected in line
    assert expected in refused(capsys, "evaluate", model, "--data", folder)


def test_evaluation_degrades_the_part_and_keeps_it(folder, tmp_path, model):
    for source, target in (("0", "4"), ("0", "5")):
        for suffix in (".png", ".wav", ".npz", ".csv.gz"):
            if target == "4" or suffix != ".png":
                (folder / f"{target}{suffix}").write_bytes(BROKEN[f"{source}{suffix}"][0])
    document, rows = evaluated(model, folder, tmp_path)
    assert document["data"]["parts"] == len(rows) == 8
    blind, half_blind = rows[0], rows[1]
    assert (blind["part_id"], blind["outcome"], blind["condition"]) == ("p4", "review", "degraded")
    for name in ("4.png", "4.wav", "4.npz", "4.csv.gz"):
        assert name in blind["degraded"]
    assert (half_blind["part_id"], half_blind["condition"]) == ("p5", "degraded")
    assert half_blind["weight_image"] == "1.0000"
    assert rows[2]["condition"] == "complete"


def test_unusual_but_sound_files_are_judged(folder, tmp_path, model):
    grey = cv2.imdecode(np.frombuffer((folder / "5.png").read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    write_picture(folder / "5.png", grey.astype(np.uint16) * 257)  # 16 bits
    write_picture(folder / "4.png", np.full((1, 300), 110, np.uint8))  # 1 px high
    samples, _ = soundfile.read(folder / "4.wav")
    soundfile.write(folder / "4.wav", np.column_stack([samples, samples]), 44100)  # another rate, stereo
    text = "t_s,oil,step\n-20,20,run\n-3,,run\n-5,nan,run\n0,21,stop\n"
    (folder / "4.csv.gz").write_bytes(gzip.compress(text.encode()))  # gaps, NaN, out of order, a column of text
    (folder / "10.csv.gz").write_bytes(gzip.compress(b"t_s,oil\n0,21\n"))  # one sample
    document, rows = evaluated(model, folder, tmp_path)
    assert len(rows) == 8
    assert {row["outcome"] for row in rows} <= {"pass", "fail", "review"}
    assert "picture too small" in rows[0]["degraded"]
    assert "image" not in rows[1]["degraded"]
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    assert document["detection"]["auroc"] is not None


# --- single parts --------------------------------------------------------------------------------------------------------------


def test_inspecting_one_part(folder, tmp_path, capsys, model):
    heat = tmp_path / "heat.png"
    files = ["--image", folder / "5.png", "--audio", folder / "5.wav", "--vibration", folder / "5.npz", "--series", folder / "5.csv.gz"]
    arguments = ["inspect", model, *files, "--heat-map", heat, "--json", "-"]
    assert main([str(argument) for argument in arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["part_id"] == "5"
    assert document["condition"] == {"complete": True, "degraded": {}}
    assert {"outcome", "score", "threshold", "defects", "weights", "causes", "conclusion", "suggestions", "timings_ms", "model"} <= set(
        document
    )
    assert cv2.imdecode(np.frombuffer(heat.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED).shape == (96, 128)


def test_inspecting_with_one_broken_file_degrades_the_part(folder, capsys, model):
    (folder / "5.wav").write_bytes(b"")
    assert main(["inspect", str(model), "--image", str(folder / "5.png"), "--audio", str(folder / "5.wav"), "--json", "-"]) == 0
    degraded = json.loads(capsys.readouterr().out)["condition"]["degraded"]
    assert "5.wav: is an empty file" in degraded["audio"]
    assert degraded["vibration"] == "not given"


def test_the_verdict_is_told_in_words(folder, capsys, model):
    assert main(["inspect", str(model), "--image", str(folder / "5.png")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("5: ")
    assert "conclusion" in said


def test_inspecting_the_wrong_things(folder, tmp_path, capsys, model):
    text = tmp_path / "note.txt"
    text.write_text("hello", encoding="utf-8")
    assert "no file given" in refused(capsys, "inspect", model)
    assert "gone.png: no such file" in refused(capsys, "inspect", model, "--image", tmp_path / "gone.png")
    assert "note.txt: cannot be decoded as a picture" in refused(capsys, "inspect", model, "--image", text)
    assert "note.txt: cannot be decoded as sound" in refused(capsys, "inspect", model, "--audio", text)
    assert "note.txt: has no column t_s" in refused(capsys, "inspect", model, "--series", text)
    assert "--heat-map needs a picture" in refused(capsys, "inspect", model, "--audio", folder / "5.wav", "--heat-map", "h.png")
    assert "is not a model folder" in refused(capsys, "inspect", tmp_path / "gone", "--image", folder / "5.png")
    assert "manifest is missing" in refused(capsys, "inspect", folder, "--image", folder / "5.png")


# --- recipe, station, model ----------------------------------------------------------------------------------------------------


def test_a_misspelt_key_of_a_recipe_is_named(folder, tmp_path, capsys):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(shipped("models/recipes/line.yaml").read_text(encoding="utf-8") + "\nlerning_rate: 1\n", encoding="utf-8")
    line = refused(capsys, "train", recipe, "--data", folder, "--out", tmp_path / "model")
    assert "mine.yaml, lerning_rate: " in line
    assert "gone.yaml: cannot be read" in refused(capsys, "train", tmp_path / "gone.yaml", "--data", folder, "--out", tmp_path / "model")


def test_a_misspelt_key_of_a_station_is_named(tmp_path, capsys):
    station = tmp_path / "press.yaml"
    station.write_text(STATION.read_text(encoding="utf-8") + "\nmaturty: draft\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["station", "check", str(station)]) == 2
    heard = capsys.readouterr()
    assert "press.yaml, maturty: " in heard.err + heard.out


def test_a_model_that_was_changed_is_refused(folder, tmp_path, capsys, model):
    changed = tmp_path / "changed"
    shutil.copytree(model, changed)
    weights = changed / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "weights.safetensors: hash does not match" in refused(capsys, "evaluate", changed, "--data", folder)
    weights.unlink()
    assert "weights.safetensors: weights are missing" in refused(capsys, "evaluate", changed, "--data", folder)
    (changed / "manifest.yaml").write_text("hello", encoding="utf-8")
    assert "manifest.yaml: must hold keys and values" in refused(capsys, "evaluate", changed, "--data", folder)


def test_a_file_of_pickles_is_not_a_model(folder, tmp_path, capsys):
    pretended = tmp_path / "model.pt"
    pretended.write_bytes(b"\x80\x04cposix\nsystem\n.")
    assert "model.pt: is not a model folder" in refused(capsys, "evaluate", pretended, "--data", folder)
