import threading
import time
from dataclasses import dataclass, field, replace

import pandas  # noqa: F401  the table driver needs it: its import must not eat the first part's deadline
import pytest

from inspector.align import align
from inspector.clock import MonotonicClock, SteppedClock
from inspector.config import Station
from inspector.errors import StoreError
from inspector.parts import Inspection, ModelRef, PartRecord, Verdict
from stations import line as line_module
from stations.agent import Agent
from stations.line import Line

MODEL = ModelRef("toy", "1", "0" * 64)


def station(parts, interval_s=0.05, deadline_ms=3000):
    return Station.model_validate(
        {
            "station": "bench",
            "title": {"en": "Bench", "zh": "台"},
            "deadline_ms": deadline_ms,
            "trigger": {"driver": "timer", "settings": {"interval_s": interval_s, "first_s": 0.05, "parts": parts}},
            "channels": {
                "temp": {
                    "modality": "series",
                    "driver": "series-file",
                    "settings": {"file": "t.csv", "column": "x"},
                    "window": {"pre_s": 1},
                }
            },
            "sinks": {"log": {"driver": "log-sink"}},
        }
    )


@dataclass
class Judged:
    record: PartRecord
    verdict: Verdict
    timings_ms: dict[str, float] = field(default_factory=dict)


class Bench:
    """A line with a judge, an explainer and a store that do as they are told."""

    def __init__(self, tmp_path, parts, *, live=True, **changes):
        (tmp_path / "t.csv").write_text("t_s,x\n" + "".join(f"{k / 100:.2f},{k}\n" for k in range(1000)))
        self.station = station(parts, **changes)
        self.agent = Agent(self.station, MonotonicClock() if live else SteppedClock(), path=tmp_path / "bench.yaml")
        self.kept: list[Inspection] = []
        self.beats: list[dict] = []
        self.sent: list[tuple[str, str]] = []
        sink = self.agent.drivers.sinks["log"]
        sink.send = lambda told: self.sent.append((told.part_id, told.outcome))
        self.line = Line(self.agent, self.judge, self.explain, self.keep, model=MODEL, beat=lambda *told: self.beats.append(told[1]))

    def judge(self, capture):
        return Judged(align(capture, self.station), Verdict("pass", 0.1, 0.5, MODEL))

    def explain(self, judged):
        return Inspection(judged.record, judged.verdict, versions={"explained": True})

    def keep(self, inspection):
        self.kept.append(inspection)

    def run(self):
        with self.agent:
            return self.line.run()


def ids(count):
    return [f"part-{k:06d}" for k in range(1, count + 1)]


@pytest.mark.parametrize("live", [True, False])
def test_every_part_is_told_once_and_kept(tmp_path, live):
    bench = Bench(tmp_path, 8, live=live)
    report = bench.run()
    assert bench.sent == [(part_id, "pass") for part_id in ids(8)]
    assert [kept.part_id for kept in bench.kept] == ids(8)
    assert all(kept.versions for kept in bench.kept)
    assert (report.parts, report.late, report.unjudged, report.unsaved) == (8, 0, 0, 0)
    assert bench.beats[0].keys() == {"temp", "sink log"}


def test_a_failing_judge_means_review_with_the_reason_never_a_pass(tmp_path, caplog):
    bench = Bench(tmp_path, 4)
    good = bench.judge

    def judge(capture):
        if capture.trigger.part_id == ids(2)[1]:
            raise RuntimeError("no such layer")
        return good(capture)

    bench.line._judge = judge
    bench.run()
    assert bench.sent == [(part_id, "review" if part_id == ids(2)[1] else "pass") for part_id in ids(4)]
    assert bench.kept[1].verdict.outcome == "review"
    assert bench.kept[1].verdict.reasons == ("judging failed: RuntimeError: no such layer",)
    assert "temp" in bench.kept[1].record.present


def test_a_late_verdict_is_kept_as_review_and_never_sent(tmp_path):
    bench = Bench(tmp_path, 3, interval_s=0.6, deadline_ms=300)
    good = bench.judge

    def judge(capture):
        if capture.trigger.part_id == ids(1)[0]:
            time.sleep(0.5)
        return good(capture)

    bench.line._judge = judge
    report = bench.run()
    assert bench.sent == list(zip(ids(3), ("review", "pass", "pass"), strict=True))
    assert bench.kept[0].verdict.outcome == "review"
    assert "came after the deadline of 300 ms" in bench.kept[0].verdict.reasons[0]
    assert (report.late, report.unjudged) == (1, 0)


def test_a_judge_that_hangs_lets_no_part_pass_and_loses_none(tmp_path, monkeypatch):
    monkeypatch.setattr(line_module, "JUDGE_QUEUE", 2)
    bench = Bench(tmp_path, 12, interval_s=0.03, deadline_ms=150)
    hang = threading.Event()
    good = bench.judge

    def judge(capture):
        hang.wait(1.0)
        return good(capture)

    bench.line._judge = judge
    report = bench.run()
    assert sorted(bench.sent) == [(part_id, "review") for part_id in ids(12)]
    assert sorted(kept.part_id for kept in bench.kept) == ids(12)
    assert {kept.verdict.outcome for kept in bench.kept} == {"review"}
    assert report.outcomes == {"review": 12}
    assert all(kept.verdict.reasons for kept in bench.kept)


def test_a_store_that_fails_does_not_stop_the_judging(tmp_path, caplog):
    bench = Bench(tmp_path, 5)

    def keep(inspection):
        raise StoreError("disk is full")

    bench.line._keep = keep
    report = bench.run()
    assert bench.sent == [(part_id, "pass") for part_id in ids(5)]
    assert report.unsaved == 5
    assert len([record for record in caplog.records if "store: failed" in record.getMessage()]) == 1


def test_an_explanation_that_fails_leaves_the_verdict(tmp_path):
    bench = Bench(tmp_path, 2)
    bench.line._explain = lambda _: 1 / 0
    report = bench.run()
    assert [kept.verdict.outcome for kept in bench.kept] == ["pass", "pass"]
    assert report.unexplained == 2


def test_a_line_that_falls_behind_keeps_parts_unexplained(tmp_path, monkeypatch):
    monkeypatch.setattr(line_module, "EXPLAIN_BEHIND", 1)
    bench = Bench(tmp_path, 8, interval_s=0.01)
    good = bench.explain

    def explain(judged):
        time.sleep(0.1)
        return good(judged)

    bench.line._explain = explain
    report = bench.run()
    assert [kept.part_id for kept in bench.kept] == ids(8)
    assert report.unexplained > 0
    assert report.unexplained == len([kept for kept in bench.kept if not kept.versions])


def test_a_sink_that_fails_does_not_keep_the_part_from_being_kept(tmp_path, caplog):
    bench = Bench(tmp_path, 3)

    def send(decision):
        raise OSError("wire cut")

    bench.agent.drivers.sinks["log"].send = send
    bench.run()
    assert len(bench.kept) == 3
    assert len([record for record in caplog.records if "wire cut" in record.getMessage()]) == 1


def test_a_stop_keeps_all_finished_parts(tmp_path):
    bench = Bench(tmp_path, 1000)
    threading.Timer(0.5, bench.agent.stop).start()
    report = bench.run()
    assert 3 <= report.parts < 100
    assert [kept.part_id for kept in bench.kept] == ids(report.parts)
    assert replace(bench.kept[-1].verdict, outcome="pass") == bench.kept[0].verdict
