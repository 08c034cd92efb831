"""Record a station while it judges: a thread of its own before the black box, so that a slow or full disk never holds judging up.

When the disk is slower than the line, whole parts are left out and counted. When it is full or fails, recording stops with an alarm,
tries again every few seconds, and goes on in a new segment once there is room.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from inspector.config import Station
from inspector.errors import InspectorError
from inspector.parts import Capture, Outcome, Trigger
from inspector.remarks import remark
from inspector.store.black_box import BlackBox

log = logging.getLogger(__name__)

WAITING_PARTS = 16
"""Captures that may wait for the disk; one more is left out."""
RETRY_S = 5.0
CLOSE_S = 30.0
"""How long a disk may take to write what waits, at the end."""
ALARM_S = 10.0
"""How long a part that was left out shows in the health."""
BLACK_BOX = "black box"
"""Its name among the channels in the health of a station."""


class Recorder:
    """A black box with its thread. `capture` and `outcome` return at once, whatever the disk does.

    Args:
        station: must have `recording`.
        folder: of all recordings; the station gets its own in it.
    """

    def __init__(self, station: Station, folder: Path) -> None:
        assert station.recording is not None
        self._station = station.station
        self._keep = frozenset(station.recording.keep.outcomes)
        self._box = BlackBox(folder / station.station, station, station.recording)
        self._changed = threading.Condition()
        self._waiting: deque[Capture | Trigger] = deque()
        self._waiting_parts = 0
        self._is_open = self._ending = False
        self._parts = self._dropped = self._lost = self._events = 0
        self._dropped_s = float("-inf")
        self._alarm = ""
        self._retry_s = 0.0
        self._thread = threading.Thread(target=self._work, name=f"{station.station} recorder", daemon=True)

    def open(self) -> None:
        """Begin. A disk that cannot be recorded to is an alarm and no error: the station judges without."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and finish the segment; safe to call twice and without `open`."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                log.error("%s: the disk does not answer; the end of the recording is lost", self._station)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def capture(self, capture: Capture) -> None:
        """Record a part."""
        with self._changed:
            if self._waiting_parts < WAITING_PARTS:
                self._waiting.append(capture)
                self._waiting_parts += 1
                self._changed.notify_all()
                return
            self._dropped += 1
            begins = time.monotonic() - self._dropped_s > ALARM_S
            self._dropped_s = time.monotonic()
        if begins:
            log.error("%s: the disk is slower than the line: parts are left out of the recording", self._station)

    def outcome(self, trigger: Trigger, outcome: Outcome) -> None:
        """Keep the time around a part if its outcome asks for it."""
        if outcome in self._keep:
            with self._changed:
                self._waiting.append(trigger)
                self._changed.notify_all()

    def health(self) -> dict[str, dict[str, Any]]:
        """Return the black box as one more channel of the station's health: `missing` when stopped, `stale` when parts are left out."""
        with self._changed:
            state, reason = "ok", ""
            if self._alarm:
                state, reason = "missing", self._alarm
            elif time.monotonic() - self._dropped_s < ALARM_S:
                state, reason = "stale", remark("the disk is slower than the line: parts are left out of the recording")
            return {BLACK_BOX: {"state": state, "reason": reason, "drops": self._dropped + self._lost, "age_ms": None}}

    def report(self) -> dict[str, Any]:
        """Return what was recorded: parts, those left out as the disk was too slow or had stopped, parts kept around, the alarm."""
        with self._changed:
            return {
                "parts": self._parts,
                "dropped": self._dropped,
                "lost": self._lost,
                "kept_events": self._events,
                "alarm": self._alarm or None,
                "ring": str(self._box.ring),
                "kept": str(self._box.kept),
            }

    # --- its own thread

    def _work(self) -> None:
        self._guarded(self._open)
        try:
            while (item := self._next()) is not None:
                if isinstance(item, Capture):
                    self._write(item)
                else:
                    self._events += self._guarded(partial(self._box.keep_around, item))
        finally:
            self._guarded(self._box.close)

    def _next(self) -> Capture | Trigger | None:
        """Return what waits longest; None at the end."""
        with self._changed:
            while not self._waiting:
                if self._ending:
                    return None
                self._changed.wait()
            item = self._waiting.popleft()
            self._waiting_parts -= isinstance(item, Capture)
            return item

    def _write(self, capture: Capture) -> None:
        if self._alarm and time.monotonic() < self._retry_s:
            self._lost += 1
            return
        if self._guarded(partial(self._record, capture)):
            self._parts += 1
            if self._alarm:
                log.warning("%s: recording goes on", self._station)
                self._alarm = ""
        else:
            self._lost += 1
            self._retry_s = time.monotonic() + RETRY_S

    def _open(self) -> None:
        self._box.open()
        self._is_open = True

    def _record(self, capture: Capture) -> None:
        if not self._is_open:
            self._open()
        self._box.write(capture)

    def _guarded(self, job: Callable[[], None]) -> bool:
        """Do something with the disk and say whether it went well; an alarm is logged once, when it begins."""
        try:
            job()
        except Exception as error:  # noqa: BLE001  whatever fails in recording is an alarm, and judging goes on
            words = str(error) if isinstance(error, InspectorError) else f"recording has stopped: {type(error).__name__}: {error}"
            if not self._alarm:
                log.error("%s: %s", self._station, words)
            self._alarm = words
            return False
        return True
