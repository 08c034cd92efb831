"""Several stations on one box, each in a process of its own: one that hangs, crashes or is killed takes no other with it."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

FIRST_RESTART_S = 1.0
LAST_RESTART_S = 30.0
STEADY_S = 60.0
"""A station that ran for so long before it died is restarted at once."""
REFUSED = 2
"""Exit code for what a restart cannot mend: a wrong file, a missing model."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a station ended: its report, where it ended by itself, and how often it was started anew."""

    exit_code: int
    report: dict[str, Any] | None
    restarts: int


class Stations:
    """Run one command line per station until all have ended.

    Args:
        commands: station -> arguments of `inspector` that run it and print its report as JSON to standard output.
        restart: start a station anew that died; else its end is the end.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], *, restart: bool) -> None:
        self._commands, self._restart = commands, restart
        self._stopping = threading.Event()
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._ended: dict[str, Ended] = {}

    def run(self) -> dict[str, Ended]:
        """Return how each station ended. The first Ctrl-C, or SIGTERM, lets them finish their parts; a second one breaks off."""
        threads = [threading.Thread(target=self._keep_running, args=(name,), name=name) for name in self._commands]
        with self._signals_handed_on():
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():  # a join without end would hold back the signal handler
                    thread.join(0.5)
        return {name: self._ended[name] for name in self._commands}

    def _keep_running(self, name: str) -> None:
        restarts, pause_s = 0, FIRST_RESTART_S
        while True:
            started_s = time.monotonic()
            code, report = self._run_once(name)
            if code in (0, REFUSED) or self._stopping.is_set() or not self._restart:
                break
            pause_s = FIRST_RESTART_S if time.monotonic() - started_s > STEADY_S else min(2 * pause_s, LAST_RESTART_S)
            log.error("%s: its process died (exit code %d), it is started anew in %.0f s", name, code, pause_s)
            if self._stopping.wait(pause_s):
                break
            restarts += 1
        self._ended[name] = Ended(code, report, restarts)

    def _run_once(self, name: str) -> tuple[int, dict[str, Any] | None]:
        command = [sys.executable, "-m", "inspector.cli", *self._commands[name]]
        # A session of its own: Ctrl-C must reach the stations once, through us.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._processes[name] = process
        if self._stopping.is_set():
            process.send_signal(signal.SIGTERM)
        output, _ = process.communicate()
        return process.returncode, json.loads(output) if process.returncode == 0 else None

    @contextmanager
    def _signals_handed_on(self) -> Iterator[None]:
        def stop(*_: object) -> None:
            again = self._stopping.is_set()
            self._stopping.set()
            for process in list(self._processes.values()):
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL if again else signal.SIGTERM)

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
