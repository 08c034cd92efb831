"""From a recipe and a few made parts to verdicts: the whole way on a line small enough for a test."""

import csv
import json

import cv2
import numpy as np
import pytest
import yaml

from inspector.diagnosis import Credit
from inspector.errors import ConfigError, DataError
from inspector.features import extract
from inspector.fusion import Judge
from inspector.training import train
from inspector.training.parts_folder import load_parts_folder

RECIPE = """
name: tiny
members_with_pictures: 1
members_without_pictures: 1
picture: {area_px: 8192, views: 1}
network: {width: 32, map_width: 16, layers: 1}
optimizer: {epochs_with_pictures: 20, epochs_without_pictures: 40, batch: 8}
decision: {false_reject_budget: 0.3}
"""
"""Ten good validation parts are enough for that promise."""
COLUMNS = ("part_id", "split", "label", "cause", "group", "image", "mask", "audio", "vibration", "series", "note")


def write_line(folder, labels, *, modalities=("image", "vibration"), splits=("train", "val")):
    """Write parts: a scratch is a bright bar in the picture, and the vibration of its cause is a strong tone."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    rows = []
    for split in splits:
        for number, label in enumerate(labels):
            part_id = f"{split}-{number}"
            row = dict.fromkeys(COLUMNS, "") | {"part_id": part_id, "split": split, "label": label, "group": part_id}
            if label != "ok":
                row["cause"] = "wear"
            if "image" in modalities:
                row |= _picture(folder, part_id, label, random)
            if "vibration" in modalities:
                row["vibration"] = _vibration(folder, part_id, label, random)
            rows.append(row)
    with (folder / "parts.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return load_parts_folder(folder)


def _picture(folder, part_id, label, random):
    pixels = random.normal(120, 12, (64, 96)).clip(0, 255).astype(np.uint8)
    mask = np.zeros_like(pixels)
    if label != "ok":
        x, y = int(random.integers(8, 60)), int(random.integers(8, 48))
        pixels[y : y + 8, x : x + 24] = 235
        mask[y : y + 8, x : x + 24] = 255
    cv2.imwrite(str(folder / f"{part_id}.png"), pixels)
    cv2.imwrite(str(folder / f"{part_id}-mask.png"), mask)
    return {"image": f"{part_id}.png", "mask": f"{part_id}-mask.png" if label != "ok" else ""}


def _vibration(folder, part_id, label, random):
    samples = random.normal(0, 1, 4000)
    if label != "ok":
        samples += 3 * np.sin(2 * np.pi * 400 * np.arange(4000) / 4000)
    np.savez(folder / f"{part_id}.npz", samples=samples.astype(np.float32), sample_rate_hz=4000.0)
    return f"{part_id}.npz"


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    return path


LABELS = ["ok", "scratch"] * 10


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    return write_line(tmp_path_factory.mktemp("line"), LABELS)


@pytest.fixture(scope="module")
def model(line, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "tiny.yaml").write_text(RECIPE)
    train(folder / "tiny.yaml", line, folder / "m", seed=1)
    return Judge.load(folder / "m")


def test_a_trained_model_tells_good_from_bad_and_why(model, line):
    verdicts = [(part.label, model.judge(extract(part.record()))) for part in line.split("val")]
    right = [(label == "ok") == (verdict.outcome != "fail") for label, verdict in verdicts]
    assert np.mean(right) >= 0.9
    bad = next(verdict for label, verdict in verdicts if label == "scratch" and verdict.outcome == "fail")
    assert bad.defects[0].kind == "scratch"
    assert max(bad.cause_probabilities, key=bad.cause_probabilities.get) == "wear"
    assert sum(bad.weights.values()) == pytest.approx(1)
    assert set(bad.quality) == {"image", "vibration"}


def test_the_same_part_gets_the_same_verdict(model, line):
    features = [extract(line.parts[1].record()) for _ in range(2)]
    assert model.judge(features[0]).score == model.judge(features[1]).score


def test_a_part_without_any_channel_goes_to_review(model, line):
    from dataclasses import replace

    empty = replace(line.parts[0].record(), frames={}, waveforms={})
    verdict = model.judge(extract(empty))
    assert verdict.outcome == "review"
    assert verdict.reasons


def test_heat_maps_lie_on_the_picture_and_peak_at_the_defect(model, line):
    hits = []
    for part in line.split("val"):
        if part.label == "ok":
            continue
        features = extract(part.record())
        found = model.localize(features, model.judge(features))
        heat = found.maps["combined"]["image"]
        mask = part.mask()
        assert heat.shape == mask.shape
        assert found.heat_maps[0].values.shape == mask.shape
        assert set(found.maps) == {"grad_cam", "anomaly_map", "combined"}
        hits.append(mask[np.unravel_index(heat.argmax(), heat.shape)] > 0)
    assert np.mean(hits) >= 0.8


def test_good_parts_alone_make_a_model(tmp_path, recipe):
    good = write_line(tmp_path / "good", ["ok"] * 16)
    summary = train(recipe, good, tmp_path / "m")
    judge = Judge.load(tmp_path / "m")
    assert judge.manifest.calibration.mode == "good_parts_only"
    assert "good parts" in summary["rule"]
    strange = write_line(tmp_path / "strange", ["ok", "scratch"] * 4, splits=("test",))
    scores = {label: [judge.judge(extract(p.record())).score for p in strange.parts if p.label == label] for label in ("ok", "scratch")}
    assert np.mean(scores["scratch"]) > np.mean(scores["ok"])


def test_kinds_alone_make_a_model_that_passes_nothing(tmp_path, recipe):
    kinds = write_line(tmp_path / "kinds", ["scratch", "dent"] * 8, modalities=("vibration",))
    train(recipe, kinds, tmp_path / "m")
    judge = Judge.load(tmp_path / "m")
    verdict = judge.judge(extract(kinds.parts[0].record()))
    assert judge.manifest.calibration.mode == "kinds_only"
    assert verdict.outcome == "fail"
    assert verdict.score == 1.0


def test_without_validation_parts_folds_of_train_calibrate(tmp_path, recipe):
    line = write_line(tmp_path / "line", LABELS, modalities=("vibration",), splits=("train",))
    summary = train(recipe, line, tmp_path / "m")
    assert summary["chosen"]["calibrated_on"] == "2 folds of train"
    assert summary["figures"]["held_out_parts"] == len(LABELS)


def test_validation_parts_too_few_for_the_promise_are_helped_by_folds(tmp_path, recipe):
    line = write_line(tmp_path / "line", LABELS, modalities=("vibration",))
    recipe.write_text(RECIPE.replace("0.3}", "0.05}"))
    summary = train(recipe, line, tmp_path / "m")
    assert summary["chosen"]["calibrated_on"] == "2 folds of train and val"
    assert (summary["promise"]["groups"], summary["promise"]["kept"]) == (20, "on_average")


def table(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_run_leaves_its_records(line, model, tmp_path_factory):
    run = next(tmp_path_factory.getbasetemp().glob("model*/m/run"))
    assert {path.name for path in run.iterdir()} == {"recipe.yaml", "run.yaml", "metrics.csv", "curves.png", "review.csv"}
    assert yaml.safe_load((run / "recipe.yaml").read_text())["optimizer"]["batch"] == 8
    assert yaml.safe_load((run / "run.yaml").read_text())["data_sha256"] == model.manifest.training.data_sha256
    metrics = table(run / "metrics.csv")
    assert [int(row["epoch"]) for row in metrics] == list(range(1, 21))
    assert float(metrics[-1]["held_out_auroc"]) > 0.9
    review = table(run / "review.csv")
    assert {row["part_id"] for row in review} == {part.part_id for part in line.split("val")}
    losses = [float(row["loss"]) for row in review]
    assert losses == sorted(losses, reverse=True)
    credit = json.loads((run.parent / "credit.json").read_text())
    assert Credit.from_dict(credit) == Credit(), "ten parts with a cause are too few to tell more"


def test_a_label_that_is_wrong_comes_first_in_the_review(tmp_path, recipe):
    write_line(tmp_path / "line", LABELS, modalities=("vibration",))
    parts = tmp_path / "line" / "parts.csv"
    parts.write_text(parts.read_text().replace("val-0,val,ok", "val-0,val,scratch"))
    train(recipe, load_parts_folder(tmp_path / "line"), tmp_path / "m")
    first = table(tmp_path / "m" / "run" / "review.csv")[0]
    assert (first["part_id"], first["label"], first["proposed"]) == ("val-0", "scratch", "ok")


def test_a_killed_run_goes_on_where_it_stood_when_the_command_is_given_again(tmp_path, recipe):
    line = write_line(tmp_path / "line", LABELS, modalities=("vibration",), splits=("train",))
    recipe.write_text(RECIPE + "engine: {checkpoint_s: 0}\n")
    learned = []

    def dying(items, *, total=None, label=""):
        for item in items:
            if label.startswith("training"):
                learned.append((label, item))
                if len(learned) == 60:
                    raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        train(recipe, line, tmp_path / "killed", progress=dying)
    again = train(recipe, line, tmp_path / "killed", progress=dying)
    assert learned[60] == learned[59]  # the epoch that was broken off is the first to be learned again
    assert again["model"]["sha256"] == train(recipe, line, tmp_path / "whole")["model"]["sha256"]
    assert not (tmp_path / "killed" / "run" / "checkpoints").exists()


def test_parts_that_nobody_has_looked_at_are_for_pretraining(tmp_path, recipe):
    line = write_line(tmp_path / "line", LABELS, modalities=("vibration",), splits=("train", "val"))
    parts = tmp_path / "line" / "parts.csv"
    parts.write_text(parts.read_text().replace("train-0,train,ok", "train-0,train,unlabelled"))
    line = load_parts_folder(tmp_path / "line")
    recipe.write_text(RECIPE + "pretraining: {epochs: 2}\n")
    summary = train(recipe, line, tmp_path / "m")
    assert summary["data"]["parts"] == {"train": 19, "val": 20, "unlabelled": 1}
    assert Judge.load(tmp_path / "m").manifest.kinds == ["scratch"]


def test_a_misspelt_key_is_named(tmp_path, line):
    path = tmp_path / "wrong.yaml"
    path.write_text("name: x\npicture: {vievs: 2}\n")
    with pytest.raises(ConfigError, match=r"picture\.vievs"):
        train(path, line, tmp_path / "m")


def test_too_few_parts_are_refused(tmp_path, recipe):
    few = write_line(tmp_path / "few", ["ok", "scratch"], modalities=("vibration",))
    with pytest.raises(DataError, match="at least 4"):
        train(recipe, few, tmp_path / "m")


def test_explaining_in_four_threads_says_what_one_after_the_other_says(model, line):
    from concurrent.futures import ThreadPoolExecutor

    features = [extract(part.record()) for part in line.split("val")[:6]]

    def explained(one):
        verdict = model.judge(one)
        found = model.localize(one, verdict)
        return verdict.score, found.heat_maps[0].values, found.heat_maps[0].faithfulness, model.attribute(one, verdict)

    alone = [explained(one) for one in features]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(explained, features * 3))
    for first, second in zip(alone * 3, together, strict=True):
        assert first[0] == pytest.approx(second[0], abs=1e-5)
        assert np.allclose(first[1], second[1], atol=1e-4)
        assert first[2] == pytest.approx(second[2], abs=1e-3)
        assert [one.channel for one in first[3]] == [one.channel for one in second[3]]


def test_explaining_often_leaves_nothing_behind(model, line):
    import gc

    import torch

    part = next(part for part in line.split("val") if part.label != "ok")
    features = extract(part.record())
    verdict = model.judge(features)

    def tensors():
        gc.collect()
        return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())

    model.localize(features, verdict)
    before = tensors()
    for _ in range(20):
        model.localize(features, verdict)
    assert tensors() <= before + 2
    assert not any(module._forward_hooks for module in model.runtime.ensemble.modules())


def test_sixteen_bit_tiny_and_narrow_pictures_are_located(model, line):
    from dataclasses import replace

    from inspector.parts import Frame

    record = line.parts[0].record()
    for shape in ((9, 9), (40, 300), (700, 900)):
        pixels = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
        features = extract(replace(record, frames={"image": Frame(0, pixels)}))
        found = model.localize(features, model.judge(features))
        for heat in found.heat_maps:
            assert heat.values.shape == shape
        for defect in found.defects:
            x, y, width, height = defect.box_px
            assert x + width <= shape[1]
            assert y + height <= shape[0]


def test_what_drove_the_verdict_and_the_nearest_good_part_are_told(model, line):
    part = next(part for part in line.split("val") if part.label != "ok")
    features = extract(part.record())
    verdict = model.judge(features)
    (vibration,) = model.attribute(features, verdict)
    assert vibration.channel == "vibration"
    assert vibration.share <= verdict.weights["vibration"] + 1e-6
    (good,) = model.nearest_good(features)
    (look,) = model.looks(features).values()
    assert look.ndim == 1
    assert np.isfinite(look).all()
    assert good.part_id in {part.part_id for part in line.split("train") if part.label == "ok"}
    assert good.pixels.shape == (64, 96, 3)
