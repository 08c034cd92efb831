"""Replays that were kept to be looked at: what was said of each part, in one way or in two, and what it was said of.

HOME/replays/<name>/replay.json      the JSON object of `inspector replay`, with `after` and `times_s` beside
                    before/<number>/ evidence of each part, as `evidence` keeps it
                    after/<number>/  what the second way of judging draws otherwise: heat maps
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from inspector.errors import StoreError
from inspector.parts import Inspection
from inspector.store.evidence import write_evidence

Side = Literal["before", "after"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_FILE = "replay.json"


@dataclass(frozen=True, slots=True)
class KeptReplay:
    """One replay as it was kept."""

    name: str
    folder: Path
    document: Mapping[str, Any]

    @property
    def compared(self) -> bool:
        return "compare" in self.document

    def evidence(self, number: int, side: Side = "before") -> Path:
        """Return the folder of one part's files; it may not be there."""
        return self.folder / side / f"{number:06d}"


class ReplayWriter:
    """Writes one replay; it is there only once `finish` was called. Raises StoreError."""

    def __init__(self, replays: Path, name: str) -> None:
        if NAME.fullmatch(name) is None or ".." in name:
            raise StoreError(f"'{name}' is no name for a replay: use letters, digits, dot, dash and underscore, 100 at most")
        self.folder = replays / name
        self._partial = replays / f".{name}.partial"
        if self.folder.exists():
            raise StoreError(f"{self.folder}: is there already, choose another name")
        shutil.rmtree(self._partial, ignore_errors=True)
        self._times_ns: list[int] = []
        self._after: list[Mapping[str, Any]] = []

    def add(self, number: int, inspection: Inspection) -> None:
        """Keep what was recorded of a part and what the first way of judging drew."""
        self._times_ns.append(inspection.record.trigger.t_ns)
        write_evidence(self._partial / "before" / f"{number:06d}", inspection)

    def add_after(self, number: int, inspection: Inspection, document: Mapping[str, Any]) -> None:
        """Keep what the second way of judging said and drew; what was recorded is the same."""
        self._after.append(document)
        drawn = replace(inspection, record=replace(inspection.record, frames={}, waveforms={}, series={}))
        write_evidence(self._partial / "after" / f"{number:06d}", drawn)

    def finish(self, document: Mapping[str, Any]) -> Path:
        """Write the document and let the replay appear; return its folder."""
        first_ns = self._times_ns[0] if self._times_ns else 0
        whole = {**document, "times_s": [(at_ns - first_ns) / 1e9 for at_ns in self._times_ns]}
        if self._after:
            whole["after"] = self._after
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
            (self._partial / _FILE).write_text(json.dumps(whole, ensure_ascii=False, allow_nan=False), encoding="utf-8")
            self._partial.rename(self.folder)
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.folder}: replay cannot be kept: {getattr(error, 'strerror', None) or error}") from error
        return self.folder

    def discard(self) -> None:
        """Leave nothing behind of a replay that was broken off."""
        shutil.rmtree(self._partial, ignore_errors=True)


def kept_names(replays: Path) -> list[str]:
    """Return the replays that were kept, the newest first."""
    found = [path.parent for path in replays.glob(f"*/{_FILE}") if NAME.fullmatch(path.parent.name)]
    return [folder.name for folder in sorted(found, key=lambda folder: (folder / _FILE).stat().st_mtime, reverse=True)]


def parts_done(replays: Path, name: str) -> int:
    """Return how many parts of a replay that still runs are done."""
    return sum(1 for _ in (replays / f".{name}.partial" / "before").glob("[0-9]*"))


def read_kept(replays: Path, name: str) -> KeptReplay | None:
    """Return one replay, None where there is none of that name. Raises StoreError for one that is damaged."""
    path = replays / name / _FILE
    if NAME.fullmatch(name) is None or ".." in name or not path.is_file():
        return None
    try:
        return KeptReplay(name, path.parent, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read: {error}; delete the folder and replay again") from error
