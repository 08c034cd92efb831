"""What a screen sends, as checked values."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Sent(BaseModel):
    """One object from a screen; unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


_Sent = TypeVar("_Sent", bound=Sent)


def parsed(model: type[_Sent], body: bytes) -> _Sent:
    """Return `body` as `model`. Raises ValueError in words."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg'].lower()}" if place else first["msg"].lower()) from error
