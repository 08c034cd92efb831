"""Routes that read: results, recordings, cases, suggestions, stations, models."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from inspector.api import forms
from inspector.api.entry import MayRead, TheService, demand_station, only_station
from inspector.api.forms import Absent, AnId, InspectionId, Instant, Short, StationName
from inspector.api.refusals import Refused, refusals
from inspector.api.service import Service
from inspector.document import suggestion_document
from inspector.home import shipped
from inspector.parts import Outcome
from inspector.store import Client, InspectionSummary

router = APIRouter(prefix="/v1", responses=refusals())
_HOUR_NS = 3600 * 10**9

Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/results", tags=["read"], summary="List inspections")
def results(
    service: TheService,
    client: MayRead,
    station: StationName | Absent = None,
    outcome: Outcome | Absent = None,
    kind: Short | Absent = None,
    cause: Short | Absent = None,
    part: Annotated[Short | Absent, Query(description="stands anywhere in the part id")] = None,
    since_ms: Instant = None,
    until_ms: Instant = None,
    before: Annotated[AnId | Absent, Query(description="`next_before` of the page before")] = None,
    limit: Limit = 50,
) -> forms.Results:
    """Return the inspections that meet every given filter, newest first."""
    page = service.store.history(
        station=only_station(client, station),
        outcome=outcome,
        kind=kind,
        cause=cause,
        part_text=part,
        since_utc_ns=None if since_ms is None else since_ms * 10**6,
        until_utc_ns=None if until_ms is None else until_ms * 10**6,
        before=before,
        limit=limit,
    )
    return forms.Results(results=[_result(summary) for summary in page.inspections], next_before=page.next_before)


@router.get(
    "/results/{inspection_id}", response_model=forms.InspectionOut, responses=refusals(404), tags=["read"], summary="Read one inspection"
)
def result(service: TheService, client: MayRead, inspection_id: InspectionId) -> JSONResponse:
    """Return one inspection whole."""
    stored = service.store.get(inspection_id)
    if stored is None or not client.may_at(stored.summary.station):
        raise Refused(404, f"there is no inspection '{inspection_id}'")
    return JSONResponse({"inspection_id": inspection_id, **stored.document})


@router.get("/recordings", tags=["read"], summary="List recordings")
def recordings(service: TheService, client: MayRead) -> forms.Recordings:
    """Return the recordings of this installation, newest first."""
    found = sorted(_recordings(service, client), key=lambda path: path.stat().st_mtime, reverse=True)
    return forms.Recordings(recordings=[_recording_line(service, path) for path in found])


@router.get("/recording", response_model=forms.RecordingInfo, responses=refusals(404), tags=["read"], summary="Say what a recording holds")
def recording(
    service: TheService, client: MayRead, name: Annotated[Short, Query(examples=["demo-press/2026-11-24T15-39.mcap"])]
) -> JSONResponse:
    """Read a recording through and say what it holds, a damaged one included."""
    from inspector.store.recordings import info

    path = next((path for path in _recordings(service, client) if _name(service, path) == name), None)
    if path is None:
        raise Refused(404, f"there is no recording '{name}'")
    return JSONResponse(info(path) | {"recording": name})


@router.get("/cases", tags=["read"], summary="List past cases")
def cases(
    service: TheService,
    _client: MayRead,
    defect: Short | Absent = None,
    cause: Short | Absent = None,
    station: StationName | Absent = None,
    limit: Limit = 50,
) -> forms.Cases:
    """Return past cases that meet every given filter, by id."""
    wanted = {name: value for name, value in (("defect", defect), ("cause", cause), ("station", station)) if value is not None}
    found = [case for case in service.store.cases() if all(getattr(case, name) == value for name, value in wanted.items())]
    told = [forms.CaseOut.model_validate({name: getattr(case, name) for name in forms.CaseOut.model_fields}) for case in found[:limit]]
    return forms.Cases(cases=told, total=len(found))


@router.post("/suggestions", responses=refusals(400, 413), tags=["read"], summary="Ask what is likely to help")
def suggestions(service: TheService, _client: MayRead, trouble: forms.Trouble) -> forms.Suggestions:
    """Return what helped in cases like this one, the likeliest first."""
    from inspector.knowledge import Query as Asked

    asked = Asked(text=trouble.text, defect=trouble.defect, cause=trouble.cause, station=trouble.station)
    if asked.is_empty:
        raise Refused(422, "body: nothing to go by; give text, defect or cause")
    return forms.Suggestions(suggestions=[suggestion_document(found) for found in service.memory().suggest(asked, trouble.top)])


@router.get("/stations", tags=["read"], summary="Say how the stations are")
def stations(service: TheService, client: MayRead) -> forms.Stations:
    """Return each station with its last sign of life and the health of its channels."""
    return forms.Stations(stations=[station_health(service, name) for name in service.store.stations() if client.may_at(name)])


@router.get("/stations/{station}", responses=refusals(404), tags=["read"], summary="Say how one station is")
def station(service: TheService, client: MayRead, station: StationName) -> forms.StationOut:
    """Return one station with its last sign of life and the health of its channels."""
    demand_station(client, station)
    if station not in service.store.stations():
        raise Refused(404, f"there is no station '{station}'")
    return station_health(service, station)


@router.get("/models", tags=["read"], summary="List models")
def models(service: TheService, _client: MayRead) -> forms.Models:
    """Return the models that are installed, and which is in service here."""
    serving = service.bench.model if service.bench else None
    found = {model.sha256: model for model in _models(service)}
    if serving is not None:
        found[serving.sha256] = forms.ModelOut(name=serving.name, version=serving.version, sha256=serving.sha256, in_service=True)
    return forms.Models(models=sorted(found.values(), key=lambda model: (model.name, model.version)))


def station_health(service: Service, name: str) -> forms.StationOut:
    """Return how a station is."""
    status = service.store.status(name)
    now_ns = time.time_ns()
    return forms.StationOut(
        station=name,
        quiet_s=None if status is None else max(0.0, (now_ns - status.wall_utc_ns) / 1e9),
        latest_inspection=service.store.latest_id(name),
        last_hour=service.store.counts(name, now_ns - _HOUR_NS),
        health=dict(status.health) if status else {},
    )


def _result(summary: InspectionSummary) -> forms.Result:
    told = {name: getattr(summary, name) for name in forms.Result.model_fields if name != "time"}
    return forms.Result(**told, time=_utc(summary.wall_utc_ns / 1e9))


def _recordings(service: Service, client: Client) -> Iterator[Path]:
    """Return the recordings that a client may know of; those of a station lie in the folder that bears its name."""
    found = (path for path in service.home.recordings.rglob("*.mcap") if path.is_file())
    return (path for path in found if client.may_at(_name(service, path).partition("/")[0]))


def _recording_line(service: Service, path: Path) -> forms.RecordingLine:
    status = path.stat()
    return forms.RecordingLine(name=_name(service, path), bytes=status.st_size, changed=_utc(status.st_mtime))


def _name(service: Service, path: Path) -> str:
    return path.relative_to(service.home.recordings).as_posix()


def _models(service: Service) -> Iterator[forms.ModelOut]:
    for folder in (shipped("models"), service.home.root / "models"):
        for path in sorted(folder.glob("*/*/manifest.yaml")):
            manifest: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            name, version, sha256 = manifest["name"], str(manifest["version"]), manifest["weights"]["sha256"]
            yield forms.ModelOut(name=name, version=version, sha256=sha256, in_service=False)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
