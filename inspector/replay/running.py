"""A recording through the same pipeline as the live line: pacing, and a digest over all verdicts.

Alignment runs again, so that a replay gives the verdicts of the live run: that is a test, on the digest.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from inspector.align import align, realigned
from inspector.config import Station
from inspector.errors import UsageError
from inspector.faults import Fault, inject
from inspector.parts import Capture, Inspection, Verdict
from inspector.pipeline import Judged, Pipeline
from inspector.store.parts_folder_writer import PartsFolderWriter
from inspector.store.recordings import read_captures, read_parts, read_station


class Digest:
    """SHA-256 over verdicts in order: part id, outcome, score to six digits, kind of the first defect."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, part_id: str, verdict: Verdict) -> None:
        """Count one verdict, as `Pipeline.judge` gave it."""
        kind = verdict.defects[0].kind if verdict.defects else ""
        self._hash.update(json.dumps([part_id, verdict.outcome, f"{verdict.score:.6f}", kind]).encode() + b"\n")

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def replay(
    path: Path | str,
    pipeline: Pipeline,
    *,
    speed: float | None = None,
    first: int = 0,
    parts: int | None = None,
    faults: Sequence[Fault] = (),
    realign: bool = False,
    station: Station | None = None,
    on_judged: Callable[[Capture, Judged], object] = lambda capture, judged: None,  # noqa: ARG005  the signature is the point
) -> Iterator[Inspection]:
    """Yield the inspection of every part of a recording, in order. Raises RecordingError.

    Args:
        path: the recording.
        pipeline: judges and explains.
        speed: 1 keeps the pace of the recording, 2 doubles it; as fast as possible where not given.
        first: the part to begin with, counted from 0.
        parts: how many; all where not given.
        faults: injected before alignment, as broken devices would have shown themselves.
        realign: learn the devices' clocks anew from when their readings arrived, instead of reading stamps as on that day.
        station: judge as this station would; the one that was recorded where not given.
        on_judged: called between verdict and explanation.
    """
    station = station or read_station(path)
    captures = paced(read_captures(path, first, parts), speed)
    for capture in inject(realigned(captures) if realign else captures, faults):
        judged = pipeline.judge(capture, station)
        on_judged(capture, judged)
        yield pipeline.explain(judged)


def digest_of(path: Path | str, pipeline: Pipeline) -> str:
    """Return the digest of a recording's verdicts, without explaining any part. Raises RecordingError."""
    station, digest = read_station(path), Digest()
    for capture in read_captures(path):
        digest.add(capture.trigger.part_id, pipeline.judge(capture, station).verdict)
    return digest.hexdigest()


def paced(captures: Iterator[Capture], speed: float | None) -> Iterator[Capture]:
    """Yield captures no sooner than they followed each other when recorded, `speed` times as fast."""
    start_s, first_ns = time.monotonic(), None
    for capture in captures:
        first_ns = capture.trigger.t_ns if first_ns is None else first_ns
        if speed is not None:
            time.sleep(max(0.0, start_s + (capture.trigger.t_ns - first_ns) / 1e9 / speed - time.monotonic()))
        yield capture


def parse_speed(text: str) -> float | None:
    """Return the speed that a person wrote: a number above 0, or None for `max`. Raises UsageError."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(f"--speed {text}: must be a number above 0, or max")
    return speed


def export_parts(path: Path | str, out: Path) -> int:
    """Write a recording as a labelled parts folder; return the number of parts. Raises RecordingError."""
    station: Station = read_station(path)
    count = 0
    with PartsFolderWriter(out, station, f"recording {Path(path).name}") as folder:
        for part in read_parts(path):
            folder.add(align(part.capture, station), part.truth)
            count += 1
    return count
