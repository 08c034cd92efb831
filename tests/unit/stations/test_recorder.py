"""Recording beside judging: nothing that a disk does may reach the line."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from inspector.config import Station
from inspector.errors import RecordingError
from inspector.parts import Inspection, ModelRef, Verdict
from inspector.store import recordings
from inspector.testing import make_capture
from stations import recorder as module
from stations.agent import Agent
from stations.line import Line
from stations.recorder import BLACK_BOX, WAITING_PARTS, Recorder

MODEL = ModelRef("toy", "1", "0" * 64)


def bench(**recording: object) -> Station:
    return Station.model_validate(
        {
            "station": "bench",
            "title": {"en": "Bench", "zh": "台"},
            "trigger": {"driver": "timer", "settings": {"interval_s": 0.05, "first_s": 0.05, "parts": 12}},
            "channels": {
                "temp": {
                    "modality": "series",
                    "driver": "series-file",
                    "settings": {"file": "t.csv", "column": "x"},
                    "window": {"pre_s": 1},
                }
            },
            "recording": {"min_free_gb": 0, "keep": {"pre_s": 0.1, "post_s": 0.1}} | recording,
        }
    )


def make(number: int):
    return make_capture(f"p{number}", t_ns=10_000_000_000 + number * 1_000_000_000, modalities=("image",))


def wait_for(condition) -> None:
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.01)


def ids(folder: Path) -> list[str]:
    return [capture.trigger.part_id for path in sorted(folder.glob("*.mcap")) for capture in recordings.read_captures(path)]


def state(recorder: Recorder) -> str:
    return str(recorder.health()[BLACK_BOX]["state"])


def test_captures_are_recorded_and_failed_parts_kept(tmp_path):
    with Recorder(bench(segment_s=2), tmp_path) as recorder:
        for number in range(8):
            recorder.capture(make(number))
            recorder.outcome(make(number).trigger, "fail" if number == 5 else "pass")
            wait_for(lambda count=number: recorder.report()["parts"] == count + 1)
        assert state(recorder) == "ok"
    told = recorder.report()
    assert (told["parts"], told["dropped"], told["lost"], told["kept_events"], told["alarm"]) == (8, 0, 0, 1, None)
    assert ids(Path(told["ring"])) == [f"p{number}" for number in range(8)]
    assert ids(Path(told["kept"])) == ["p4", "p5"]


def test_a_slow_disk_leaves_out_whole_parts_and_holds_nobody_up(tmp_path, monkeypatch, caplog):
    recorder = Recorder(bench(), tmp_path)
    goes_on = threading.Event()
    write = recorder._box.write
    monkeypatch.setattr(recorder._box, "write", lambda capture: (goes_on.wait(20), write(capture)))
    with recorder:
        start_s = time.monotonic()
        for number in range(WAITING_PARTS + 11):
            recorder.capture(make(number))
        assert time.monotonic() - start_s < 5
        assert state(recorder) == "stale"
        assert 10 <= recorder.health()[BLACK_BOX]["drops"] <= 11
        goes_on.set()
    told = recorder.report()
    assert told["parts"] + told["dropped"] == WAITING_PARTS + 11
    recorded = [int(part_id[1:]) for part_id in ids(Path(told["ring"]))]
    assert len(recorded) == told["parts"]
    assert recorded == sorted(recorded)
    assert sum("slower than the line" in record.message for record in caplog.records) == 1


def test_a_disk_that_fails_is_an_alarm_until_it_works_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    recorder = Recorder(bench(), tmp_path)
    write, full = recorder._box.write, threading.Event()

    def maybe(capture):
        if full.is_set():
            raise RecordingError("no space left")
        write(capture)

    monkeypatch.setattr(recorder._box, "write", maybe)
    with recorder:
        recorder.capture(make(0))
        wait_for(lambda: recorder.report()["parts"] == 1)
        full.set()
        for number in (1, 2):
            recorder.capture(make(number))
        wait_for(lambda: recorder.report()["lost"] == 2)
        assert recorder.health()[BLACK_BOX] == {"state": "missing", "reason": "no space left", "drops": 2, "age_ms": None}
        full.clear()
        recorder.capture(make(3))
        wait_for(lambda: recorder.report()["parts"] == 2)
        assert state(recorder) == "ok"
    assert [record.message for record in caplog.records] == ["bench: no space left", "bench: recording goes on"]


def test_a_folder_that_cannot_be_is_an_alarm_and_no_error(tmp_path):
    (tmp_path / "bench").write_text("a file where the folder should be")
    with Recorder(bench(), tmp_path) as recorder:
        wait_for(lambda: state(recorder) == "missing")
        assert "cannot be recorded to" in recorder.health()[BLACK_BOX]["reason"]
        recorder.capture(make(0))
    assert recorder.report()["parts"] == 0


def test_a_picture_that_cannot_be_encoded_costs_that_part(tmp_path):
    broken = make(1)
    broken.frames["image"] = type(broken.frames["image"])(broken.trigger.t_ns, np.zeros((0, 0, 3), np.uint8))
    with Recorder(bench(), tmp_path) as recorder:
        recorder.capture(make(0))
        recorder.capture(broken)
        wait_for(lambda: recorder.report()["lost"] == 1)
        assert state(recorder) == "missing"
    assert ids(Path(recorder.report()["ring"])) == ["p0"]


@pytest.mark.parametrize("broken", [False, True])
def test_a_line_records_what_it_judges_and_shows_it(tmp_path, monkeypatch, broken):
    (tmp_path / "t.csv").write_text("t_s,x\n" + "".join(f"{k / 100:.2f},{k}\n" for k in range(1000)))
    station = bench()
    agent = Agent(station, path=tmp_path / "bench.yaml")
    recorder = Recorder(station, tmp_path / "recordings")
    if broken:
        monkeypatch.setattr(recorder._box, "write", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    kept: list[Inspection] = []
    beats: list[dict] = []

    def judge(capture):
        record = line._record(capture)
        outcome = "fail" if capture.trigger.part_id.endswith("3") else "pass"
        return Inspection(record, Verdict(outcome, 0.1, 0.5, MODEL))

    line = Line(agent, judge, lambda judged: judged, kept.append, model=MODEL, beat=lambda *told: beats.append(told[1]), recorder=recorder)
    with agent, recorder:
        report = line.run()
    assert report.parts == len(kept) == 12
    assert beats[0].keys() == {"temp", BLACK_BOX}
    told = recorder.report()
    assert told["parts"] == (0 if broken else 12)
    assert bool(told["alarm"]) == broken
    assert len(ids(Path(told["ring"]))) == told["parts"]
    assert ("part-000003" in ids(Path(told["kept"]))) != broken
