"""What goes in and comes out, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from inspector.parts import Modality
from inspector.store import Answer

_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"

PartId = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=_ONE_LINE)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
Short = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=_ONE_LINE)]
StationName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
AnId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,60}$")]
InspectionId = Annotated[AnId, Path(examples=["20261124T153901123456789-a1b2"])]
Absent = SkipJsonSchema[None]
"""None in the place of a parameter that is not there; a query cannot say null, so the specification does not either."""
_Milliseconds = Annotated[int, Field(ge=0, le=4_102_444_800_000)]
Instant = Annotated[_Milliseconds | Absent, Query(description="UTC, in ms since 1970", examples=[1_795_534_741_000])]
AKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


def _shown(*examples: dict[str, Any]) -> ConfigDict:
    """Return the configuration of what goes in: nothing unknown, and examples that can be sent as they stand."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(examples)})


class References(BaseModel):
    """A part whose files lie in the folder for references."""

    model_config = _shown({"part_id": "A7-000210", "station": "demo-press", "files": {"image": "2026-11-24/A7-000210.png"}})

    part_id: PartId
    station: StationName = "api"
    files: dict[Modality, Short] = Field(min_length=1)
    """Modality -> path below that folder."""


class FeedbackIn(BaseModel):
    """What a person says of an inspection."""

    model_config = _shown(
        {"kind": "verdict_wrong", "who": "mei", "note": "a fingerprint, not a scratch"},
        {"kind": "helped", "fix_id": "set-belt-tension", "who": "mei"},
    )

    kind: Answer
    fix_id: Short | None = Field(None, description="the suggestion that was tried; one of the inspection's")
    who: Short | None = Field(None, description="who says so; signed as theirs, sent by this client")
    note: Words | None = None


class Trouble(BaseModel):
    """What is known of a trouble; any subset, but something."""

    model_config = _shown(
        {"text": "belt squeals after start", "station": "demo-press"}, {"defect": "scratch", "cause": "belt_slip", "top": 5}
    )

    text: Words | None = None
    defect: Short | None = None
    cause: Short | None = None
    station: StationName | None = None
    top: int = Field(3, ge=1, le=20)


class _Out(BaseModel):
    model_config = ConfigDict(extra="allow")


class InspectionOut(_Out):
    """One inspection: the object of `inspector inspect --json` and where it is kept."""

    inspection_id: str = Field(examples=["20261124T153901123456789-a1b2"])
    part_id: str
    station: str
    outcome: Literal["pass", "fail", "review"]
    score: float | None
    threshold: float | None
    defects: list[dict[str, Any]]
    causes: list[dict[str, Any]] = []
    suggestions: list[dict[str, Any]] = []
    model: dict[str, Any]


class Result(BaseModel):
    """One line of a list of inspections."""

    inspection_id: str
    part_id: str
    station: str
    time: str = Field(examples=["2026-11-24T15:39:01.123+00:00"])
    outcome: Literal["pass", "fail", "review"]
    score: float | None
    threshold: float | None
    kind: str | None
    cause: str | None
    complete: bool


class Results(BaseModel):
    """One page, newest first."""

    results: list[Result]
    next_before: str | None = Field(description="`before` of the next page; null on the last")


class FeedbackOut(BaseModel):
    feedback_id: str


class RecordingLine(BaseModel):
    name: str = Field(examples=["demo-press/2026-11-24T15-39.mcap"])
    bytes: int
    changed: str


class Recordings(BaseModel):
    recordings: list[RecordingLine]


class RecordingInfo(_Out):
    """The object of `inspector recording info --json`."""

    recording: str
    parts: int
    complete: bool


class CaseOut(BaseModel):
    case_id: str
    symptom: str
    action: str
    fix_id: str | None
    defect: str | None
    cause: str | None
    station: str | None
    helped: bool | None
    when: str | None


class Cases(BaseModel):
    cases: list[CaseOut]
    total: int = Field(description="how many match, of which at most `limit` are given")


class Suggestions(BaseModel):
    suggestions: list[dict[str, Any]] = Field(description="as in `inspector suggest --json`")


class StationOut(BaseModel):
    station: str
    quiet_s: float | None = Field(description="since its last sign of life; null where it never gave one")
    latest_inspection: str | None
    last_hour: dict[str, int] = Field(description="outcome -> parts", examples=[{"pass": 412, "fail": 3, "review": 1}])
    health: dict[str, Any] = Field(description="channel -> state, reason, drops, age_ms")


class Stations(BaseModel):
    stations: list[StationOut]


class ModelOut(BaseModel):
    name: str
    version: str
    sha256: str
    in_service: bool


class Models(BaseModel):
    models: list[ModelOut]


class Alive(BaseModel):
    status: Literal["ok"]
