"""What a person should look at next, and what people said as a folder to learn from."""

from dataclasses import replace

import numpy as np
import pytest

from inspector.cli import main
from inspector.errors import StoreError
from inspector.home import Home
from inspector.parts import Defect
from inspector.review import export, queue, uncertainty
from inspector.store import Store
from inspector.store.labels import agreed
from inspector.store.masks import mask_of, pixels_of
from inspector.training.parts_folder import load_parts_folder

DRAWN = np.zeros((480, 640), np.uint8)
DRAWN[100:140, 200:260] = 255


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.delenv("INSPECTOR_DATABASE_URL", raising=False)
    with Store.open(Home.at(tmp_path)) as opened:
        yield opened


def scored(inspection, score, **more):
    return replace(inspection, verdict=replace(inspection.verdict, score=score, **more))


def test_what_teaches_most_comes_first(store, made_line):
    sure = store.add(scored(made_line.inspection(1), 0.001))
    near = store.add(scored(made_line.inspection(2), 0.41))
    strange = store.add(scored(made_line.inspection(3, fault=made_line.FAULTS[0]), 0.99, defects=(Defect("unknown", 0.9),)))
    torn = store.add(scored(made_line.inspection(4), 0.001, outcome="review", reasons=("picture and sound disagree: sound speaks",)))
    doubted = store.add(scored(made_line.inspection(5, fault=made_line.FAULTS[0]), 0.999))
    store.add_feedback(doubted, "verdict_wrong")
    found = queue(store, made_line.STATION)
    assert [candidate.summary.inspection_id for candidate in found] == [near, doubted, strange, torn]
    assert sure not in {candidate.summary.inspection_id for candidate in found}
    assert [candidate.reasons[0] for candidate in found] == ["uncertain", "verdict_doubted", "new", "conflicting"]


def test_two_who_disagree_come_first_and_one_who_is_alone_settles_it(store, made_line):
    alone = store.add(scored(made_line.inspection(1), 0.4))
    torn = store.add(scored(made_line.inspection(2), 0.3))
    store.add_label(alone, "ok", None, "Li Wei")
    store.add_label(torn, "scratch", "belt_slip", "Li Wei")
    store.add_label(torn, "burr", None, "A. Meyer")
    (first,) = queue(store, None)
    assert first.summary.inspection_id == torn
    assert first.reasons[0] == "people_disagree"
    assert [label.who for label in first.labels] == ["Li Wei", "A. Meyer"]
    store.add_label(torn, "scratch", None, "A. Meyer")
    assert queue(store, None) == []
    assert agreed(store.labels([torn])[torn]).cause == "belt_slip"


def test_a_label_is_signed_and_of_a_part_that_exists(store, made_line):
    with pytest.raises(StoreError, match="who says so"):
        store.add_label(store.add(made_line.inspection(1)), "ok", None, " ")
    with pytest.raises(StoreError, match="no inspection"):
        store.add_label("nothing", "ok", None, "Li Wei")


def test_what_people_agree_on_can_be_trained_on(store, made_line, tmp_path, capsys):
    for number in range(6):
        found = store.add(made_line.inspection(number, fault=made_line.FAULTS[0] if number % 2 else None))
        store.add_label(found, "scratch" if number % 2 else "ok", "belt_slip" if number % 2 else "none", "Li Wei")
        if number == 1:
            store.add_mask(found, "camera", mask_of(DRAWN), "Li Wei")
    store.add_label(found, "burr", None, "A. Meyer")  # of the last one nobody can be sure now
    out = tmp_path / "labels"
    assert main(["review", "export", "--out", str(out), "--home", str(tmp_path)]) == 0
    assert "5 parts" in capsys.readouterr().out
    folder = load_parts_folder(out)
    assert [part.label for part in folder.parts] == ["ok", "scratch", "ok", "scratch", "ok"]
    assert folder.parts[1].cause == "belt_slip"
    record = folder.parts[1].record()
    assert (folder.parts[1].mask((640, 480)) == DRAWN).all()
    assert folder.parts[3].mask() is None
    assert record.frames["camera"].pixels.shape == (480, 640, 3)
    assert {channel.modality for channel in record.channels.values()} == {"image", "audio", "vibration", "series"}
    assert record.waveforms["microphone"].start_ns == -900_000_000


def test_without_labels_there_is_nothing_to_export(store, made_line, tmp_path):
    store.add(made_line.inspection(1))
    with pytest.raises(StoreError, match="no part has a label"):
        export(store, tmp_path / "labels")
    assert not (tmp_path / "labels").exists()


def test_doubt_is_nearness_to_the_threshold_or_the_review_band(store, made_line):
    def of(score, **more):
        inspection = scored(made_line.inspection(1), score, threshold=0.5, **more)
        return uncertainty(store.get(store.add(inspection)).summary)

    assert of(0.5) == 1
    assert of(0.03) == 0
    assert 0.5 < of(0.4) < 1
    assert of(0.1, outcome="review") == 1
    assert of(0.03, score_interval=(0.0, 0.7)) == 0  # a model that is unsure of everything says nothing of this part


def test_a_clearly_good_part_is_not_in_the_list(store, made_line):
    store.add(scored(made_line.inspection(1), 0.03, threshold=0.53, score_interval=(0.001, 0.6)))
    assert queue(store, None) == []


def test_labels_and_answers_are_one_truth(store, made_line):
    good, torn, named, renamed = (store.add(made_line.inspection(number, fault=made_line.FAULTS[0])) for number in range(4))
    store.add_label(good, "ok", None, "Li Wei")
    store.add_feedback(torn, "verdict_wrong", who="Li Wei")
    store.add_label(torn, "burr", None, "A. Meyer")
    store.add_feedback(named, "named", who="Li Wei", detail={"defect": "burr", "cause": "belt_slip"})
    store.add_label(renamed, "burr", None, "A. Meyer")
    store.add_feedback(renamed, "verdict_right", who="Li Wei")
    summary = store.get(good).summary
    truths, touched = store.known_labels(summary.station, 0, summary.wall_utc_ns + 10**15)
    assert truths == {good: "ok", named: "burr", renamed: "unknown"}  # bad it is, but two names are in the air
    assert touched == {good, torn, named, renamed}
    assert store.confirmed_label(summary.part_id, summary.station, summary.wall_utc_ns) == "ok"
    assert agreed(store.said([named])[named]).cause == "belt_slip"
    assert {candidate.summary.inspection_id for candidate in queue(store, None)} == {torn, renamed}


def test_the_last_drawing_counts_and_it_is_signed(store, made_line):
    found = store.add(made_line.inspection(1, fault=made_line.FAULTS[0]))
    store.add_mask(found, "camera", mask_of(DRAWN), "Li Wei")
    store.add_mask(found, "camera", mask_of(DRAWN // 255 * 0), "A. Meyer")
    drawn = store.masks(found)["camera"]
    assert (drawn.who, pixels_of(drawn.mask).any(), pixels_of(drawn.mask).shape) == ("A. Meyer", False, (480, 640))
    assert [entry.who for entry in store.audit.entries(action="mask drawn")] == ["A. Meyer", "Li Wei"]
    with pytest.raises(StoreError, match="do not add up"):
        store.add_mask(found, "camera", replace(drawn.mask, runs=(3,)), "Li Wei")


def test_any_mask_survives_its_run_lengths():
    random = np.random.default_rng(0)
    for shape in ((1, 1), (3, 5), (40, 30)):
        pixels = np.where(random.random(shape) > 0.5, 255, 0).astype(np.uint8)
        assert (pixels_of(mask_of(pixels)) == pixels).all()
