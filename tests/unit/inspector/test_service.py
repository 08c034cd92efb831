"""From what people labelled to a model in service and back: a real training in the background, a real check, on a line that is made up."""

import json
import sys
import time

import pytest

from inspector.cli import main
from inspector.errors import StoreError, UsageError
from inspector.home import Home
from inspector.service import activate, check, hindrances, model_of, roll_back, serving, set_golden
from inspector.store import Store
from inspector.trainings import Told, Trainings

RECIPE = """
name: tiny
members_with_pictures: 1
picture: {area_px: 4096, views: 1, transplants: 0, invented: 0}
network: {width: 16, map_width: 16, layers: 1}
optimizer: {epochs_with_pictures: 12, batch: 8}
decision: {false_reject_budget: 0.3}
"""
PARTS = 12
PATIENCE_S = 400


@pytest.fixture(scope="module")
def place(tmp_path_factory, made_line):
    """An installation whose parts are labelled, with a model that was trained on them in the background."""
    root = tmp_path_factory.mktemp("plant")
    home = Home(root)
    (root / "tiny.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch, Store.open(home, f"sqlite:///{root / 'inspector.db'}") as store:
        patch.delenv("INSPECTOR_DATABASE_URL", raising=False)
        patch.setenv("OMP_NUM_THREADS", "1")
        for number in range(PARTS):
            fault = made_line.FAULTS[0] if number % 3 == 0 else None
            found = store.add(made_line.inspection(number, fault=fault))
            store.add_label(found, "scratch" if fault else "ok", "belt_slip" if fault else "none", "Li Wei")
        assert main(["model", "train", "--station", "demo-press", "--recipe", str(root / "tiny.yaml"), "--home", str(root)]) == 0
        trainings = Trainings(home)
        with pytest.raises(UsageError, match="runs already"):
            trainings.start("demo-press", root, "Li Wei")
        told = ended(trainings)
        assert told.state == "done", told.error
        yield home, store, told.model


def ended(trainings):
    deadline_s, stages = time.monotonic() + PATIENCE_S, set()
    while (running := trainings.running()) is not None and time.monotonic() < deadline_s:
        stages.add(running.stage)
        time.sleep(0.1)
    (newest, *_) = trainings.all()
    assert newest.state != "running"
    return newest


def test_what_people_labelled_is_trained_on_in_the_background(place):
    _home, store, model = place
    assert model_of(model)["version"] == "1.0.0"
    assert (model.parent.name, (model / "card.md").is_file()) == ("demo-press-tiny", True)
    (entry,) = store.audit.entries(action="training started")
    assert entry.subject == "demo-press"


def test_a_model_serves_once_it_was_checked_and_golden_parts_are_right_and_goes_back_in_one_step(place, capsys):
    home, store, model = place
    station = "demo-press"
    shipped = serving(store, home, station)
    assert shipped is None  # nobody ever said by what this line judges
    with pytest.raises(UsageError, match="against MODEL_DIR"):
        check(store, home, station, model)
    from inspector.home import DEMO_MODEL, newest_version

    shipped = newest_version(DEMO_MODEL)
    with pytest.raises(UsageError, match=r"golden parts, at least a good and a bad one.*not checked yet"):
        activate(store, home, station, model)
    told = check(store, home, station, model, shipped)
    assert told["parts"] == PARTS
    assert told["hindrances"] == ["golden_missing"]
    kept = json.loads((home.replays / told["replay"] / "replay.json").read_text())
    compared = kept["compare"]["parts"]
    right = {
        truth: next(p for p in compared if p["truth"] == truth and (p["outcome"][1] == "pass") == (truth == "ok"))
        for truth in ("ok", "scratch")
    }
    for one in right.values():
        set_golden(store, store.find(one["part_id"], station), golden=True)
    assert hindrances(store, home, station, model) == ["golden_changed"]
    command = ["model", "check", str(model), "--station", station, "--against", str(shipped), "--home", str(home.root)]
    assert main(command) == 0
    assert "golden parts: 2 of 2 judged right" in capsys.readouterr().out

    activate(store.signed("Li Wei"), home, station, model)
    assert serving(store, home, station) == model.resolve()
    assert hindrances(store, home, station, model) == ["checked_against_another", "serves_already"]
    (entry,) = store.audit.entries(action="model activated")
    assert (entry.who, entry.detail["golden"], entry.detail["replaces"]) == ("Li Wei", 2, str(shipped))

    assert roll_back(store, home, station) == shipped
    assert len(store.audit.entries(action="model rolled back")) == 1
    with pytest.raises(StoreError, match="nothing to roll back"):
        roll_back(store, home, station)
    assert store.audit.check().findings == ()


def test_a_golden_part_is_known_and_one_that_is_judged_wrong_hinders(place):
    home, store, model = place
    with pytest.raises(StoreError, match="label it first"):
        set_golden(store, store.add(made_unlabelled(store)), golden=True)
    found = store.find("P-000001", "demo-press")
    set_golden(store, found, golden=True)
    place_of_check = next((home.root / "checks").glob("*.json"))
    told = json.loads(place_of_check.read_text())
    told["golden_ids"] = store.services.golden("demo-press")
    told["golden"]["wrong"] = [{"part_id": "P-000001", "truth": "ok", "outcome": "fail", "score": 0.9}]
    place_of_check.write_text(json.dumps(told))
    assert "golden_wrong" in hindrances(store, home, "demo-press", model)
    set_golden(store, found, golden=False)


def made_unlabelled(store):
    return sys.modules["made_line"].inspection(900)


def test_a_training_is_cancelled_and_one_that_fails_says_why(tmp_path):
    trainings = Trainings(Home(tmp_path))
    (tmp_path / "empty").mkdir()
    trainings.start("press", tmp_path / "empty", "Li Wei")
    failed = ended(trainings)
    assert (failed.state, "neither parts.csv nor" in failed.error) == ("failed", True)
    begun = trainings.start("press", tmp_path / "empty", "Li Wei")
    cancelled = trainings.cancel()
    assert (cancelled.name, cancelled.state) == (begun.name, "cancelled")
    with pytest.raises(UsageError, match="no training runs"):
        trainings.cancel()


def test_progress_is_told_by_stage_and_step(tmp_path):
    path = tmp_path / "progress.json"
    seen = [json.loads(path.read_text()) for _ in Told(path)(range(3), total=3, label="training member 1 of 1")]
    assert seen[0] == {"stage": "training member 1 of 1", "done": 0, "total": 3}
    assert json.loads(path.read_text())["done"] == 3
