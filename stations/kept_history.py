"""A station's history on disk, so that a restart does not forget what its channels did.

Stamps are on the monotonic clock, which begins anew with the computer; the wall time that is kept with them says by how much they move.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from inspector.clock import Clock
from inspector.diagnosis import History

_log = logging.getLogger(__name__)

EVERY_NS = 60_000_000_000
_AHEAD_NS = 60_000_000_000
"""So far ahead of the clock the wall time may have been when the history was kept; more, and the clocks do not agree."""


class KeptHistory:
    """The file of one station's history; `keep` writes at most once a minute."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._next_ns = clock.now_ns() + EVERY_NS

    def load(self) -> History:
        """Return what was kept, on the clock of now; an empty history where there is none that can be read, with a warning."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            moved_ns = int(content["wall_minus_clock_ns"]) - self._offset_ns(self._clock.now_ns())
            history = History.from_dict(content, moved_ns)
        except FileNotFoundError:
            return History()
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s: is no history of a station (%s); it begins anew", self._path, error)
            return History()
        newest_ns = history.newest_ns
        if newest_ns is not None and newest_ns > self._clock.now_ns() + _AHEAD_NS:
            _log.warning("%s: ends in the future, the wall clock was set back; the history begins anew", self._path)
            return History()
        return history

    def keep(self, history: History) -> None:
        """Write the history if a minute has gone since it was written last; where that fails, the line goes on and the log says so."""
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + EVERY_NS
        content = history.to_dict() | {"wall_minus_clock_ns": self._offset_ns(now_ns)}
        part = self._path.with_suffix(".part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(content), encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            _log.warning("%s: the history cannot be kept: %s; make room, or let this user write there", self._path, error.strerror)

    def _offset_ns(self, now_ns: int) -> int:
        return self._clock.wall_utc_ns(now_ns) - now_ns
