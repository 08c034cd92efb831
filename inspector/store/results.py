"""What the store answers with: plain frozen values, free of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from inspector.parts import Outcome, Series, Waveform

Answer = Literal["helped", "not_helped", "verdict_wrong", "verdict_right", "cause_was"]
"""What an operator can say of an inspection."""


@dataclass(frozen=True, slots=True)
class InspectionSummary:
    """One line of a list of parts."""

    inspection_id: str
    """Ordered by when it was stored."""
    part_id: str
    station: str
    wall_utc_ns: int
    outcome: Outcome
    score: float
    threshold: float
    kind: str | None
    """First defect of a part that did not pass."""
    cause: str | None
    """First cause of a part that did not pass."""
    complete: bool
    verdict_ms: float | None
    has_heat_map: bool


@dataclass(frozen=True, slots=True)
class StoredInspection:
    """One inspection, whole, as it was stored."""

    summary: InspectionSummary
    document: Mapping[str, Any]
    """The JSON object of `inspector inspect`."""
    folder: Path
    """Its evidence files; may be gone, or never have been written."""
    truth_label: str | None = None
    truth_cause: str | None = None
    evidence_note: str | None = None
    """Why the evidence could not be kept."""


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """What was recorded of one part, by channel. Instants count from the part's trigger."""

    pictures: Mapping[str, Path] = field(default_factory=dict)
    heat_maps: Mapping[str, Path] = field(default_factory=dict)
    sounds: Mapping[str, Path] = field(default_factory=dict)
    waveforms: Mapping[str, Waveform] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """One page of a filtered list; `before` of the next page is `next_before`, None on the last."""

    inspections: tuple[InspectionSummary, ...]
    next_before: str | None


@dataclass(frozen=True, slots=True)
class Share:
    """One bar of a Pareto chart."""

    name: str
    parts: int


@dataclass(frozen=True, slots=True)
class HourlyYield:
    """Parts of one hour."""

    start_utc_ns: int
    parts: int
    passed: int

    @property
    def yield_ratio(self) -> float:
        return self.passed / self.parts


@dataclass(frozen=True, slots=True)
class Feedback:
    """One answer of an operator."""

    feedback_id: str
    inspection_id: str
    kind: Answer
    wall_utc_ns: int
    fix_id: str | None = None
    who: str | None = None
    note: str | None = None
    cause: str | None = None
    """Of a `cause_was`: which."""


@dataclass(frozen=True, slots=True)
class ConfirmedCause:
    """A cause that a person named, or confirmed by doing what helped against it, with what the diagnosis had seen of it."""

    cause: str
    looked_for: Mapping[str, float]
    """Symptom -> how clearly it was seen."""
    defect: str | None


@dataclass(frozen=True, slots=True)
class StationStatus:
    """The last sign of life of a station, with the health of its channels."""

    wall_utc_ns: int
    health: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of the cases of one import."""

    batch_id: str | None
    """None where nothing was new."""
    added: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """One import that can be undone."""

    batch_id: str
    source: str
    wall_utc_ns: int
    cases: int
