"""Follows which model serves a station: the next one is read beside the line, and takes over between two parts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from inspector.errors import InspectorError
from inspector.home import Home
from inspector.pipeline import Pipeline
from inspector.service import serving
from inspector.store import Store

_log = logging.getLogger(__name__)


class Succession:
    """The model in service of one station. `look` is cheap and called often; `take` gives each new one once, warmed up."""

    def __init__(self, store: Store, home: Home, station: str, present: Path, opened: Callable[[Path], Pipeline]) -> None:
        self._store, self._home, self._station, self._opened = store, home, station, opened
        self._wanted = present.resolve()
        self._ready: Pipeline | None = None
        self._reading: threading.Thread | None = None

    def look(self) -> None:
        """Begin to read the model in service where it is another than before. Raises StoreError."""
        if self._reading is not None and self._reading.is_alive():
            return
        if not self._store.services.history(self._station):
            return  # nothing was ever put into service: the line keeps what it was started with
        wanted = serving(self._store, self._home, self._station)
        if wanted is not None and wanted.resolve() != self._wanted:
            self._wanted = wanted.resolve()
            self._reading = threading.Thread(target=self._read, args=(self._wanted,), name="succession", daemon=True)
            self._reading.start()

    def take(self) -> Pipeline | None:
        """Return the pipeline that takes over now; None while there is none."""
        ready, self._ready = self._ready, None
        return ready

    def _read(self, folder: Path) -> None:
        try:
            self._ready = self._opened(folder)
        except InspectorError as error:
            _log.error("station %s: the model in service cannot be read, the one before goes on: %s", self._station, error)
