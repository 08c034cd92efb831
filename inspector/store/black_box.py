"""A ring of recordings on disk, a minute each: the oldest leave, and those around parts that matter are kept for good.

    <folder>/ring/<time>.mcap.part    being written
    <folder>/ring/<time>.mcap         whole; leaves when the ring is too large or too old, or the disk too full
    <folder>/kept/<time>.mcap         the same file by a second name (a copy where the file system has no hard links), never deleted here

A segment is kept whole, so an event costs no copying, and what happened on the line around it is there. What a killed process leaves
as `.part` is sealed at the next start, under both of its names. One thread uses a BlackBox.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from inspector.config import RecordingConfig, Station
from inspector.errors import RecordingError
from inspector.parts import Capture, Trigger
from inspector.store.recording_seal import seal
from inspector.store.recording_writer import RecordingWriter
from inspector.store.recordings import recover

PART = ".part"
GB = 1_000_000_000

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Segment:
    """One file of the ring; its span on the station's clock is known while this process lives."""

    path: Path
    """Without `.part`."""
    first_ns: int | None = None
    last_ns: int | None = None
    size_bytes: int = 0
    wall_s: float = 0.0
    """When it was written last."""
    kept: bool = False

    def touches(self, start_ns: int, end_ns: int) -> bool:
        return self.first_ns is not None and self.last_ns is not None and self.first_ns <= end_ns and start_ns <= self.last_ns


class BlackBox:
    """Records a station for as long as it runs.

    Args:
        folder: the station's own; `ring/` and `kept/` are made in it.
        station: stands in every segment.
        config: how large the ring is, and what is kept.
    """

    def __init__(self, folder: Path, station: Station, config: RecordingConfig) -> None:
        self.ring, self.kept = folder / "ring", folder / "kept"
        self._station, self._config = station, config
        self._segments: deque[_Segment] = deque()
        """Whole ones, the oldest first."""
        self._writer: RecordingWriter | None = None
        self._current: _Segment | None = None
        self._wanted: list[tuple[int, int]] = []
        """Spans to be kept that may reach into segments to come."""
        self._lock: int | None = None

    @property
    def ring_bytes(self) -> int:
        """How much the ring holds, the segment in work included."""
        return sum(segment.size_bytes for segment in self._segments) + (self._writer.size_bytes if self._writer else 0)

    def open(self) -> None:
        """Find what is there, and seal what was left unfinished. Raises RecordingError."""
        try:
            for folder in (self.ring, self.kept):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.ring)
        except OSError as error:
            raise RecordingError(f"{self.ring}: cannot be recorded to: {error.strerror}") from error
        self._mend()
        self._segments.extend(_found(path) for path in sorted(self.ring.glob("*.mcap")))

    def close(self) -> None:
        """Finish the segment in work; safe to call twice. Raises RecordingError."""
        try:
            self._end_segment()
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def write(self, capture: Capture) -> None:
        """Add a part. Raises RecordingError when the disk is full or fails; the next call tries again, with a new segment."""
        t_ns = capture.trigger.t_ns
        self._make_room(capture.wall_utc_ns / 1e9)
        if self._current is not None and self._current.first_ns is not None and self._is_over(self._current.first_ns, t_ns):
            self._end_segment()
        if self._writer is None or self._current is None:
            self._segments.extend(self._mend())
            self._writer, self._current = self._new_segment(capture)
        try:
            self._writer.write(capture)
        except Exception:
            self._end_segment()
            raise
        self._current.first_ns = t_ns if self._current.first_ns is None else min(t_ns, self._current.first_ns)
        self._current.last_ns = t_ns if self._current.last_ns is None else max(t_ns, self._current.last_ns)
        self._wanted = [span for span in self._wanted if span[1] >= t_ns]
        if any(start_ns <= t_ns for start_ns, _ in self._wanted):
            self._keep(self._current)

    def keep_around(self, trigger: Trigger) -> None:
        """Keep the time around a part, as much of it as is still there and as will come."""
        start_ns = trigger.t_ns - round(self._config.keep.pre_s * 1e9)
        end_ns = trigger.t_ns + round(self._config.keep.post_s * 1e9)
        self._wanted.append((start_ns, end_ns))
        for segment in (*self._segments, *([self._current] if self._current else [])):
            if segment.touches(start_ns, end_ns):
                self._keep(segment)

    # --- segments

    def _is_over(self, first_ns: int, t_ns: int) -> bool:
        return not 0 <= t_ns - first_ns < self._config.segment_s * 1e9

    def _new_segment(self, capture: Capture) -> tuple[RecordingWriter, _Segment]:
        begun = datetime.fromtimestamp(capture.wall_utc_ns / 1e9, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = self.ring / f"{begun}.mcap"
        number = 1
        while path.exists() or _part(path).exists() or (self.kept / path.name).exists():
            number += 1
            path = self.ring / f"{begun}-{number}.mcap"
        return RecordingWriter(_part(path), self._station, pictures=self._config.pictures), _Segment(path)

    def _end_segment(self) -> None:
        """Close the segment in work and take it into the ring. Raises RecordingError where it could not be finished."""
        writer, segment = self._writer, self._current
        self._writer = self._current = None
        if writer is None or segment is None:
            return
        try:
            writer.close()
        finally:
            self._finish(segment, writer.parts)

    def _finish(self, segment: _Segment, parts: int) -> None:
        """Give a segment its index and its name; where the disk is too full even for that, it waits as `.part`."""
        part = _part(segment.path)
        try:
            if parts == 0:
                part.unlink()
                return
            seal(part)
            part.rename(segment.path)
            if _part(self.kept / segment.path.name).exists():
                _part(self.kept / segment.path.name).rename(self.kept / segment.path.name)
            segment.size_bytes, segment.wall_s = segment.path.stat().st_size, segment.path.stat().st_mtime
            self._segments.append(segment)
            if segment.kept and not (self.kept / segment.path.name).exists():
                self._copy(segment)
        except (OSError, RecordingError) as error:
            _log.warning("%s: is not finished yet: %s", part, error)

    def _mend(self) -> list[_Segment]:
        """Seal what was left behind, under each of its names; what is damaged as well is saved as far as it can be read."""
        mended = []
        for part in (*sorted(self.ring.glob(f"*.mcap{PART}")), *sorted(self.kept.glob(f"*.mcap{PART}"))):
            path = part.with_name(part.name.removesuffix(PART))
            try:
                if _saved(part, path) and path.parent == self.ring:
                    mended.append(_found(path))
            except (OSError, RecordingError) as error:
                _log.warning("%s: cannot be mended: %s", part, error)
        return mended

    # --- keeping

    def _keep(self, segment: _Segment) -> None:
        if segment.kept:
            return
        segment.kept = True
        whole = segment is not self._current
        name = segment.path.name
        try:
            if whole:
                os.link(segment.path, self.kept / name)
            else:
                os.link(_part(segment.path), _part(self.kept / name))
        except FileExistsError:
            return
        except OSError:
            if whole:
                self._copy(segment)  # else when it is finished

    def _copy(self, segment: _Segment) -> None:
        try:
            _copy(segment.path, self.kept / segment.path.name)
        except OSError as error:
            segment.kept = False
            _log.error("%s: cannot be kept: %s", segment.path, error.strerror)

    # --- room

    def _make_room(self, now_s: float) -> None:
        """Let the oldest segments go until ring and disk are as they should be. Raises RecordingError where there is no room even so."""
        config = self._config
        while self._segments and self.ring_bytes > config.ring_gb * GB:
            self._drop_oldest()
        while self._segments and config.ring_hours is not None and now_s - self._segments[0].wall_s > config.ring_hours * 3600:
            self._drop_oldest()
        while (free_bytes := self._free_bytes()) < config.min_free_gb * GB:
            if not self._segments:
                self._end_segment()
                raise RecordingError(
                    f"{self.ring}: only {free_bytes / GB:.2f} GB are free on this disk, {config.min_free_gb:g} GB must stay free; recording"
                    " has stopped until there is room"
                )
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        segment = self._segments.popleft()
        try:
            segment.path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s: cannot be deleted: %s", segment.path, error.strerror)

    def _free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self.ring).free
        except OSError as error:
            raise RecordingError(f"{self.ring}: cannot be reached: {error.strerror}; recording has stopped") from error


def _found(path: Path) -> _Segment:
    """Return a segment of an earlier run, or one that was mended: nobody knows its time on the clock of today."""
    return _Segment(path, size_bytes=path.stat().st_size, wall_s=path.stat().st_mtime)


def _part(path: Path) -> Path:
    return path.with_name(path.name + PART)


def _saved(part: Path, path: Path) -> bool:
    """Make a whole recording of what was left of one; say whether there was anything in it."""
    try:
        parts = seal(part)
    except RecordingError:  # damaged before its end, as after a power cut
        return _rewritten(part, path)
    if parts == 0:
        part.unlink()
        return False
    part.rename(path)
    return True


def _rewritten(part: Path, path: Path) -> bool:
    try:
        parts = recover(part, path)["parts"]
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    part.unlink()
    if parts == 0:
        path.unlink()
    return bool(parts)


def _copy(path: Path, kept: Path) -> None:
    try:
        shutil.copyfile(path, _part(kept))
        _part(kept).rename(kept)
    except OSError:
        _part(kept).unlink(missing_ok=True)
        raise


def _locked(folder: Path) -> int | None:
    """Take the folder for this process alone, until the returned file is closed or the process ends. Raises RecordingError, OSError."""
    try:
        import fcntl
    except ImportError:  # not on every system
        return None
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise RecordingError(f"{folder}: another process records this station there") from error
    return lock
