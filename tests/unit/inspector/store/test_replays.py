"""Replays that are kept: there whole or not at all, and nothing outside them can be named."""

import pytest

from inspector.align import align
from inspector.config import Station
from inspector.document import inspection_document
from inspector.errors import StoreError
from inspector.parts import HeatMap, Inspection, ModelRef, Verdict
from inspector.store.replays import ReplayWriter, kept_names, parts_done, read_kept
from inspector.testing import make_capture

STATION = Station.model_validate(
    {
        "station": "bench",
        "title": {"en": "Bench", "zh": "台"},
        "trigger": {"driver": "timer"},
        "channels": {"image": {"modality": "image", "driver": "x"}},
    }
)


def inspected(number, outcome="pass"):
    record = align(make_capture(f"p{number}", t_ns=10_000_000_000 + number * 500_000_000, seed=number), STATION)
    height, width = record.frames["image"].pixels.shape[:2]
    heat = HeatMap("image", record.frames["image"].pixels.reshape(height, width, -1)[..., 0].astype("f4") / 255, "combined")
    return Inspection(record, Verdict(outcome, 0.4, 0.5, ModelRef("toy", "1", "0" * 64)), heat_maps=(heat,))


def test_a_replay_is_kept_whole(tmp_path):
    writer = ReplayWriter(tmp_path, "shift-3")
    for number in range(3):
        before, after = inspected(number), inspected(number, "fail")
        writer.add(number, before)
        writer.add_after(number, after, inspection_document(after))
        assert parts_done(tmp_path, "shift-3") == number + 1
    assert kept_names(tmp_path) == []
    writer.finish({"parts": [], "compare": {}})
    kept = read_kept(tmp_path, "shift-3")
    assert kept.compared
    assert kept.document["times_s"] == [0.0, 0.5, 1.0]
    assert [one["outcome"] for one in kept.document["after"]] == ["fail"] * 3
    assert sorted(path.name for path in kept.evidence(1).iterdir()) == ["image.heat.png", "image.jpg"]
    assert sorted(path.name for path in kept.evidence(1, "after").iterdir()) == ["image.heat.png"]
    assert kept_names(tmp_path) == ["shift-3"]
    with pytest.raises(StoreError, match="is there already"):
        ReplayWriter(tmp_path, "shift-3")


def test_nothing_is_left_of_a_replay_that_is_broken_off(tmp_path):
    writer = ReplayWriter(tmp_path, "half")
    writer.add(0, inspected(0))
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a..b", "x" * 200])
def test_a_name_cannot_lead_elsewhere(tmp_path, name):
    assert read_kept(tmp_path, name) is None
    with pytest.raises(StoreError, match="is no name for a replay"):
        ReplayWriter(tmp_path, name)


def test_a_damaged_replay_is_told(tmp_path):
    ReplayWriter(tmp_path, "one").finish({"parts": []})
    (tmp_path / "one" / "replay.json").write_text("{")
    with pytest.raises(StoreError, match="delete the folder"):
        read_kept(tmp_path, "one")
