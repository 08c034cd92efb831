"""A verdict as the JSON object that sinks send to other programs. One place says how it is spelled."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from itertools import count
from typing import Any

from inspector.clock import Clock
from inspector.parts import Decision


class DecisionDocuments:
    """The documents of one sink, numbered from 1 each time it is opened: what arrives twice has the same number."""

    def __init__(self, station: str, clock: Clock) -> None:
        self._station = station
        self._clock = clock
        self._numbers = count(1)

    def text(self, decision: Decision) -> str:
        """Return one; `score` and `kind` are null where there is none, `time` is UTC."""
        wall_s = self._clock.wall_utc_ns(self._clock.now_ns()) / 1e9
        document: dict[str, Any] = {
            "station": self._station,
            "part_id": decision.part_id,
            "outcome": decision.outcome,
            "score": decision.score if math.isfinite(decision.score) else None,
            "kind": decision.kind,
            "inspected": decision.inspected,
            "sequence": next(self._numbers),
            "time": datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds"),
        }
        return json.dumps(document)
