"""Golden parts: those that a model is held against itself with, from a recording of the station or a labelled parts folder."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.features import Features
    from inspector.parts import PartRecord

RECORDING = ".mcap"


def golden_parts(path: Path, most: int) -> list[tuple[str, Features]]:
    """Return up to `most` parts as the judge reads them. Raises UsageError, DataError, RecordingError."""
    from inspector.features import extract

    if not path.exists():
        raise UsageError(f"--golden {path}: there is nothing there; give a recording (.mcap) or a labelled parts folder")
    records = _recorded(path) if path.suffix == RECORDING else _labelled(path)
    return [(name, extract(record)) for name, record in islice(records, most)]


def _recorded(path: Path) -> Iterator[tuple[str, PartRecord]]:
    from inspector.align import align
    from inspector.store.recordings import read_captures, read_station

    station = read_station(path)
    return ((capture.trigger.part_id, align(capture, station)) for capture in read_captures(path))


def _labelled(path: Path) -> Iterator[tuple[str, PartRecord]]:
    """Yield held-out parts, then those learned from; the test split is not read."""
    from inspector.training.parts_folder import load_parts_folder

    folder = load_parts_folder(path)
    return ((part.part_id, part.record(tolerant=True)) for split in ("val", "train") for part in folder.split(split))
