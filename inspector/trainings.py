"""Trainings that run in the background: one at a time, watched from anywhere, ended by anybody who may.

HOME/trainings/<run>/ training.json   what is trained, from what, by whom, and the process that does it
                      progress.json   how far it is, written by that process (`inspector train --progress`)
                      recipe.yaml     the recipe with the version that the model gets
                      log             what it said, which is why it failed where it did

That one runs is told by a lock that its process holds until it ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from inspector.config import read_yaml
from inspector.errors import UsageError
from inspector.home import Home, shipped

State = Literal["running", "done", "failed", "cancelled"]
LINE_RECIPE = "models/recipes/line.yaml"
_TOLD_EACH_S = 0.3
_LOCK_WAIT_S = 1.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}")


@dataclass(frozen=True, slots=True)
class Training:
    """One training, as far as it is."""

    name: str
    station: str
    data: Path
    model: Path
    who: str
    began_utc_ns: int
    state: State
    stage: str = ""
    """What it is at, as the training calls it."""
    done: int = 0
    """Steps of this stage that are done (epochs, while a member learns), of `total`; 0 where that is not known."""
    total: int = 0
    summary: Mapping[str, Any] | None = None
    error: str = ""


class Told:
    """Writes how far a training is into a file, in the place of a progress bar."""

    def __init__(self, path: Path) -> None:
        self._path, self._last_s, self._label = path, 0.0, ""

    def __call__(self, items: Iterable[Any], *, total: int | None = None, label: str = "") -> Iterator[Any]:
        done = 0
        for done, item in enumerate(items):
            self._tell(label, done, total or 0)
            yield item
        self._last_s = 0.0
        self._tell(label, total or done, total or 0)

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._write({"summary": dict(summary)})

    def _tell(self, label: str, done: int, total: int) -> None:
        now_s = time.monotonic()
        if label != self._label or now_s - self._last_s >= _TOLD_EACH_S:
            self._label, self._last_s = label, now_s
            self._write({"stage": label, "done": done, "total": total})

    def _write(self, document: Mapping[str, Any]) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        fresh.replace(self._path)


class Trainings:
    """The trainings of one installation."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._place = home.root / "trainings"
        self._lock_file = self._place / "lock"
        """Held while a training runs, and names it."""

    def all(self) -> list[Training]:
        """Return all trainings, the newest first."""
        is_busy = self._is_busy()
        found = [self._read(path.parent, is_busy=is_busy) for path in self._place.glob("*/training.json")]
        return sorted(found, key=lambda one: one.began_utc_ns, reverse=True)

    def running(self) -> Training | None:
        """Return the training that runs; None where none does."""
        return next((one for one in self.all() if one.state == "running"), None)

    def refuse_second(self) -> None:
        """Raise UsageError where a training runs: before anything is prepared for another."""
        if self._is_busy():
            raise UsageError("a training runs already; wait for its end, or cancel it")

    def start(self, station: str, data: Path, who: str, recipe: Path | None = None, seed: int = 0) -> Training:
        """Begin a training in a process of its own, which outlives this one. Raises UsageError where one runs already, ConfigError."""
        if _NAME.fullmatch(station) is None:
            raise UsageError(f"'{station}' is no name of a station")
        chosen = read_yaml(recipe or shipped(LINE_RECIPE))
        self._place.mkdir(parents=True, exist_ok=True)
        lock = self._lock()
        try:
            name = self._free_name(f"{station}-{time.strftime('%Y%m%d-%H%M%S')}")
            folder, model = self._place / name, self._next_version(f"{station}-{chosen.get('name', 'line')}")
            folder.mkdir()
            self._lock_file.write_text(name, encoding="utf-8")
            written = folder / "recipe.yaml"
            written.write_text(yaml.safe_dump({**chosen, "version": model.name}, sort_keys=False, allow_unicode=True), encoding="utf-8")
            command = [sys.executable, "-m", "inspector.cli", "train", str(written), "--data", str(data.resolve()), "--out", str(model)]
            command += ["--seed", str(seed), "--progress", str(folder / "progress.json")]
            with (folder / "log").open("wb") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=[lock], start_new_session=True)
            told = {"station": station, "data": str(data.resolve()), "model": str(model), "who": who, "pid": process.pid}
            self._write(folder, told | {"began_utc_ns": time.time_ns()})
        finally:
            os.close(lock)  # the process has it now
        _started.append(process)
        return self._read(folder, is_busy=True)

    def cancel(self) -> Training:
        """End the training that runs, and take away what it has written so far. Raises UsageError where none runs."""
        running = self.running()
        if running is None:
            raise UsageError("no training runs")
        folder = self._place / running.name
        facts = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        self._write(folder, facts | {"cancelled": True})
        with suppress(ProcessLookupError):
            os.killpg(facts["pid"], signal.SIGTERM)
        deadline_s = time.monotonic() + 20
        while self._is_busy() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        if not (running.model / "manifest.yaml").is_file():
            shutil.rmtree(running.model, ignore_errors=True)
        return self._read(folder, is_busy=self._is_busy())

    # --- inside ------------------------------------------------------------------------------------------------------------------

    def _read(self, folder: Path, *, is_busy: bool) -> Training:
        facts = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        told = json.loads(path.read_text(encoding="utf-8")) if (path := folder / "progress.json").is_file() else {}
        state: State = "failed"
        if "summary" in told:
            state = "done"
        elif facts.get("cancelled"):
            state = "cancelled"
        elif is_busy and self._lock_file.read_text(encoding="utf-8") == folder.name:
            state = "running"
        return Training(
            folder.name,
            facts["station"],
            Path(facts["data"]),
            Path(facts["model"]),
            facts["who"],
            facts["began_utc_ns"],
            state,
            told.get("stage", ""),
            told.get("done", 0),
            told.get("total", 0),
            told.get("summary"),
            _last_words(folder / "log") if state == "failed" else "",
        )

    def _free_name(self, wanted: str) -> str:
        """Return a name that no training has: two may begin within a second."""
        return next(
            name for number in range(1, 1000) if not (self._place / (name := f"{wanted}-{number}" if number > 1 else wanted)).exists()
        )

    def _next_version(self, name: str) -> Path:
        """Return a folder that no model has yet: the minor version counts the trainings."""
        versions = [path.name.split(".") for path in (self._home.models / name).glob("*.*.*")]
        minor = max((int(version[1]) for version in versions if version[1].isdecimal()), default=-1) + 1
        return self._home.models / name / f"1.{minor}.0"

    def _write(self, folder: Path, facts: Mapping[str, Any]) -> None:
        (folder / "training.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")

    def _lock(self) -> int:
        """Return the lock, held. Raises UsageError where a training holds it."""
        held = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        deadline_s = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline_s:  # somebody who only looks holds it for an instant
                    os.close(held)
                    raise UsageError("a training runs already; wait for its end, or cancel it") from error
                time.sleep(0.05)
            else:
                return held

    def _is_busy(self) -> bool:
        try:
            held = os.open(self._lock_file, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(held)
        for process in list(_started):
            if process.poll() is not None:  # reaped
                _started.remove(process)
        return False


_started: list[subprocess.Popen[bytes]] = []
"""Those that this process began: a process that ended stays in the system's list until its parent asks."""


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
    return lines[-1] if lines else "it ended without a word; was the computer switched off, or its memory full?"
