"""Replay with a pipeline made here: no model is needed to see that order, digest, pace and comparison are right."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from inspector import replay as replay_module
from inspector.align import align
from inspector.config import CostsConfig, Station
from inspector.errors import RecordingError, UsageError
from inspector.parts import Defect, Inspection, ModelRef, PartTruth, Verdict
from inspector.replay import (
    Comparison,
    Digest,
    Setting,
    digest_of,
    export_parts,
    parse_costs,
    parse_share,
    parse_speed,
    recorded_truths,
    replay,
)
from inspector.replay.comparing import mistake
from inspector.store import recordings
from inspector.testing import make_capture
from inspector.training.parts_folder import load_parts_folder

MODEL = ModelRef("toy", "1", "0" * 64)
WINDOW = {"pre_s": 0.9, "post_s": 0.1}
STATION = Station.model_validate(
    {
        "station": "bench",
        "title": {"en": "Bench", "zh": "台"},
        "trigger": {"driver": "timer"},
        "channels": {
            "image": {"modality": "image", "driver": "x"},
            "audio": {"modality": "audio", "driver": "x", "unit": "FS", "window": WINDOW},
            "vibration": {"modality": "vibration", "driver": "x", "unit": "m/s2", "window": WINDOW},
            "series": {"modality": "series", "driver": "x", "unit": "degC", "window": WINDOW},
        },
        "machine": {"shaft_hz": 24.5},
    }
)


@dataclass
class Judged:
    record: object
    verdict: Verdict
    timings_ms: dict = field(default_factory=dict)


class Loud:
    """Fails a part whose sound is louder than a threshold."""

    def __init__(self, threshold):
        self.threshold = threshold

    def judge(self, capture, station):
        record = align(capture, station)
        score = float(abs(record.waveforms["audio"].samples).mean())
        bad = score > self.threshold
        defects = (Defect("rattle", 0.9),) if bad else ()
        return Judged(record, Verdict("fail" if bad else "pass", score, self.threshold, MODEL, defects))

    def explain(self, judged):
        return Inspection(judged.record, judged.verdict)


@pytest.fixture
def recording(tmp_path):
    with recordings.RecordingWriter(tmp_path / "r.mcap", STATION) as writer:
        for number in range(6):
            truth = PartTruth("rattle", "bearing_wear", 0.4) if number == 2 else PartTruth()
            writer.write(make_capture(f"p{number}", t_ns=10_000_000_000 + number * 100_000_000, seed=number), truth)
    return tmp_path / "r.mcap"


def levels(recording):
    return sorted(float(abs(align(c, STATION).waveforms["audio"].samples).mean()) for c in recordings.read_captures(recording))


def test_a_replay_gives_the_verdicts_of_the_live_run_in_order(recording):
    live = Digest()
    pipeline = Loud(levels(recording)[3])
    for number in range(6):
        capture = make_capture(f"p{number}", t_ns=10_000_000_000 + number * 100_000_000, seed=number)
        live.add(capture.trigger.part_id, pipeline.judge(capture, STATION).verdict)
    again = Digest()
    inspections = list(replay(recording, pipeline, on_judged=lambda c, j: again.add(c.trigger.part_id, j.verdict)))
    assert [inspection.part_id for inspection in inspections] == [f"p{number}" for number in range(6)]
    assert live.hexdigest() == again.hexdigest() == digest_of(recording, pipeline)
    assert digest_of(recording, Loud(0.0)) != live.hexdigest()


def test_the_pace_of_the_recording_is_kept(recording):
    start = time.monotonic()
    list(replay(recording, Loud(1.0), speed=2.0))
    assert time.monotonic() - start >= 0.25


def test_two_ways_of_judging_are_compared(recording):
    low, high = Loud(levels(recording)[0]), Loud(levels(recording)[4])
    truths = recorded_truths(recording)
    assert truths == ["ok", "ok", "rattle", "ok", "ok", "ok"]
    assert recorded_truths(recording, 2, 2) == ["rattle", "ok"]
    comparison = Comparison(CostsConfig(escape=100, reject=4, review=1))
    for number, (before, after) in enumerate(zip(replay(recording, low), replay(recording, high), strict=True)):
        comparison.add(number, before, after, truths[number])
    assert comparison.table() == {"fail": {"fail": 1, "pass": 4}, "pass": {"pass": 1}}
    assert len(comparison.changed) == 4
    document = comparison.document()
    assert document["changed"][0]["outcome"] == ["fail", "pass"]
    assert document["changed"][0]["differs"] == ["outcome", "kind"]
    assert len(document["parts"]) == 6
    costs = document["costs"]
    wrong_before, wrong_after = costs["before"]["overkill"], costs["after"]["overkill"]
    escaped = [one for one in document["parts"] if one["mistake"][1] == "escape"]
    assert costs["after"]["escapes"] == len(escaped)
    assert costs["saved"] == 4 * (wrong_before - wrong_after) - 100 * len(escaped) + 100 * costs["before"]["escapes"]


@pytest.mark.parametrize(
    ("outcome", "defective", "made"),
    [
        ("pass", True, "escape"),
        ("pass", False, None),
        ("pass", None, None),
        ("fail", False, "reject"),
        ("fail", True, None),
        ("fail", None, None),
        ("review", None, "review"),
        ("review", True, "review"),
    ],
)
def test_what_is_a_mistake(outcome, defective, made):
    assert mistake(outcome, defective) == made


def test_another_way_of_judging_changes_the_station_and_nothing_else():
    first = Setting(Path("models/a"))
    assert first.changed(model=None, without=()) == first
    second = first.changed(without=("audio",), costs=CostsConfig(escape=9, reject=3, review=1), defect_rate=0.2)
    then = second.station(STATION)
    assert not then.channels["audio"].required
    assert then.channels["vibration"].required
    assert (then.decision.costs.escape, then.decision.defect_rate) == (9, 0.2)
    assert [(fault.channel, fault.kind) for fault in second.faults(STATION)] == [("audio", "unplugged")]
    assert second.words()["without"] == ["audio"]
    assert "threshold" not in second.words()
    assert first.station(STATION) == STATION


def test_a_sense_that_is_taken_away_is_not_there(recording):
    setting = Setting(Path("models/a"), without=("audio",))

    class Deaf(Loud):
        def judge(self, capture, station):
            return Judged(align(capture, station), Verdict("pass", 0.0, 0.5, MODEL))

    heard = list(replay(recording, Deaf(1.0), station=setting.station(STATION), faults=setting.faults(STATION)))
    assert all("audio" not in inspection.record.present for inspection in heard)


@pytest.mark.parametrize("text", ["", "escape=1", "escape=1,reject=2,review=0", "escape=1,reject=2,review=x", "escape=1,reject=2,look=3"])
def test_costs_that_cannot_be_meant_are_refused(text):
    with pytest.raises(UsageError, match="write all of escape=NUMBER"):
        parse_costs(text, "--prices")


def test_costs_and_shares_as_people_write_them():
    assert parse_costs("escape=200, reject=8, review=2", "--prices") == CostsConfig(escape=200, reject=8, review=2)
    assert parse_share("0.3", "--compare-threshold") == 0.3
    for text in ("0", "1", "x", "-1"):
        with pytest.raises(UsageError, match="between 0 and 1"):
            parse_share(text, "--compare-threshold")


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("1", 1.0), ("0.5", 0.5)])
def test_speeds(text, speed):
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf"])
def test_wrong_speeds_are_refused(text):
    with pytest.raises(UsageError, match="above 0, or max"):
        parse_speed(text)


def test_an_exported_parts_folder_can_be_trained_on(recording, tmp_path):
    assert export_parts(recording, tmp_path / "parts") == 6
    folder = load_parts_folder(tmp_path / "parts")
    assert [part.label for part in folder.parts] == ["ok", "ok", "rattle", "ok", "ok", "ok"]
    assert folder.parts[2].cause == "bearing_wear"
    assert {part.split for part in folder.parts} == {"train", "val", "test"}
    assert folder.parts[0].machine.shaft_hz == 24.5
    first = next(recordings.read_captures(recording))
    aligned, read = align(first, STATION), folder.parts[0].record()
    assert (read.frames["image"].pixels == aligned.frames["image"].pixels).all()
    assert (read.waveforms["vibration"].samples == aligned.waveforms["vibration"].samples).all()
    assert read.waveforms["vibration"].start_ns == aligned.waveforms["vibration"].start_ns - aligned.trigger.t_ns
    assert abs(read.waveforms["audio"].samples - aligned.waveforms["audio"].samples).max() <= 1 / 32768
    assert read.waveforms["audio"].start_ns == -900_000_000
    assert read.series["series"].t_ns.tolist() == (aligned.series["series"].t_ns - aligned.trigger.t_ns).tolist()
    assert abs(read.series["series"].values - aligned.series["series"].values).max() < 1e-6
    with pytest.raises(RecordingError, match="exists already"):
        export_parts(recording, tmp_path / "parts")


def test_a_truncated_recording_is_refused(recording):
    recording.write_bytes(recording.read_bytes()[:-100])
    with pytest.raises(RecordingError, match="inspector recording recover"):
        list(replay_module.replay(recording, Loud(0.1)))
