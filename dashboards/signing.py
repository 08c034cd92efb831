"""Who signs what is done on a screen. Everything that needs the name asks `operator`; a login takes its place here."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

COOKIE = "inspector_operator"
_LONGEST_NAME = 60


def operator(cookies: Mapping[str, str]) -> str | None:
    """Return the name that this screen's operator gave; None where nobody said."""
    name = unquote(cookies.get(COOKIE, "")).strip()
    return name if name and len(name) <= _LONGEST_NAME and name.isprintable() else None
