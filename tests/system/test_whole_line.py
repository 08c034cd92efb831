"""From a simulated capture to a stored inspection, with the model that ships: live, recorded and replayed."""

import json
from pathlib import Path

import pytest

from inspector.cli import main
from inspector.clock import MonotonicClock, SteppedClock
from inspector.home import DEMO_MODEL, Home, newest_version
from inspector.pipeline import open_pipeline
from inspector.replay import Digest, replay
from inspector.store import Store
from inspector.store.recordings import RecordingWriter
from inspector.store.replays import read_kept
from stations.agent import Agent
from stations.demo import STATION_FILE, demo_station

PARTS = 24


def test_demo_inspects_explains_and_keeps_every_part(tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    assert main(["demo", "--headless", "--parts", str(PARTS), "--home", str(tmp_path / "home"), "--json", str(report)]) == 0
    document = json.loads(report.read_text(encoding="utf-8"))
    assert document["parts"] == PARTS == sum(document["outcomes"].values())
    assert document["truth"]["detection"]["auroc"] > 0.8
    assert document["dashboard"] is None

    with Store.open(Home(tmp_path / "home")) as store:
        kept = store.recent("demo-press", limit=100)
        assert len({one.part_id for one in kept}) == PARTS
        failed = [stored for one in kept if one.outcome == "fail" and (stored := store.get(one.inspection_id)) is not None]
        assert failed
        for stored in failed:
            assert stored.document["defects"][0]["box_px"]
            assert stored.document["conclusion"]["en"]
            assert stored.document["conclusion"]["zh"]
            assert (stored.folder / "camera.jpg").is_file()
            assert (stored.folder / "camera.heat.png").is_file()
        caused = [stored for stored in failed if stored.document["causes"][0]["name"] != "not_measured"]
        assert caused
        assert all(stored.document["causes"][0]["evidence"] for stored in caused)
        assert all(stored.document["suggestions"] for stored in caused)


def test_another_seed_is_another_line(tmp_path: Path) -> None:
    def truths(seed: int) -> list[tuple[str, str | None]]:
        with Agent(demo_station(seed), SteppedClock(), path=STATION_FILE) as agent:
            known = [agent.truth(capture.trigger.part_id) for capture in agent.captures(30)]
        return [(truth.label, truth.cause) for truth in known if truth is not None]

    assert len(truths(5)) == 30
    assert truths(5) == truths(5)
    assert truths(5) != truths(6)


@pytest.mark.parametrize("live", [False, True])
def test_replay_gives_the_verdicts_of_the_run_it_recorded(tmp_path: Path, live: bool) -> None:
    station = demo_station()
    path, ran, replayed = tmp_path / "run.mcap", Digest(), Digest()
    pipeline = open_pipeline(newest_version(DEMO_MODEL))
    agent = Agent(station, MonotonicClock() if live else SteppedClock(), path=STATION_FILE)
    with agent, RecordingWriter(path, station) as writer:
        for capture in agent.captures(6):
            writer.write(capture)
            ran.add(capture.trigger.part_id, pipeline.judge(capture, station).verdict)
    again = open_pipeline(newest_version(DEMO_MODEL))
    inspections = list(replay(path, again, on_judged=lambda capture, judged: replayed.add(capture.trigger.part_id, judged.verdict)))
    assert len(inspections) == 6
    assert ran.hexdigest() == replayed.hexdigest()


def test_two_ways_of_judging_a_recording_are_compared_and_kept(tmp_path: Path) -> None:
    station, path, home = demo_station(), tmp_path / "run.mcap", tmp_path / "home"
    with Agent(station, SteppedClock(), path=STATION_FILE) as agent, RecordingWriter(path, station) as writer:
        for capture in agent.captures(4):
            writer.write(capture, agent.truth(capture.trigger.part_id))
    out = tmp_path / "compared.json"
    options = ["--compare-threshold", "0.0001", "--prices", "escape=100,reject=5,review=1", "--keep", "low", "--home", str(home)]
    assert main(["replay", str(path), *options, "--json", str(out)]) == 0
    document = json.loads(out.read_text(encoding="utf-8"))
    compare = document["compare"]
    assert {one["outcome"][1] for one in compare["changed"]} == {"fail"}
    assert compare["after"]["threshold"] == 0.0001
    assert compare["costs"]["known"] == 4
    assert compare["costs"]["saved"] == -5 * compare["costs"]["after"]["overkill"]
    kept = read_kept(Home(home).replays, "low")
    assert kept is not None
    assert kept.document["digest"] == document["digest"]
    assert (kept.evidence(0) / "camera.jpg").is_file()
