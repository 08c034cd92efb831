"""Which parts a person should look at next: those of which the model would learn most. And what they said, as a folder to learn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from inspector.config import Station
from inspector.errors import StoreError
from inspector.parts import OK_LABEL, UNKNOWN_DEFECT, Channel, Frame, Modality, PartRecord, PartTruth, Trigger
from inspector.store import InspectionSummary, Label, Store, StoredInspection
from inspector.store.evidence import load_evidence
from inspector.store.labels import agreed
from inspector.store.masks import pixels_of
from inspector.store.parts_folder_writer import PartsFolderWriter

Reason = Literal["people_disagree", "verdict_doubted", "new", "conflicting", "uncertain"]

_LOOKED_AT = 400
"""So many of the newest parts are weighed; older ones were made on a line that has changed since."""
_NEAR_ODDS = 2.0
"""Log odds from the threshold at which a score is no longer near it."""
_POINTS: Mapping[Reason, float] = {"people_disagree": 1.0, "verdict_doubted": 0.8, "new": 0.6, "conflicting": 0.5, "uncertain": 1.0}
_INCOMPLETE = 0.6
"""A part whose signals are incomplete teaches less."""
_WORTH_FROM = 0.15


@dataclass(frozen=True, slots=True)
class Candidate:
    """One part to look at, and why."""

    summary: InspectionSummary
    worth: float
    reasons: tuple[Reason, ...]
    """The weightiest first."""
    labels: tuple[Label, ...] = ()


def queue(store: Store, station: str | None, limit: int = 50) -> list[Candidate]:
    """Return the parts to look at next, the one that teaches most first. Raises StoreError."""
    newest = store.recent(station, limit=_LOOKED_AT)
    ids = [summary.inspection_id for summary in newest]
    said, labels = store.said(ids), store.labels(ids)
    found = []
    for summary in newest:
        spoken = said.get(summary.inspection_id, [])
        if _is_clear(summary, spoken) or _is_settled(summary, spoken, labels.get(summary.inspection_id, [])):
            continue
        stored = store.get(summary.inspection_id)
        if stored is not None and stored.truth_label is None:
            found.append(weighed(stored, spoken))
    worthy = [candidate for candidate in found if candidate.worth >= _WORTH_FROM]
    return sorted(worthy, key=lambda candidate: candidate.worth, reverse=True)[:limit]


def weighed(stored: StoredInspection, said: Sequence[Label]) -> Candidate:
    """Return how much a part would teach: people who disagree, verdicts that were doubted, what is new, senses that disagree, doubt."""
    summary, document = stored.summary, stored.document
    conflicting = any("disagree" in reason for reason in document.get("reasons", []))
    shares: dict[Reason, float] = {
        "people_disagree": float(len(said) > 1 and agreed(said) is None),
        "verdict_doubted": float(_is_doubted(summary, said)),
        "new": float(summary.kind == UNKNOWN_DEFECT and summary.outcome != "pass"),
        "conflicting": float(conflicting),
        "uncertain": 0.0 if conflicting and summary.outcome == "review" else uncertainty(summary),
    }
    points = {reason: share * _POINTS[reason] for reason, share in shares.items()}
    named = sorted((reason for reason in points if points[reason] >= _WORTH_FROM), key=lambda reason: -points[reason])
    whole = 1.0 if summary.complete else _INCOMPLETE
    return Candidate(summary, sum(points.values()) * whole, tuple(named), tuple(said))


def uncertainty(summary: InspectionSummary) -> float:
    """Return from 0 (sure) to 1: how near the score is to the threshold; 1 for a whole part that its score alone sent to a person.

    How wide the model's own interval is does not count: one that was calibrated on few parts is unsure of all of them alike.
    """
    if summary.outcome == "review" and summary.complete and summary.score < summary.threshold:
        return 1.0
    return _nearness(summary)


def export(store: Store, out: Path, station: Station | None = None, of: str | None = None) -> int:
    """Write all parts that people agree on as a labelled parts folder; return how many there were. Raises RecordingError, StoreError.

    Pictures are those that were kept: JPEG, 8 bit. `station` gives names, units and windows; without it they are taken from the parts.
    `of` is the station whose parts are meant; all stations' without. Masks are those that were drawn on the
    first camera, where training looks for them.
    """
    said = store.all_said(of)
    settled = {found: label for found, labels in sorted(said.items()) if (label := agreed(labels)) and label.kind != UNKNOWN_DEFECT}
    whole = [(stored, label) for found, label in settled.items() if (stored := store.get(found))]
    records = [(record, label) for stored, label in whole if (record := recorded(stored)).present]
    if not records:
        raise StoreError("no part has a label that people agree on and signals that are still kept")
    place = station or described([record for record, _ in records])
    camera = next((name for name, channel in place.channels.items() if channel.modality == "image"), None)
    with PartsFolderWriter(out, place, "labels of the installation's people") as folder:
        for record, label in records:
            drawn = store.masks(label.inspection_id).get(camera or "") if label.kind != OK_LABEL else None
            folder.add(record, PartTruth(label.kind, label.cause, mask=pixels_of(drawn.mask) if drawn else None))
    return len(records)


def _is_clear(summary: InspectionSummary, said: Sequence[Label]) -> bool:
    """Say whether a part is plainly what its verdict says, and nobody said otherwise."""
    return not said and summary.outcome == "pass" and _nearness(summary) * _POINTS["uncertain"] < _WORTH_FROM


def _is_settled(summary: InspectionSummary, said: Sequence[Label], labels: Sequence[Label]) -> bool:
    """Say whether it is known what a part is; a verdict that was overruled at the line waits for somebody who labels the part."""
    return agreed(said) is not None and (bool(labels) or not _is_doubted(summary, said))


def _is_doubted(summary: InspectionSummary, said: Sequence[Label]) -> bool:
    return summary.outcome != "review" and any((label.kind != OK_LABEL) != (summary.outcome == "fail") for label in said)


def _nearness(summary: InspectionSummary) -> float:
    return max(0.0, 1 - abs(_log_odds(summary.score) - _log_odds(summary.threshold)) / _NEAR_ODDS)


def recorded(stored: StoredInspection) -> PartRecord:
    """Return what is kept of a part as a record whose trigger is at 0. Raises StoreError where a file is damaged."""
    evidence, summary = load_evidence(stored.folder), stored.summary
    channels: dict[str, Channel] = {name: Channel(name, "image") for name in evidence.pictures}
    for name, wave in evidence.waveforms.items():
        modality: Modality = "audio" if wave.unit == "FS" else "vibration"
        channels[name] = Channel(name, modality, wave.unit)
    channels |= {name: Channel(name, "series", series.unit) for name, series in evidence.series.items()}
    frames = {name: Frame(0, _pixels(path)) for name, path in evidence.pictures.items()}
    degraded = dict(stored.document.get("condition", {}).get("degraded", {}))
    trigger = Trigger(summary.station, summary.part_id, 0)
    return PartRecord(trigger, channels, frames, dict(evidence.waveforms), dict(evidence.series), degraded=degraded)


def described(records: Sequence[PartRecord]) -> Station:
    """Return a station that has all channels of these parts, with windows that hold their signals."""
    channels: dict[str, dict[str, Any]] = {}
    for record in records:
        for name, channel in record.channels.items():
            known = channels.setdefault(name, {"modality": channel.modality, "driver": "kept", "unit": channel.unit})
            if channel.modality != "image":
                # Sound must start where dataset.yaml says, to the millisecond: its first part tells; series only need to fit.
                pre_s = max(-_start_s(record, name), 0.001)
                before = known.get("window", {}).get("pre_s", pre_s)
                known["window"] = {"pre_s": max(before, pre_s) if channel.modality == "series" else before}
    name = records[0].trigger.station
    return Station.model_validate({"station": name, "title": {"en": name, "zh": name}, "trigger": {"driver": "kept"}, "channels": channels})


def _start_s(record: PartRecord, name: str) -> float:
    wave, series = record.waveforms.get(name), record.series.get(name)
    if wave is not None:
        return wave.start_ns / 1e9
    return float(series.t_ns[0]) / 1e9 if series is not None and len(series.t_ns) else 0.0


def _pixels(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise StoreError(f"{path}: picture is damaged")
    return np.ascontiguousarray(picture[..., ::-1] if picture.ndim == 3 else picture)


def _log_odds(score: float) -> float:
    clipped = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(clipped / (1 - clipped))
