import csv
import json
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
import soundfile

from inspector.commands.evaluate import table
from inspector.commands.output import write_json
from inspector.config import MachineConfig
from inspector.errors import DataError
from inspector.fusion.calibration import Calibration
from inspector.parts import ModelRef, Verdict
from inspector.training.evaluation import PART_COLUMNS, evaluate, leave_out, part_row, predicted_kind
from inspector.training.parts_folder import load_parts_folder

COLUMNS = ["part_id", "split", "label", "cause", "group", "image", "mask", "audio", "vibration", "series", "note"]
MODEL = ModelRef("fake", "1", "0" * 64)


@dataclass
class Found:
    maps: dict
    heat_maps: tuple = ()
    defects: tuple = ()


@dataclass
class BrightnessJudge:
    """Calls bright pictures cracked; its map is the picture itself."""

    ref: ModelRef = MODEL
    calibration: Calibration = field(default_factory=lambda: Calibration(mode="learned"))
    seen: list = field(default_factory=list)
    localized: int = 0

    def warm_up(self):
        self.seen.clear()

    def judge(self, features):
        record = features.record
        self.seen.append(record)
        score = max((float(frame.pixels.max()) / 255 for frame in record.frames.values()), default=float("nan"))
        outcome = "review" if np.isnan(score) else "fail" if score >= 0.5 else "pass"
        weights = {modality: 1 / len(record.modalities) for modality in record.modalities}
        return Verdict(
            outcome,
            score,
            0.5,
            self.ref,
            kind_probabilities={"ok": 0.9, "crack": 0.06, "fray": 0.04},
            cause_probabilities={"heat": 0.3, "none": 0.1, "wear": 0.6},
            weights=weights,
            degraded=dict(record.degraded),
        )

    def localize(self, features, verdict):
        self.localized += 1
        maps = {name: frame.pixels / 255.0 for name, frame in features.record.frames.items()}
        return Found({"combined": maps, "grad_cam": {name: -values for name, values in maps.items()}})


def write_picture(path, pixels):
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


@pytest.fixture
def folder(tmp_path):
    dark, bright, mask = np.full((32, 40), 60, np.uint8), np.full((32, 40), 60, np.uint8), np.zeros((32, 40), np.uint8)
    dark[::2] = 70
    bright[4:9, 6:12], mask[4:9, 6:12] = 220, 255
    write_picture(tmp_path / "dark.png", dark)
    write_picture(tmp_path / "bright.png", bright)
    write_picture(tmp_path / "mask.png", mask)
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 16000)
    rows = [
        ["p1", "test", "ok", "", "", "dark.png", "", "a.wav", "", "", ""],
        ["p2", "test", "crack", "wear", "", "bright.png", "mask.png", "a.wav", "", "", ""],
        ["p3", "test", "fray", "heat", "", "bright.png", "", "", "", "", ""],
        ["p4", "test", "crack", "none", "", "dark.png", "mask.png", "", "", "", ""],
        ["p5", "train", "ok", "", "", "dark.png", "", "", "", "", ""],
    ]
    with (tmp_path / "parts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return tmp_path


def test_the_document_has_the_promised_keys_and_figures(folder):
    document = evaluate(BrightnessJudge(), load_parts_folder(folder))
    assert document["model"] == {"name": "fake", "version": "1", "sha256": "0" * 64}
    assert document["data"] == {"name": folder.name, "split": "test", "parts": 4, "modalities": ["image", "audio"]}
    detection = document["detection"]
    assert detection["auroc"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert detection["miss_rate_at_5pct_false_reject"] == pytest.approx(1 / 3)
    assert detection["operating_point"] == {
        "threshold": 0.5,
        "miss_rate": pytest.approx(1 / 3),
        "false_reject_rate": 0.0,
        "review_rate": 0.0,
    }
    assert document["defects"]["accuracy"] == 0.5
    alone = {"top1": 0.5, "top3": 1.0}
    named_without = {"parts_without": 2, "named_without": 2}  # this judge always names one
    assert document["causes"] == {**alone, "parts": 2, "not_measured": 0, **named_without, "network_alone": alone}
    assert set(document["latency_ms"]) == {"p50", "p95"}
    assert document["peak_rss_mb"] > 10


def test_maps_are_scored_where_the_truth_is_drawn(folder):
    document = evaluate(BrightnessJudge(), load_parts_folder(folder))
    # p3 is defective without a mask: nothing is known of its pixels. p4's map points at a stripe beside its mask.
    assert list(document["localization"]) == ["grad_cam", "combined"]
    assert document["localization"]["combined"]["pointing_game"] == 0.5
    assert document["localization"]["combined"]["pixel_auroc"] > document["localization"]["grad_cam"]["pixel_auroc"]
    assert set(document["localization"]["grad_cam"]) == {"pixel_auroc", "aupro_30", "pointing_game"}


def test_what_does_not_apply_is_absent(folder):
    judge = BrightnessJudge()
    document = evaluate(judge, load_parts_folder(folder), "train")
    assert "localization" not in document
    assert "causes" not in document
    assert judge.localized == 0
    assert document["detection"]["auroc"] is None
    json.dumps(document)


def test_a_modality_is_left_out_of_every_part(folder):
    judge = BrightnessJudge()
    document = evaluate(judge, load_parts_folder(folder), without=("audio",))
    assert document["data"] == {"name": folder.name, "split": "test", "parts": 4, "modalities": ["image"], "without": ["audio"]}
    assert all(record.modalities == {"image"} for record in judge.seen)
    assert judge.seen[0].degraded["audio"] == "left out"
    with pytest.raises(DataError, match="nothing is left to judge without image, audio"):
        evaluate(judge, load_parts_folder(folder), without=("image", "audio"))


def test_a_part_without_a_score_is_a_review_and_not_a_guess(folder):
    document = evaluate(BrightnessJudge(), load_parts_folder(folder), without=("image",))
    assert document["detection"]["operating_point"]["review_rate"] == 1.0
    assert document["detection"]["auroc"] is None
    assert "localization" not in document


def test_an_undecodable_file_degrades_its_part_alone(folder):
    (folder / "a.wav").write_bytes(b"")
    rows = []
    evaluate(BrightnessJudge(), load_parts_folder(folder), on_part=lambda one: rows.append(part_row(one)))
    assert len(rows) == 4
    assert rows[0]["condition"] == "degraded"
    assert "a.wav: is an empty file" in rows[0]["degraded"]


def test_a_mask_of_another_size_is_named(folder):
    write_picture(folder / "mask.png", np.zeros((32, 39), np.uint8))
    with pytest.raises(DataError, match=r"parts.csv, row 3: .*mask.png: mask is 39x32 px, its picture 40x32 px"):
        evaluate(BrightnessJudge(), load_parts_folder(folder))


def test_an_empty_split_is_refused(folder):
    with pytest.raises(DataError, match="split 'val' holds no part"):
        evaluate(BrightnessJudge(), load_parts_folder(folder), "val")


def test_causes_may_be_explained_by_more_than_the_network(folder):
    asked = []

    def explain(record, verdict, machine):
        asked.append(machine)
        return [("heat", 0.9), ("wear", 0.1)]

    rows = []
    document = evaluate(
        BrightnessJudge(), load_parts_folder(folder), explain=explain, explain_all=True, on_part=lambda one: rows.append(part_row(one))
    )
    assert asked == [MachineConfig()] * 4
    assert document["causes"]["top1"] == 0.5
    evaluate(BrightnessJudge(), load_parts_folder(folder), explain=explain)
    assert len(asked) == 4 + 4  # a cause that is named of a part without one counts, too
    assert set(rows[1]) == set(PART_COLUMNS)
    assert rows[1] | {"degraded": ""} == {
        "part_id": "p2",
        "label": "crack",
        "score": "0.862745",
        "outcome": "fail",
        "defect": "crack",
        "cause_1": "heat",
        "cause_1_probability": "0.9000",
        "cause_2": "wear",
        "cause_2_probability": "0.1000",
        "cause_3": "",
        "cause_3_probability": "",
        "condition": "complete",
        "degraded": "",
        "weight_image": "0.5000",
        "weight_audio": "0.5000",
        "weight_vibration": "",
        "weight_series": "",
    }


def test_a_part_is_called_what_it_most_probably_is():
    verdict = Verdict("review", 0.6, 0.5, MODEL, kind_probabilities={"ok": 0.7, "fray": 0.3})
    assert predicted_kind(verdict) == "fray"
    assert predicted_kind(Verdict("fail", 0.6, 0.5, MODEL)) == "unknown"
    assert predicted_kind(Verdict("pass", 0.4, 0.5, MODEL, kind_probabilities={"fray": 1.0})) == "ok"
    assert predicted_kind(Verdict("review", 0.6, 0.9, MODEL, kind_probabilities={"fray": 1.0})) == "fray"
    assert predicted_kind(Verdict("fail", 0.3, 0.2, MODEL, kind_probabilities={"fray": 1.0})) == "fray"


def test_leaving_nothing_out_changes_nothing(folder):
    record = load_parts_folder(folder).parts[0].record()
    assert leave_out(record, ()) is record


def test_figures_are_printed_as_a_table(folder, capsys):
    document = evaluate(BrightnessJudge(), load_parts_folder(folder))
    lines = table(document).splitlines()
    assert lines[0].startswith("fake 1 on ")
    assert any(line.split()[:1] == ["AUROC"] and line.endswith("0.833") for line in lines)
    write_json("-", document)
    assert json.loads(capsys.readouterr().out)["data"]["parts"] == 4
