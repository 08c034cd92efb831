"""Hold what was concluded of simulated parts against what the simulator knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inspector.parts import OK_LABEL, Inspection, PartTruth

NO_CAUSE = "none"


@dataclass(slots=True)
class Tally:
    """Inspections beside their truth, one after the other."""

    _seen: list[tuple[Inspection, PartTruth | None]] = field(default_factory=list)

    def add(self, inspection: Inspection, truth: PartTruth | None) -> None:
        # The signals of the part are let go: a demo may run for days.
        self._seen.append((_without_signals(inspection), truth))

    def document(self) -> dict[str, Any]:
        """Return `parts`, `outcomes`, `truth` and `latency_ms` of `inspector demo --json`."""
        outcomes = Counter(inspection.verdict.outcome for inspection, _ in self._seen)
        verdict_ms = [verdict_ms_of(inspection) for inspection, _ in self._seen]
        known = [(inspection, truth) for inspection, truth in self._seen if truth is not None]
        document: dict[str, Any] = {
            "parts": len(self._seen),
            "outcomes": {outcome: outcomes[outcome] for outcome in ("pass", "fail", "review")},
            "latency_ms": {f"p{level}": float(np.percentile(verdict_ms, level)) for level in (50, 95)} if verdict_ms else None,
        }
        if known:
            document["truth"] = _truth(known)
        return document


def verdict_ms_of(inspection: Inspection) -> float:
    """Return the time from capture to verdict: what the plant waits for."""
    return sum(inspection.timings_ms.get(stage, 0.0) for stage in ("align", "features", "judge"))


def _truth(known: list[tuple[Inspection, PartTruth]]) -> dict[str, Any]:
    from inspector.training import metrics

    defective = np.array([truth.label != OK_LABEL for _, truth in known])
    scores = np.array([inspection.verdict.score for inspection, _ in known])
    outcomes = [inspection.verdict.outcome for inspection, _ in known]
    point = metrics.operating_point(defective, outcomes, known[0][0].verdict.threshold)
    caused = [(i.diagnosis, truth.cause) for i, truth in known if truth.cause not in (None, NO_CAUSE) and i.diagnosis is not None]
    hits = [diagnosis.causes[0].name == cause for diagnosis, cause in caused]
    return {
        "detection": {
            "auroc": metrics.auroc(defective, scores),
            "average_precision": metrics.average_precision(defective, scores),
            "miss_rate_at_5pct_false_reject": metrics.miss_rate_at_false_reject(defective, scores),
            "operating_point": {
                "threshold": point.threshold,
                "miss_rate": point.miss_rate,
                "false_reject_rate": point.false_reject_rate,
                "review_rate": point.review_rate,
            },
        },
        "causes": {"top1": float(np.mean(hits)) if hits else None, "parts": len(hits)},
        "escapes": int(np.sum(defective & (np.array(outcomes) == "pass"))),
        "false_rejects": int(np.sum(~defective & (np.array(outcomes) == "fail"))),
        "defective": int(defective.sum()),
    }


def _without_signals(inspection: Inspection) -> Inspection:
    from dataclasses import replace

    record = replace(inspection.record, frames={}, waveforms={}, series={})
    return replace(inspection, record=record, heat_maps=())
