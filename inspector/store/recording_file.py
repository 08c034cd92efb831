"""The file under a recording: it grows by whole parts, is synced in the background, and is cut back to its last whole part on failure."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from inspector.errors import RecordingError

SYNC_S = 1.0
"""A power cut costs no more than this: an fsync a part would cost 4 ms, and 40 at worst."""

_log = logging.getLogger(__name__)


class RecordingFile:
    """What a `mcap.writer.Writer` writes to. Nothing is buffered here: what was written survives the process.

    Args:
        path: a file that must not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = _create(path)
        self._size = 0
        self.whole = 0
        """Size up to the end of the last whole part."""
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._syncing: threading.Thread | None = None

    @property
    def closed(self) -> bool:
        return self._closing.is_set()

    def write(self, data: bytes) -> int:
        """Append all of `data`. Raises OSError."""
        rest = memoryview(data)
        while len(rest):
            written = os.write(self._descriptor, rest)
            self._size += written
            rest = rest[written:]
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Do nothing: writes are not held back."""

    def mark_whole(self) -> None:
        """Say that what is written ends with a whole part."""
        self.whole = self._size
        if self._syncing is None:
            self._syncing = threading.Thread(target=self._sync, name=f"sync {self._path.name}", daemon=True)
            self._syncing.start()
        self._dirty.set()

    def close(self) -> None:
        """Bring all to the disk and close; safe to call twice. Raises OSError."""
        if self.closed:
            return
        self._stop_syncing()
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)

    def cut_back(self) -> None:
        """Drop what was written of a part that could not be finished, and close."""
        if self.closed:
            return
        self._stop_syncing()
        try:
            os.ftruncate(self._descriptor, self.whole)
        except OSError as error:
            _log.warning("%s: its unfinished end cannot be cut off: %s", self._path, error.strerror)
        finally:
            os.close(self._descriptor)

    def _stop_syncing(self) -> None:
        self._closing.set()
        self._dirty.set()
        if self._syncing is not None:
            self._syncing.join()

    def _sync(self) -> None:
        while True:
            self._dirty.wait()
            if self.closed:
                return
            self._dirty.clear()
            try:
                os.fdatasync(self._descriptor)
            except OSError as error:  # the next write, or the close, meets the same and says so
                _log.warning("%s: cannot be brought to the disk: %s", self._path, error.strerror)
            self._closing.wait(SYNC_S)


def _create(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o666)
    except FileExistsError as error:
        raise RecordingError(f"{path}: exists already; recordings are never overwritten, choose another name") from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be created: {error.strerror}") from error
