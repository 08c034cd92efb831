"""Every answer that is not what was asked for: one shape, and where it is written down for the reader of the OpenAPI document."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from inspector.errors import DataError, RecordingError, StoreError

_log = logging.getLogger(__name__)

_WORDS = {
    400: "The request cannot be read.",
    401: "No token, or none that is known.",
    403: "The token has not the scope that this takes.",
    404: "There is no such thing.",
    409: "It cannot be done now: no model is in service, or a request with this idempotency key is still worked on.",
    413: "More than this service takes.",
    415: "A file is of a kind that is not read.",
    422: "Something in the request is wrong; `error` says what and where.",
    429: "Too much at once; wait as long as `Retry-After` says.",
    503: "The database does not answer.",
}


class Refusal(BaseModel):
    """Why a request was refused."""

    error: str = Field(examples=["query.limit: must be less than or equal to 200"])


class Refused(HTTPException):
    """Raised by a route to refuse."""

    def __init__(self, status: int, error: str, retry_s: int | None = None) -> None:
        super().__init__(status, error, None if retry_s is None else {"Retry-After": str(retry_s)})


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the refusals of a route for its documentation; those that every route has come of themselves."""
    return {status: {"model": Refusal, "description": _WORDS[status]} for status in (401, 403, 422, 429, 503, *statuses)}


def refuse(status: int, error: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return a refusal as a response."""
    return JSONResponse({"error": error}, status, headers)


def handle_errors(application: FastAPI) -> None:
    """Turn what routes raise into refusals."""

    @application.exception_handler(HTTPException)
    async def _refused(_request: Request, error: HTTPException) -> JSONResponse:
        return refuse(error.status_code, str(error.detail), dict(error.headers or {}))

    @application.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        return refuse(422, f"{place}: {first['msg']}".encode("utf-8", "replace").decode())

    @application.exception_handler(DataError)
    @application.exception_handler(RecordingError)
    async def _unreadable(request: Request, error: Exception) -> JSONResponse:
        home: Path = request.app.state.service.home.root
        return refuse(422, str(error).replace(f"{home}/", ""))  # where things lie is nobody's business but ours

    @application.exception_handler(StoreError)
    async def _no_store(_request: Request, error: StoreError) -> JSONResponse:
        _log.error("%s", error)
        return refuse(503, "the database does not answer; the service's own log says why", {"Retry-After": "10"})
