"""Replay with a pipeline made here: no model is needed to see that order, digest, pace and comparison are right."""

import time
from dataclasses import dataclass, field

import pytest

from inspector import replay as replay_module
from inspector.align import align
from inspector.config import Station
from inspector.errors import RecordingError, UsageError
from inspector.parts import Defect, Inspection, ModelRef, PartTruth, Verdict
from inspector.replay import Comparison, Digest, digest_of, export_parts, parse_speed, replay
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


def test_two_models_are_compared(recording):
    low, high = Loud(levels(recording)[0]), Loud(levels(recording)[4])
    comparison = Comparison()
    for capture in recordings.read_captures(recording):
        comparison.add(capture.trigger.part_id, low.judge(capture, STATION).verdict, high.judge(capture, STATION).verdict)
    assert comparison.table == {"fail": {"fail": 1, "pass": 4}, "pass": {"pass": 1}}
    assert len(comparison.changed) == 4
    assert comparison.changed[0]["outcome"] == ["fail", "pass"]


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
