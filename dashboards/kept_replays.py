"""The door to replays: those that were kept, and starting another. What a page asks is checked here; judging is a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from dashboards import people
from inspector.errors import RecordingError
from inspector.home import Home, known_models
from inspector.store.evidence import load_evidence
from inspector.store.recordings import count_parts
from inspector.store.replays import KeptReplay, Side, kept_names, parts_done, read_kept
from inspector.store.results import StoredEvidence

_running: dict[str, subprocess.Popen[bytes]] = {}
SIDES: tuple[Side, Side] = ("before", "after")
ENDINGS = {"picture": ".jpg", "heat": ".heat.png", "sound": ".flac"}


def names() -> list[str]:
    """Return the replays that were kept, the newest first; none for those who may not see every station, as replays are of any."""
    return kept_names(Home.at(None).replays) if people.may("viewer") else []


def replay(name: str) -> KeptReplay | None:
    """Return one replay, None where there is none of that name. Raises StoreError for one that is damaged."""
    return _read(Home.at(None).replays, name) if name in names() else None


def file(name: str, side: str, number: str, kind: str, channel: str) -> Path | None:
    """Return a file of one part of a replay: `kind` is picture, heat or sound. Only files of that part can be found."""
    kept = replay(name) if side in SIDES and number.isdecimal() and kind in ENDINGS else None
    if kept is None:
        return None
    ending = ENDINGS[kind]
    folder = kept.evidence(int(number), cast(Side, side))
    return next((path for path in folder.glob(f"*{ending}") if path.name == channel + ending), None)


def cameras(kept: KeptReplay, number: int) -> list[str]:
    """Return the cameras that a part has pictures of."""
    return sorted(path.stem for path in kept.evidence(number).glob("*.jpg"))


def evidence(kept: KeptReplay, number: int) -> StoredEvidence:
    """Return what was recorded of one part. Raises StoreError when a file is damaged."""
    return load_evidence(kept.evidence(number))


def has_heat_map(kept: KeptReplay, number: int, side: Side, camera: str) -> bool:
    """Say whether one way of judging drew a heat map."""
    return (kept.evidence(number, side) / f"{camera}.heat.png").is_file()


# --- starting one ----------------------------------------------------------------------------------------------------------------


def recordings() -> dict[str, Path]:
    """Return the recordings of this installation by what they are called within it."""
    place = Home.at(None).recordings
    return {str(path.relative_to(place)): path for path in sorted(place.rglob("*.mcap"))}


def models() -> dict[str, Path]:
    """Return the models that can judge, by name and version."""
    return {f"{path.parent.name} {path.name}": path for path in known_models(Home.at(None))}


def start(recording: Path, options: Sequence[str]) -> str:
    """Begin to judge a recording again in a process of its own; return the name under which it will be kept. Raises AccessError."""
    people.demand("engineer")
    home = Home.at(None)
    name = f"{recording.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    home.replays.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "inspector.cli", "replay", str(recording), "--home", str(home.root), "--keep", name, *options]
    with _log(name).open("wb") as log:
        _running[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
    return name


def progress(name: str, recording: Path) -> Mapping[str, Any]:
    """Return how far a replay is: parts `done` of `parts`, and once it has ended `error`, empty where it went well."""
    process = _running.get(name)
    try:
        parts = count_parts(recording)
    except RecordingError as error:
        return {"done": 0, "parts": 0, "error": str(error)}
    told: dict[str, Any] = {"done": parts_done(Home.at(None).replays, name), "parts": parts}
    if process is None or process.poll() is not None:
        told["error"] = _log(name).read_text(encoding="utf-8", errors="replace").strip() if process is None or process.returncode else ""
    return told


def _log(name: str) -> Path:
    return Home.at(None).replays / f".{name}.log"


@lru_cache(maxsize=8)
def _read(replays: Path, name: str) -> KeptReplay | None:
    return read_kept(replays, name)
