"""`inspector station run` with a black box: what it judged is on disk, kept around what did not pass, and replays."""

import json
from pathlib import Path

import pytest

from inspector.cli import main
from inspector.home import DEMO_MODEL, Home, newest_version
from inspector.store import Store
from inspector.store.recordings import read_captures
from stations.demo import STATION_FILE

PARTS = 6


@pytest.mark.parametrize("recorded", [True, False])
def test_a_running_station_keeps_a_black_box(tmp_path: Path, recorded: bool) -> None:
    file, told = tmp_path / "press.yaml", tmp_path / "told.json"
    box = "recording: { pictures: raw, segment_s: 2, min_free_gb: 0, keep: { outcomes: [pass, fail, review], pre_s: 0, post_s: 0 } }\n"
    file.write_text(STATION_FILE.read_text(encoding="utf-8") + box, encoding="utf-8")
    words = ["station", "run", str(file), "--model", str(newest_version(DEMO_MODEL)), "--parts", str(PARTS)]
    extra = [] if recorded else ["--no-recording"]
    assert main([*words, *extra, "--home", str(tmp_path / "home"), "--json", str(told)]) == 0
    document = json.loads(told.read_text(encoding="utf-8"))["stations"]["demo-press"]
    assert document["parts"] == PARTS
    folder = tmp_path / "home" / "recordings" / "demo-press"
    with Store.open(Home(tmp_path / "home")) as store:
        status = store.status("demo-press")
    assert status is not None
    assert ("black box" in status.health) == recorded
    if not recorded:
        assert "recording" not in document
        assert not folder.exists()
        return
    assert status.health["black box"]["state"] == "ok"
    assert {key: document["recording"][key] for key in ("parts", "dropped", "lost", "kept_events", "alarm")} == {
        "parts": PARTS,
        "dropped": 0,
        "lost": 0,
        "kept_events": PARTS,
        "alarm": None,
    }
    ring, kept = (sorted((folder / name).glob("*.mcap")) for name in ("ring", "kept"))
    assert [path.name for path in ring] == [path.name for path in kept]
    assert sum(1 for path in ring for _ in read_captures(path)) == PARTS
    replayed = tmp_path / "replayed.json"
    assert main(["replay", str(kept[0]), "--from", "1", "--parts", "2", "--json", str(replayed)]) == 0
    parts = json.loads(replayed.read_text(encoding="utf-8"))["parts"]
    assert [part["part_id"] for part in parts] == [capture.trigger.part_id for capture in read_captures(kept[0], 1, 2)]


def test_a_stretch_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[1] / "unit" / "inspector" / "layout-1.mcap"
    for words, message in (
        (["--from", "2"], "--from 2: the recording has 2 parts, counted from 0"),
        (["--parts", "0"], "must be 1 or more"),
    ):
        assert main(["replay", str(path), *words]) == 2
        assert message in capsys.readouterr().err
