"""The door to models: what serves a station, trainings, checks, and golden parts. Judging and training are processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards import people, queries
from inspector import service
from inspector.errors import InspectorError
from inspector.home import Home, known_models, shipped
from inspector.store import InspectionSummary, Service
from inspector.store.replays import parts_done
from inspector.trainings import Training, Trainings

_checks: dict[str, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Model:
    """One model that can judge."""

    folder: Path
    name: str
    version: str

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def card(self) -> str:
        """What its card says; empty where it has none."""
        path = self.folder / "card.md"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def models() -> list[Model]:
    """Return the models of this installation; a folder that is none is left out."""
    found = []
    for folder in known_models(Home.at(None)):
        try:
            told = service.model_of(folder)
        except InspectorError:
            continue
        found.append(Model(folder.resolve(), told["name"], told["version"]))
    return found


def serving(station: str) -> tuple[Path | None, Service | None]:
    """Return the model in service at a station, and how it came there where somebody activated it."""
    store = queries.store()
    return service.serving(store, Home.at(None), station), store.services.at(station)


def history(station: str) -> list[Service]:
    """Return all that was activated at a station, the newest first."""
    return queries.store().services.history(station)


# --- training --------------------------------------------------------------------------------------------------------------------


def trainings() -> list[Training]:
    """Return the trainings of this installation, the newest first."""
    return Trainings(Home.at(None)).all()


def data_folders() -> dict[str, Path]:
    """Return the labelled parts folders of this installation by name, the newest first."""
    place = Home.at(None).root / "labelled-parts"
    return {path.parent.name: path.parent for path in sorted(place.glob("*/parts.csv"), reverse=True)}


def recipes() -> dict[str, Path]:
    """Return the recipes that ship, and those of this installation."""
    places = (shipped("models/recipes"), Home.at(None).root / "recipes")
    return {path.stem: path for place in places for path in sorted(place.glob("*.yaml"))}


def train(station: str, data: Path | None, recipe: Path) -> Training:
    """Begin a training; without data, what people of the station labelled is exported first. Raises AccessError, StoreError, UsageError."""
    who = people.demand("engineer", station)
    return service.begin_training(queries.store(), Home.at(None), station, data, recipe, who=who)


def cancel_training(station: str) -> None:
    """End the training that runs. Raises AccessError, UsageError."""
    people.demand("engineer", station)
    service.cancel_training(queries.store(), Home.at(None))


# --- golden parts ----------------------------------------------------------------------------------------------------------------


def golden(station: str) -> list[tuple[InspectionSummary, str | None]]:
    """Return the golden parts of a station, each with what it really is."""
    store = queries.store()
    found = [stored for one in store.services.golden(station) if (stored := store.get(one))]
    return [(stored.summary, service.truth(store, stored)) for stored in found]


def is_golden(inspection_id: str, station: str) -> bool:
    return inspection_id in queries.store().services.golden(station)


def set_golden(inspection_id: str, station: str, wanted: bool) -> None:
    """Make a part golden, or no more. Raises AccessError, StoreError."""
    people.demand("engineer", station)
    service.set_golden(queries.store(), inspection_id, wanted)


# --- a model into service ----------------------------------------------------------------------------------------------------------


def check(station: str, candidate: Path, against: Path | None) -> None:
    """Begin to check a model in a process of its own. Raises AccessError."""
    people.demand("engineer", station)
    home = Home.at(None)
    command = [sys.executable, "-m", "inspector.cli", "model", "check", str(candidate), "--station", station, "--home", str(home.root)]
    command += ["--against", str(against)] if against else []
    log = _log(station)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        _checks[station] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)


def checking(station: str) -> tuple[bool, int, str]:
    """Return whether a check runs, how many parts it has judged, and why the last one failed; empty where it did not."""
    process = _checks.get(station)
    if process is None:
        return False, 0, ""
    if process.poll() is None:
        replays = Home.at(None).replays
        newest = max((path.name for path in replays.glob(f".check-{station}-*.partial")), default="")
        return True, parts_done(replays, newest.removeprefix(".").removesuffix(".partial")) if newest else 0, ""
    # 2 says, too, that something hinders the model; then the check is there and nothing was said on standard error.
    return False, 0, _log(station).read_text(encoding="utf-8", errors="replace").strip() if process.returncode else ""


def last_check(station: str, candidate: Path) -> dict[str, Any] | None:
    """Return what the last check of a model at a station found."""
    return service.last_check(Home.at(None), station, candidate)


def hindrances(station: str, candidate: Path) -> Sequence[str]:
    """Return why a model may not be put into service yet, as words of `vocabulary/` without their `why_`."""
    return service.hindrances(queries.store(), Home.at(None), station, candidate)


def activate(station: str, candidate: Path) -> None:
    """Put a model into service. Raises AccessError, UsageError."""
    people.demand("engineer", station)
    service.activate(queries.store(), Home.at(None), station, candidate)


def roll_back(station: str) -> None:
    """Take the model back that was activated last. Raises AccessError, StoreError."""
    people.demand("engineer", station)
    service.roll_back(queries.store(), Home.at(None), station)


def _log(station: str) -> Path:
    return Home.at(None).root / "checks" / f".{station}.log"
