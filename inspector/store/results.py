"""What the store answers with: plain frozen values, free of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from inspector.parts import Mask, Outcome, Series, Waveform

Answer = Literal["helped", "not_helped", "verdict_wrong", "verdict_right", "is_good", "is_bad", "named", "applied", "note", "maintenance"]
"""What an operator can say of an inspection: that a fix helped or not, that the verdict was wrong or right, what a part under review
really is, its true defect and cause, that a fix was applied, something in words, or that maintenance is asked for."""
AlarmEventKind = Literal["raised", "came_back", "acknowledged", "shelved", "unshelved", "shelf_ended", "returned", "closed"]


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
class FirstPass:
    """Parts that were seen for the first time in a span, and how many of them passed at once."""

    parts: int
    passed: int

    @property
    def yield_ratio(self) -> float | None:
        return self.passed / self.parts if self.parts else None


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
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What was chosen: `defect` and `cause` of `named`, `parameters` of `applied`."""


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """An answer beside the part that it was given on."""

    answer: Feedback
    part: InspectionSummary
    action: Mapping[str, str] | None
    """What the fix that the answer is about tells to do, by language."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One case of trouble at a station: everything that one probable cause brought about, until it is over and known to a person."""

    alarm_id: str
    station: str
    cause: str
    opened_utc_ns: int
    last_utc_ns: int
    """When it was seen last."""
    parts: int
    """How many parts had it; 0 where it is the equipment's."""
    clean_parts: int
    """How many parts in a row did not have it since."""
    last_id: str | None
    """The newest inspection that had it."""
    active: bool
    held_back: bool = False
    """It came in a flood and is not announced until the flood is over."""
    acknowledged_by: str | None = None
    acknowledged_utc_ns: int | None = None
    returned_utc_ns: int | None = None
    shelved_until_utc_ns: int | None = None
    shelved_by: str | None = None
    shelved_reason: str | None = None
    closed_utc_ns: int | None = None


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One thing that happened to an alarm; `who` is None where nobody did it."""

    alarm_id: str
    kind: AlarmEventKind
    wall_utc_ns: int
    who: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """What one person says a part really is."""

    label_id: str
    inspection_id: str
    kind: str
    """`ok`, or the kind of its defect."""
    cause: str | None
    """None where that was not said; "none" where there is no process cause."""
    who: str
    note: str | None
    wall_utc_ns: int


@dataclass(frozen=True, slots=True)
class DrawnMask:
    """Where on one picture of a part a person says the defect is; nothing inside says that there is none."""

    inspection_id: str
    camera: str
    mask: Mask
    who: str
    wall_utc_ns: int


@dataclass(frozen=True, slots=True)
class Service:
    """A model that was put into service at a station."""

    service_id: str
    station: str
    folder: str
    name: str
    version: str
    sha256: str
    replaces: str | None
    """Folder of the model that judged before it; None where none was known."""
    who: str
    wall_utc_ns: int
    withdrawn_utc_ns: int | None = None


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
    fixes: int = 0
    """New ones that came with the cases, in a pack."""


@dataclass(frozen=True, slots=True)
class KnowledgeMark:
    """How far somebody knows what the memory of fixes holds."""

    changed_utc_ns: int
    """All cases that changed before are known, and those of this very instant up to `case_id`."""
    case_id: str | None = None
    """None where all of them are known."""
    undone_utc_ns: int = 0
    """When cases were taken out last."""
    fixes: int = 0
    causes_named: int = 0
    """How often people named a cause."""


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """One import that can be undone."""

    batch_id: str
    source: str
    wall_utc_ns: int
    cases: int
