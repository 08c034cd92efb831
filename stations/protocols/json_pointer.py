"""A place in a JSON document, as RFC 6901 writes it: `/values/0/temperature`; the empty pointer is the whole document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

Pointer = Annotated[str, Field(pattern=r"^(/([^~]|~[01])*)?$")]


def value_at(document: Any, pointer: str) -> Any:
    """Return what is there. Raises LookupError."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and key.isdecimal():
            document = document[int(key)]
        elif isinstance(document, dict):
            document = document[key]
        else:
            raise LookupError(key)
    return document
