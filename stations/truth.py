"""Hold what was concluded of simulated parts against what the simulator knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inspector.parts import OK_LABEL, Inspection, Outcome, PartTruth

NO_CAUSE = "none"


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of a part: a demo may run for days, so no signals, no masks."""

    outcome: Outcome
    score: float
    threshold: float
    verdict_ms: float
    first_cause: str | None
    label: str | None
    cause: str | None


@dataclass(slots=True)
class Tally:
    """Inspections beside their truth, one after the other."""

    _rows: list[_Row] = field(default_factory=list)

    def add(self, inspection: Inspection, truth: PartTruth | None) -> None:
        """Count one part; without truth it counts for outcomes and latency only."""
        verdict, diagnosis = inspection.verdict, inspection.diagnosis
        self._rows.append(
            _Row(
                verdict.outcome,
                verdict.score,
                verdict.threshold,
                verdict_ms_of(inspection),
                diagnosis.causes[0].name if diagnosis else None,
                truth.label if truth else None,
                truth.cause if truth else None,
            )
        )

    def document(self) -> dict[str, Any]:
        """Return `parts`, `outcomes`, `truth` and `latency_ms` of `inspector demo --json`."""
        outcomes = Counter(row.outcome for row in self._rows)
        verdict_ms = [row.verdict_ms for row in self._rows]
        known = [row for row in self._rows if row.label is not None]
        document: dict[str, Any] = {
            "parts": len(self._rows),
            "outcomes": {outcome: outcomes[outcome] for outcome in ("pass", "fail", "review")},
            "latency_ms": {f"p{level}": float(np.percentile(verdict_ms, level)) for level in (50, 95)} if verdict_ms else None,
        }
        return document | ({"truth": _truth(known)} if known else {})


def verdict_ms_of(inspection: Inspection) -> float:
    """Return the time from capture to verdict: what the plant waits for."""
    return sum(inspection.timings_ms.get(stage, 0.0) for stage in ("align", "features", "judge"))


def _truth(rows: list[_Row]) -> dict[str, Any]:
    from inspector.training import metrics

    defective = np.array([row.label != OK_LABEL for row in rows])
    scores = np.array([row.score for row in rows])
    outcomes = [row.outcome for row in rows]
    point = metrics.operating_point(defective, outcomes, rows[-1].threshold)
    hits = [row.first_cause == row.cause for row in rows if row.cause not in (None, NO_CAUSE) and row.first_cause is not None]
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
