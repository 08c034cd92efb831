"""Notes that people spoke: recordings as their browser made them, kept beside the evidence of the part that they are about."""

from __future__ import annotations

import hashlib
from pathlib import Path

from inspector.errors import StoreError

MOST_BYTES = 1_000_000
"""A minute of speech is a fifth of that."""
_FOLDER = "spoken"
_STARTS = {".webm": (0, b"\x1a\x45\xdf\xa3"), ".ogg": (0, b"OggS"), ".mp4": (4, b"ftyp")}
"""Ending -> where its sign stands, and what it is: all that browsers record."""


def kind_of(content: bytes) -> str:
    """Return the ending of a recording by what it holds. Raises StoreError for another kind, or one that is too long."""
    if len(content) > MOST_BYTES:
        raise StoreError(f"a spoken note takes at most {MOST_BYTES / 1e6:g} MB")
    for ending, (at, sign) in _STARTS.items():
        if content[at : at + len(sign)] == sign:
            return ending
    raise StoreError("a spoken note is a WebM, Ogg or MP4 recording as a browser makes it")


def keep(folder: Path, content: bytes) -> dict[str, str | int]:
    """Keep a recording in the folder of its part; return what the answer tells of it. Raises StoreError."""
    digest = hashlib.sha256(content).hexdigest()
    path = folder / _FOLDER / f"{digest[:32]}{kind_of(content)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
    return {"name": path.name, "bytes": len(content), "sha256": digest}


def recordings(folder: Path) -> dict[str, Path]:
    """Return the recordings of a part by name."""
    return {path.name: path for path in sorted((folder / _FOLDER).glob("*")) if path.suffix in _STARTS}
