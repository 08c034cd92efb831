"""Which model serves a station: learned from what people labelled, tried against the one in service, put into its place, and taken back.

A model may serve only what it was tried on: `check` lets it and the model in service judge the same stored parts, golden parts among them,
and keeps what came of it; `activate` asks for a check of this very model against what serves now, with every golden part judged right.
Right is strict: a good part must pass, and a bad one must not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.config import Station, load_station, read_yaml
from inspector.errors import ConfigError, ModelError, StoreError, UsageError
from inspector.home import Home, known_models, shipped
from inspector.parts import OK_LABEL, Inspection
from inspector.store import Store, StoredInspection
from inspector.store.labels import agreed, truth_of
from inspector.trainings import Training, Trainings

if TYPE_CHECKING:
    from inspector.pipeline import Pipeline

Progress = Callable[..., Iterable[Any]]
_NEWEST = 100
"""So many of the newest parts are judged in both ways."""
_LABELLED = 200
"""And so many more of those that people labelled last."""


def model_of(folder: Path) -> dict[str, str]:
    """Return what a model's manifest says that it is: folder, name, version, sha256. Raises ModelError."""
    try:
        manifest = read_yaml(folder / "manifest.yaml")
        return {
            "folder": str(folder.resolve()),
            "name": str(manifest["name"]),
            "version": str(manifest["version"]),
            "sha256": str(manifest["weights"]["sha256"]),
        }
    except (ConfigError, KeyError, TypeError) as error:
        raise ModelError(f"{folder}: is no model: {error}; give a folder with a manifest.yaml") from error


def serving(store: Store, home: Home, station: str) -> Path | None:
    """Return the model in service at a station; None where nobody knows it.

    That is what was activated last; where nothing was, or all of it was taken back, what the station last said that it judges by.
    """
    if (service := store.services.at(station)) is not None:
        return Path(service.folder)
    history = store.services.history(station)
    if history and history[-1].replaces:
        return Path(history[-1].replaces)
    newest = next(iter(store.audit.entries(action="model", subject=station, limit=1)), None)
    if newest is None:
        return None
    return next((folder for folder in known_models(home) if model_of(folder)["sha256"] == newest.detail.get("sha256")), None)


def set_golden(store: Store, inspection_id: str, golden: bool) -> None:
    """Make a part golden, or no more. Raises StoreError where people do not agree on what it is."""
    stored = store.get(inspection_id)
    if golden and stored is not None and truth(store, stored) is None:
        raise StoreError("nobody said what this part really is, or people disagree: label it first")
    store.services.set_golden(inspection_id, golden)


# --- learning a model ----------------------------------------------------------------------------------------------------------------


def begin_training(
    store: Store, home: Home, station: str, data: Path | None = None, recipe: Path | None = None, *, who: str, seed: int = 0
) -> Training:
    """Begin to train in the background; without `data`, on what people labelled. Raises ConfigError, StoreError, UsageError."""
    from inspector.review import export

    trainings = Trainings(home)
    trainings.refuse_second()
    if data is None:
        data = home.root / "labelled-parts" / f"{station}-{time.strftime('%Y%m%d-%H%M%S')}"
        export(store, data, of=station)
    begun = trainings.start(station, data, who, recipe, seed)
    store.audit.note("training started", station, {"data": str(data), "model": str(begun.model)})
    return begun


def cancel_training(store: Store, home: Home) -> Training:
    """End the training that runs. Raises UsageError where none does."""
    ended = Trainings(home).cancel()
    store.audit.note("training cancelled", ended.station, {"model": str(ended.model)})
    return ended


# --- trying a model ----------------------------------------------------------------------------------------------------------------


def check(
    store: Store, home: Home, station: str, candidate: Path, against: Path | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Let a model and the one in service judge the same stored parts; keep and return what came of it.

    It is kept as a replay too, to be looked at part by part. Raises ModelError, StoreError, UsageError.
    """
    from inspector.document import inspection_document
    from inspector.replay.comparing import Comparison
    from inspector.store.replays import ReplayWriter

    before = against or serving(store, home, station)
    if before is None:
        raise UsageError(f"which model serves station '{station}' is not known: name it with --against MODEL_DIR")
    golden, parts = store.services.golden(station), _parts(store, station)
    if not parts:
        raise StoreError(f"station '{station}' has no stored part to try a model on")
    definition = _definition(station)
    told: dict[str, Any] = {"station": station, "candidate": model_of(candidate), "serving": model_of(before), "golden_ids": golden}
    pipelines = [_opened(folder, definition) for folder in (before, candidate)]
    comparison = Comparison(definition.decision.costs) if definition and definition.decision.costs else Comparison()
    writer = ReplayWriter(home.replays, f"check-{station}-{time.strftime('%Y%m%d-%H%M%S')}")
    wrong, documents = [], []
    shown = progress(parts, total=len(parts), label="trying the model") if progress else parts
    try:
        for number, (stored, pair) in enumerate(_judged(shown, pipelines, definition)):
            really = truth(store, stored)
            comparison.add(number, *pair, really)
            if stored.summary.inspection_id in golden and not _is_right(pair[1], really):
                verdict = pair[1].verdict
                wrong.append({"part_id": stored.summary.part_id, "truth": really, "outcome": verdict.outcome, "score": verdict.score})
            documents.append(inspection_document(pair[0]))
            writer.add(number, pair[0])
            writer.add_after(number, pair[1], inspection_document(pair[1]))
        compared = comparison.document()
        sides = {"before": {"model": str(before)}, "after": {"model": str(candidate)}}
        writer.finish({"recording": f"stored parts of {station}", "parts": documents, "compare": {**sides, **compared}})
    except BaseException:
        writer.discard()
        raise
    del compared["parts"]
    told |= {"golden": {"parts": len(golden), "wrong": wrong}, "parts": len(parts), "compare": compared}
    told |= {"replay": writer.folder.name, "at_utc_ns": time.time_ns()}
    place = _check_file(home, station, told["candidate"]["sha256"])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return told | {"hindrances": hindrances(store, home, station, candidate)}


def last_check(home: Home, station: str, candidate: Path) -> dict[str, Any] | None:
    """Return what the last check of a model at a station found; None where there was none. Raises ModelError."""
    place = _check_file(home, station, model_of(candidate)["sha256"])
    return json.loads(place.read_text(encoding="utf-8")) if place.is_file() else None


def hindrances(store: Store, home: Home, station: str, candidate: Path) -> list[str]:
    """Return why a model may not be put into service yet, each a key of `WHY`; none where it may. Raises ModelError."""
    golden, present = store.services.golden(station), serving(store, home, station)
    truths = [truth(store, stored) for found in golden if (stored := store.get(found))]
    found = []
    if OK_LABEL not in truths or not any(one not in (None, OK_LABEL) for one in truths):
        found.append("golden_missing")
    done = last_check(home, station, candidate)
    if done is None:
        return [*found, "unchecked"]
    if present is not None and model_of(present)["sha256"] != done["serving"]["sha256"]:
        found.append("checked_against_another")
    if sorted(done["golden_ids"]) != sorted(golden):
        found.append("golden_changed")
    if done["golden"]["wrong"]:
        found.append("golden_wrong")
    if present is not None and model_of(present)["sha256"] == done["candidate"]["sha256"]:
        found.append("serves_already")
    return found


WHY: Mapping[str, str] = {
    "golden_missing": "there must be golden parts, at least a good and a bad one: 'inspector model golden' names them",
    "unchecked": "it was not checked yet: 'inspector model check' does that",
    "checked_against_another": "it was checked against another model than serves now: check it again",
    "golden_changed": "golden parts were added or taken out since it was checked: check it again",
    "golden_wrong": "it judges golden parts wrong",
    "serves_already": "it serves already",
}


def activate(store: Store, home: Home, station: str, candidate: Path) -> None:
    """Put a model into service. Raises UsageError with all that hinders it, ModelError, StoreError."""
    if why := hindrances(store, home, station, candidate):
        raise UsageError(f"{candidate}: may not serve station '{station}': " + "; ".join(WHY[one] for one in why))
    done = last_check(home, station, candidate)
    assert done is not None
    costs, present = done["compare"]["costs"], serving(store, home, station)
    proof = {
        "golden": done["golden"]["parts"],
        "parts": done["parts"],
        "changed": len(done["compare"]["changed"]),
        "cost": {side: costs[side]["cost"] for side in ("before", "after")},
        "replay": done["replay"],
    }
    store.services.activate(station, model_of(candidate), str(present) if present else done["serving"]["folder"], proof)


def roll_back(store: Store, home: Home, station: str) -> Path | None:
    """Take the model out of service that was activated last; return what serves now. Raises StoreError where there is none."""
    store.services.roll_back(station)
    return serving(store, home, station)


# --- inside ------------------------------------------------------------------------------------------------------------------------


def _parts(store: Store, station: str) -> list[StoredInspection]:
    """Return golden parts, those that people labelled last, and the newest, each once, oldest first."""
    labelled = [found for found, said in store.all_said(station).items() if agreed(said)]
    newest = [summary.inspection_id for summary in store.recent(station, limit=_NEWEST)]
    chosen = sorted({*store.services.golden(station), *sorted(labelled)[-_LABELLED:], *newest})
    return [stored for found in chosen if (stored := store.get(found)) is not None and stored.folder.is_dir()]


def _judged(
    parts: Iterable[StoredInspection], pipelines: list[Pipeline], station: Station | None
) -> Iterator[tuple[StoredInspection, tuple[Inspection, Inspection]]]:
    """Yield each part as both have it, explained where they differ."""
    from inspector.review import recorded

    for stored in parts:
        record = recorded(stored)
        if not record.present:
            continue
        judged = [pipeline.judge_record(record, station.machine if station else None) for pipeline in pipelines]
        if judged[0].verdict.outcome != judged[1].verdict.outcome:
            yield stored, (pipelines[0].explain(judged[0]), pipelines[1].explain(judged[1]))
        else:
            first, second = (Inspection(record, one.verdict, timings_ms=one.timings_ms) for one in judged)
            yield stored, (first, second)


def truth(store: Store, stored: StoredInspection) -> str | None:
    """Return what a part really is, `ok` or its defect, as it was stored or as people say; None where nobody knows."""
    found = stored.summary.inspection_id
    return stored.truth_label or truth_of(store.said([found]).get(found, []))


def _is_right(inspection: Inspection, really: str | None) -> bool:
    return really is not None and (inspection.verdict.outcome == "pass") == (really == OK_LABEL)


def _opened(folder: Path, station: Station | None) -> Pipeline:
    from inspector.pipeline import open_pipeline

    return open_pipeline(folder, station=station)


def _definition(station: str) -> Station | None:
    path = shipped(f"stations/definitions/{station}.yaml")
    return load_station(path, calibrated=False) if path.is_file() else None


def _check_file(home: Home, station: str, sha256: str) -> Path:
    return home.root / "checks" / f"{station}-{sha256[:16]}.json"
