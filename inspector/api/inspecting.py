"""Routes that have parts inspected and take what people say of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Form, UploadFile
from fastapi.responses import JSONResponse

from inspector.api.entry import MayInspect, MayTell, TheService, count_part, demand_station
from inspector.api.forms import FeedbackIn, FeedbackOut, InspectionId, InspectionOut, PartId, References, StationName
from inspector.api.idempotency import Key, once
from inspector.api.refusals import Refused, refusals
from inspector.api.service import Service
from inspector.api.uploads import referred, saved
from inspector.errors import DataError
from inspector.parts import Modality

router = APIRouter(prefix="/v1")


@router.post(
    "/parts",
    status_code=201,
    response_model=InspectionOut,
    responses=refusals(400, 409, 413, 415),
    tags=["inspect"],
    summary="Inspect a part",
)
def inspect_files(
    service: TheService,
    client: MayInspect,
    part_id: Annotated[PartId, Form(examples=["A7-000210"])],
    station: Annotated[StationName, Form(examples=["demo-press"])] = "api",
    image: UploadFile | None = None,
    audio: UploadFile | None = None,
    vibration: UploadFile | None = None,
    series: UploadFile | None = None,
    key: Key = None,
) -> JSONResponse:
    """Judge a part from its files: picture (PNG, JPEG, TIFF, BMP), sound (WAV, FLAC), vibration (.npz, WAV, FLAC), series (CSV, CSV.gz)."""
    demand_station(client, station)
    given: dict[Modality, UploadFile | None] = {"image": image, "audio": audio, "vibration": vibration, "series": series}
    contents = {modality: file.file.read() for modality, file in given.items() if file is not None}
    said = [
        b"parts",
        part_id.encode(),
        station.encode(),
        *(part for name, content in contents.items() for part in (name.encode(), content)),
    ]
    return once(service, client, key, said, lambda: _inspected(service, contents, part_id, station))


@router.post(
    "/parts/by-reference",
    status_code=201,
    response_model=InspectionOut,
    responses=refusals(400, 404, 409, 413, 415),
    tags=["inspect"],
    summary="Inspect a part whose files this computer has",
)
def inspect_references(service: TheService, client: MayInspect, part: References, key: Key = None) -> JSONResponse:
    """Judge a part from files in the folder that the service was started with (`--inbox`)."""
    demand_station(client, part.station)

    def work() -> dict[str, Any]:
        if service.inbox is None:
            raise Refused(409, "there is no folder for references; start the service with --inbox")
        limit_bytes = round(service.limits.body_mb * 1e6)
        contents = {modality: referred(service.inbox, reference, limit_bytes) for modality, reference in part.files.items()}
        return _inspected(service, contents, part.part_id, part.station)

    return once(service, client, key, [b"references", part.model_dump_json().encode()], work)


@router.post(
    "/results/{inspection_id}/feedback",
    status_code=201,
    response_model=FeedbackOut,
    responses=refusals(400, 404, 409, 413),
    tags=["feedback"],
    summary="Say whether a verdict was right, or a fix helped",
)
def tell(service: TheService, client: MayTell, inspection_id: InspectionId, feedback: FeedbackIn, key: Key = None) -> JSONResponse:
    """Keep what a person says; it is in the audit log, signed with their name and this client's."""

    def work() -> dict[str, Any]:
        stored = service.store.get(inspection_id)
        if stored is None or not client.may_at(stored.summary.station):
            raise Refused(404, f"there is no inspection '{inspection_id}'")
        suggested = {suggestion["fix_id"] for suggestion in stored.document.get("suggestions", ())}
        if feedback.fix_id is not None and feedback.fix_id not in suggested:
            raise Refused(422, f"body.fix_id: '{feedback.fix_id}' was not suggested for this part")
        who = f"{feedback.who} (by {client.name})" if feedback.who else client.name
        kept = service.store.add_feedback(inspection_id, feedback.kind, feedback.fix_id, who, feedback.note)
        return {"feedback_id": kept}

    return once(service, client, key, [b"feedback", inspection_id.encode(), feedback.model_dump_json().encode()], work)


def _inspected(service: Service, contents: Mapping[Modality, bytes], part_id: str, station: str) -> dict[str, Any]:
    """Return the inspection of checked files. Raises Refused, DataError."""
    if not contents:
        raise Refused(422, "body: send at least one of image, audio, vibration, series")
    with TemporaryDirectory(prefix="inspector-part-") as folder:
        files = saved(Path(folder), contents)
        if service.bench is None:
            raise Refused(409, "no model is in service; start the service with --model")
        count_part(service, station)
        if not service.waiting.acquire(blocking=False):
            raise Refused(429, f"{service.limits.waiting_parts} parts are waiting already", 1)
        try:
            inspection = service.bench.inspect(files, part_id, station)
        except DataError as error:
            raise Refused(422, str(error).replace(f"{folder}/", "")) from error
        finally:
            service.waiting.release()
    inspection_id = service.store.add(inspection)
    stored = service.store.get(inspection_id)
    return {"inspection_id": inspection_id, **(stored.document if stored else {})}
