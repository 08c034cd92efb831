"""What a screen sends when an operator answers, checked against the part it is about, and stored."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from dashboards import queries
from dashboards.sent import Sent
from inspector.errors import StoreError
from inspector.store import Answer, StoredInspection, spoken

_Name = Annotated[str, Field(min_length=1, max_length=120)]
_ABOUT_A_FIX = ("helped", "not_helped", "applied")


class SentAnswer(Sent):
    """One answer as it comes from a screen."""

    kind: Answer
    inspection_id: str = ""
    fix_id: _Name | None = None
    note: Annotated[str, Field(max_length=2000)] | None = None
    token: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    defect: _Name | None = None
    cause: _Name | None = None
    parameters: dict[str, Annotated[float, Field(allow_inf_nan=False)]] | None = None
    """Name -> the value that was set."""
    recording: Annotated[str, Field(max_length=1_400_000)] | None = None
    """A spoken note, in base64."""


def keep(answer: SentAnswer) -> str:
    """Store an answer once, however often a screen that lost the connection sends it; return its id.

    Raises LookupError where there is no such inspection, ValueError for an answer that does not fit it, AccessError, StoreError.
    """
    stored = queries.inspection(answer.inspection_id)
    if stored is None:
        raise LookupError(answer.inspection_id)
    suggestion = _suggestion(stored, answer.fix_id) if answer.kind in _ABOUT_A_FIX else None
    detail = _detail(answer, suggestion)
    note = (answer.note or "").strip() or None
    recording = _recording(answer)
    if answer.kind == "note" and note is None and recording is None:
        raise ValueError("a note says something")
    fix_id = suggestion["fix_id"] if suggestion else None
    return queries.answer(stored.summary.inspection_id, answer.kind, fix_id, note, detail=detail, token=answer.token, recording=recording)


def _recording(answer: SentAnswer) -> bytes | None:
    """Return a spoken note. Raises ValueError where it is none."""
    if answer.recording is None:
        return None
    if answer.kind != "note":
        raise ValueError("recording: goes with a note")
    try:
        content = base64.b64decode(answer.recording, validate=True)
        spoken.kind_of(content)
    except (ValueError, StoreError) as error:
        raise ValueError(f"recording: {error}") from error
    return content


def _detail(answer: SentAnswer, suggestion: Mapping[str, Any] | None) -> dict[str, Any]:
    if answer.kind == "applied":
        if suggestion is None:
            raise ValueError("fix_id: was not suggested for this part")
        return {"parameters": settings(suggestion, answer.parameters or {})}
    if answer.kind == "named":
        named = {name: value for name, value in (("defect", answer.defect), ("cause", answer.cause)) if value is not None}
        if not named:
            raise ValueError("name a defect, a cause or both")
        return named
    return {}


def settings(suggestion: Mapping[str, Any], chosen: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the settings of a fix with the chosen values in place of the suggested ones. Raises ValueError outside safe limits."""
    known = {parameter["name"]: parameter for parameter in suggestion["parameters"]}
    if strange := sorted(set(chosen) - set(known)):
        raise ValueError(f"parameters.{strange[0]}: is no setting of this fix")
    return [_setting(parameter, chosen.get(name, parameter["value"])) for name, parameter in known.items()]


def _setting(parameter: Mapping[str, Any], value: float) -> dict[str, Any]:
    low, high = parameter.get("low"), parameter.get("high")
    if (low is not None and value < low) or (high is not None and value > high):
        ends = f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'} {parameter['unit']}"
        raise ValueError(f"parameters.{parameter['name']}: {value:g} is outside the safe limits {ends}")
    return {"name": parameter["name"], "value": value, "unit": parameter["unit"]}


def _suggestion(stored: StoredInspection, fix_id: str | None) -> Mapping[str, Any] | None:
    return next((one for one in stored.document.get("suggestions", []) if one["fix_id"] == fix_id), None)
