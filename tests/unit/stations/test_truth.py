"""What a demo reports against the simulator's truth."""

import weakref

import numpy as np
import pytest

from inspector.parts import Inspection, ModelRef, PartTruth, Verdict
from inspector.testing import make_part
from stations.truth import Tally


def inspected(outcome: str, score: float) -> Inspection:
    verdict = Verdict(outcome, score, 0.5, ModelRef("m", "1.0.0", "0" * 64))  # type: ignore[arg-type]
    return Inspection(make_part(), verdict, timings_ms={"align": 1.0, "features": 2.0, "judge": 3.0, "localize": 100.0})


def test_escapes_and_false_rejects_are_counted_apart() -> None:
    tally = Tally()
    for outcome, score, label in [("fail", 0.9, "scratch"), ("pass", 0.1, "burr"), ("fail", 0.8, "ok"), ("pass", 0.2, "ok")]:
        tally.add(inspected(outcome, score), PartTruth(label, "none"))
    document = tally.document()
    assert document["outcomes"] == {"pass": 2, "fail": 2, "review": 0}
    assert (document["truth"]["escapes"], document["truth"]["false_rejects"], document["truth"]["defective"]) == (1, 1, 2)
    assert document["truth"]["detection"]["auroc"] == pytest.approx(0.5)
    assert document["truth"]["causes"] == {"top1": None, "parts": 0}
    assert document["latency_ms"] == {"p50": 6.0, "p95": 6.0}


def test_without_truth_nothing_is_claimed() -> None:
    tally = Tally()
    tally.add(inspected("pass", 0.1), None)
    assert "truth" not in tally.document()


def test_a_tally_holds_no_pictures() -> None:
    mask = np.zeros((480, 640), np.uint8)
    held = weakref.ref(mask)
    tally = Tally()
    tally.add(inspected("fail", 0.9), PartTruth("scratch", "none", mask=mask))
    del mask
    assert held() is None
