"""Recordings (MCAP): raw captures as they came, so that a replay judges, and aligns, again.

`RecordingWriter` writes, `read_captures` reads back every capture bit by bit; `info`, `check` and `recover` serve the people who
find one on a disk. The layout of the messages is told in `recording_schema`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.parts import ON_TIME, Capture, ClockFit
from inspector.store import recording_schema as schema
from inspector.store.recording_index import PartIndex, read_part
from inspector.store.recording_reader import Damage, RecordedPart, blocks, ends_well, index_counts, read_parts, read_station, salvage_parts
from inspector.store.recording_writer import RecordingWriter

__all__ = [
    "PartIndex",
    "RecordedPart",
    "RecordingWriter",
    "check",
    "count_parts",
    "info",
    "read_captures",
    "read_part",
    "read_parts",
    "read_station",
    "recover",
]


def read_captures(path: Path | str, first: int = 0, parts: int | None = None) -> Iterator[Capture]:
    """Yield the captures of a recording in order, exactly as they were written. Raises RecordingError that says what to do.

    Args:
        path: the recording.
        first: the part to begin with, counted from 0; those before are not read.
        parts: how many; all where not given.
    """
    if first == 0:
        yield from (part.capture for part in islice(read_parts(path), parts))
        return
    with PartIndex(path) as index:
        behind = index.parts if parts is None else min(index.parts, first + parts)
        yield from (index.part(number).capture for number in range(first, behind))


def count_parts(path: Path | str) -> int:
    """Return the number of parts without reading them all where the recording has its index. Raises RecordingError."""
    path = Path(path)
    indexed = index_counts(path) if ends_well(path) else None
    if indexed is not None:
        return indexed.get(schema.CAPTURES_TOPIC, 0)
    return sum(block.topic == schema.CAPTURES_TOPIC for block in blocks(path, Damage()))


def info(path: Path | str) -> dict[str, Any]:
    """Return what a recording holds, a damaged one included. Raises RecordingError for what is no recording."""
    path = Path(path)
    damage = Damage(truncated=not ends_well(path))
    seen = {name: _Seen() for name in read_station(path).channels}
    first: Capture | None = None
    parts = 0
    for part in salvage_parts(path, damage):
        parts += 1
        first = first or part.capture
        for name, channel in seen.items():
            channel.add(name, part.capture)
    counts = Counts.of(path)
    start_ns = min((c.first_ns for c in seen.values() if c.first_ns is not None), default=0)
    end_ns = max((c.last_ns for c in seen.values() if c.last_ns is not None), default=start_ns)
    wall_ns = start_ns + (first.wall_utc_ns - first.trigger.t_ns) if first else 0
    return {
        "recording": str(path),
        "parts": parts,
        "start": datetime.fromtimestamp(wall_ns / 1e9, UTC).isoformat() if first else None,
        "duration_s": (end_ns - start_ns) / 1e9,
        "channels": {
            name: channel.document(counts.messages.get(name, 0), start_ns) for name, channel in seen.items() if channel.first_ns is not None
        },
        "complete": not damage.words,
        "bytes": path.stat().st_size,
    }


def check(path: Path | str) -> dict[str, Any]:
    """Read everything and compare all checksums. Raises RecordingError for what is no recording."""
    path = Path(path)
    damage = Damage(truncated=not ends_well(path))
    parts = sum(1 for _ in salvage_parts(path, damage))
    return {"recording": str(path), "parts": parts, "complete": not damage.words, "problems": damage.words}


def recover(path: Path | str, out: Path | str) -> dict[str, Any]:
    """Write what can still be read of `path` to the new recording `out`. Raises RecordingError."""
    path = Path(path)
    damage = Damage(truncated=not ends_well(path))
    with RecordingWriter(out, read_station(path)) as writer:
        for part in salvage_parts(path, damage):
            writer.write(part.capture, part.truth)
    return {"recording": str(path), "recovered": str(out), "parts": writer.parts, "problems": damage.words}


@dataclass(slots=True)
class Counts:
    """How many messages each channel has."""

    messages: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> Counts:
        counts = cls()
        for block in blocks(path, Damage()):
            name = block.topic.removeprefix("/")
            if block.topic not in (schema.CAPTURES_TOPIC, schema.TRUTH_TOPIC):
                counts.messages[name] = counts.messages.get(name, 0) + 1
        return counts


@dataclass(slots=True)
class _Seen:
    """One channel through a whole recording, on the station's clock."""

    kind: str = ""
    unit: str = ""
    rate_hz: float | None = None
    first_ns: int | None = None
    last_ns: int | None = None
    drops: int = 0
    stamps: int = 0
    last_stamp: tuple[int, int] | None = None
    """(epoch, stamp) on the channel's own clock: what was counted already."""

    def add(self, name: str, capture: Capture) -> None:
        clock = capture.clocks.get(name, ON_TIME)
        self.drops += capture.drops.get(name, 0)
        if name in capture.frames:
            self.kind = "frames"
            self._reach(clock, np.array([capture.frames[name].t_ns]))
        elif name in capture.waveforms:
            wave = capture.waveforms[name]
            self.kind, self.unit, self.rate_hz = "waveform", wave.unit, wave.sample_rate_hz
            self._reach(clock, np.array([wave.start_ns, wave.end_ns]))
        elif name in capture.series:
            self.kind, self.unit = "series", capture.series[name].unit
            self._reach(clock, capture.series[name].t_ns)

    def document(self, messages: int, start_ns: int) -> dict[str, Any]:
        assert self.first_ns is not None
        assert self.last_ns is not None
        span_s = (self.last_ns - self.first_ns) / 1e9
        rate_hz = self.rate_hz if self.rate_hz is not None else ((self.stamps - 1) / span_s if span_s > 0 else None)
        return {
            "kind": self.kind,
            "messages": messages,
            "rate_hz": rate_hz,
            "unit": self.unit,
            "first_s": (self.first_ns - start_ns) / 1e9,
            "last_s": (self.last_ns - start_ns) / 1e9,
            "drops": self.drops,
        }

    def _reach(self, clock: ClockFit, stamps: NDArray[np.int64]) -> None:
        """Take account of stamps on the channel's clock, in order; those that the part before had too are counted once."""
        if not len(stamps):
            return
        epoch, known_ns = self.last_stamp or (clock.epoch, None)
        self.stamps += len(stamps) if known_ns is None or epoch != clock.epoch else int((stamps > known_ns).sum())
        self.last_stamp = clock.epoch, int(stamps[-1])
        first_ns, last_ns = clock.station_time_ns(int(stamps[0])), clock.station_time_ns(int(stamps[-1]))
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = last_ns if self.last_ns is None else max(self.last_ns, last_ns)
