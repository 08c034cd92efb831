"""Which devices are there: every installed driver is asked, all at once, and one that does not answer is named and left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from inspector.drivers import Driver, Found
from inspector.errors import ConfigError
from inspector.plugins import driver_names, load_driver

PATIENCE_S = 5.0
"""A driver may look for 3 s."""
START_S = 5.0
"""A process of its own needs as much more, on a busy computer, until it has started."""


@dataclass(frozen=True, slots=True)
class Search:
    """What one driver found; `failed` says why it could not look, or that it did not answer."""

    driver: str
    found: tuple[Found, ...] = ()
    failed: str | None = None


def find_devices(patience_s: float = PATIENCE_S) -> list[Search]:
    """Return what each driver that can look for devices found, in the order of their names; those that found nothing, too."""
    searches = [_Search(name) for name in driver_names()]
    for search in searches:
        search.start(patience_s)
    return [told for search in searches if (told := search.result()) is not None]


class _Search:
    """One driver looking, on a thread of its own; vendors' code in a process of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: Search | None = None
        self._thread: threading.Thread | None = None
        self._end_s = 0.0

    def start(self, patience_s: float) -> None:
        try:
            driver = load_driver(self._name)
        except ConfigError as error:
            self._told = Search(self._name, failed=str(error).removeprefix("driver: "))
            return
        if driver.isolated:
            patience_s += START_S
        self._end_s = time.monotonic() + patience_s
        if driver.discover.__func__ is not Driver.discover.__func__:  # type: ignore[attr-defined]
            self._thread = threading.Thread(target=self._look, args=(driver, patience_s), name=f"search by {self._name}", daemon=True)
            self._thread.start()

    def result(self) -> Search | None:
        """Return what was found in time; None for a driver that cannot look."""
        if self._thread is None:
            return self._told
        self._thread.join(max(0.0, self._end_s - time.monotonic()))
        return self._told or Search(self._name, failed="did not answer in time")

    def _look(self, driver: type[Driver], patience_s: float) -> None:
        try:
            found = _found_apart(driver, patience_s) if driver.isolated else driver.discover()
            self._told = Search(self._name, tuple(found))
        except Exception as error:  # noqa: BLE001  a driver is a guest: one that fails to look must not stop the others
            self._told = Search(self._name, failed=f"failed: {type(error).__name__}: {error}")


def _found_apart(driver: type[Driver], patience_s: float) -> list[Found]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_discover, args=(theirs, driver), name=f"search by {driver.__name__}", daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(patience_s):
            raise TimeoutError("did not answer in time")
        found: list[Found] = ours.recv()
        return found
    except EOFError as error:
        process.join(1.0)
        raise RuntimeError(f"its process has ended (exit code {process.exitcode})") from error
    finally:
        process.kill()
        process.join()
        ours.close()


def _discover(pipe: Connection, driver: type[Driver]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches all processes; who asked ends this one
    os.dup2(2, 1)  # what vendors' code prints must not get between our lines
    pipe.send(driver.discover())
