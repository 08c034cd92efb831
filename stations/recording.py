"""Record a station: captures into a recording, and with known truth also into a labelled parts folder beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inspector.align import align
from inspector.clock import Clock, MonotonicClock, SteppedClock
from inspector.config import Station
from inspector.errors import InspectorError
from inspector.store.parts_folder_writer import PartsFolderWriter
from inspector.store.recording_schema import PictureFormat
from inspector.store.recordings import RecordingWriter
from stations.agent import Agent
from stations.devices import build_drivers

SIMULATED_LICENCE = "made by the line simulator of this product: no recorded material in it, free to use"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording session left on disk."""

    parts: int
    recording: Path
    parts_folder: Path | None
    degraded_parts: int


def clock_for(station: Station, path: Path | None = None, *, live: bool = False) -> Clock:
    """Return a stepped clock where all that the station reads is simulated or recorded, real time otherwise. Raises ConfigError."""
    return SteppedClock() if not live and build_drivers(station, SteppedClock(), path).steppable else MonotonicClock()


def record(
    agent: Agent,
    out: Path,
    parts: int,
    *,
    pictures: PictureFormat = "png",
    on_part: Callable[[], object] = lambda: None,
) -> Recorded:
    """Write `parts` captures of an open agent to `out`, and to `<out stem>-parts/` where the trigger knows the truth.

    Raises RecordingError; what was written until then stays readable.
    """
    folder: PartsFolderWriter | None = None
    degraded = 0
    with RecordingWriter(out, agent.station, pictures=pictures) as writer:
        try:
            for capture in agent.captures(parts):
                truth = agent.truth(capture.trigger.part_id)
                writer.write(capture, truth)
                aligned = align(capture, agent.station)
                degraded += bool(aligned.degraded)
                if truth is not None:
                    folder = folder or _parts_folder(out, agent.station)
                    folder.add(aligned, truth)
                on_part()
        finally:
            if folder is not None:
                folder.close()
    return Recorded(writer.parts, out, folder.folder if folder else None, degraded)


def parts_folder_of(out: Path) -> Path:
    """Return the labelled parts folder that belongs to a recording."""
    return out.with_name(f"{out.stem}-parts")


def refuse_existing(out: Path) -> None:
    """Say before the work begins what would stop it at the end. Raises InspectorError."""
    for path in (out, parts_folder_of(out)):
        if path.exists():
            raise InspectorError(f"{path}: exists already; recordings are never overwritten, choose another --out")


def _parts_folder(out: Path, station: Station) -> PartsFolderWriter:
    return PartsFolderWriter(parts_folder_of(out), station, f"recording {out.name}, truth from the trigger", SIMULATED_LICENCE)
