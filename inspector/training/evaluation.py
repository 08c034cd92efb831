"""A model against labelled parts: the figures of `inspector evaluate`, in the words that users script against."""

from __future__ import annotations

import math
import resource
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inspector.config import MachineConfig
from inspector.errors import DataError
from inspector.features import extract
from inspector.parts import MODALITIES, NOT_MEASURED, OK_LABEL, UNKNOWN_DEFECT, Modality, PartRecord, Verdict
from inspector.training.metrics import (
    MapFigures,
    auroc,
    average_precision,
    expected_calibration_error,
    kind_figures,
    miss_rate_at_false_reject,
    operating_point,
    top_k,
)
from inspector.training.parts_folder import LabelledPart, PartsFolder, Split

if TYPE_CHECKING:
    from inspector.fusion import Judge
    from inspector.fusion.promise import Promise

NO_CAUSE = "none"
EVEN = 0.5
"""The probability from which a part is likelier defective than not."""
MAP_NAMES = ("grad_cam", "anomaly_map", "combined")

Ranked = Sequence[tuple[str, float]]
"""Causes with their probability, most probable first."""
Explain = Callable[[PartRecord, Verdict, MachineConfig], Ranked]
Progress = Callable[[Sequence[LabelledPart]], Iterable[LabelledPart]]


@dataclass(frozen=True, slots=True)
class EvaluatedPart:
    """One labelled part with all that was concluded of it."""

    part: LabelledPart
    verdict: Verdict
    kind: str
    """What it most probably is: `ok` or a kind of defect."""
    causes: tuple[tuple[str, float], ...]
    verdict_ms: float
    maps: Mapping[str, Mapping[str, NDArray[Any]]]
    """Name of the map -> camera -> values at picture size; empty for a part without a picture."""

    @property
    def defective(self) -> bool:
        return self.part.label != OK_LABEL


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of every part beside its verdict."""

    without: tuple[Modality, ...]
    explain: Explain | None
    explain_all: bool
    maps: bool

    def causes(self, part: LabelledPart, record: PartRecord, verdict: Verdict) -> Ranked:
        if self.explain is None:
            return ranked(verdict.cause_probabilities)
        return self.explain(record, verdict, part.machine) if self.explain_all else ()


def has_cause(part: LabelledPart) -> bool:
    """Tell whether the part's true cause is known and one of the process."""
    return part.cause not in (None, NO_CAUSE)


def evaluate(
    judge: Judge,
    folder: PartsFolder,
    split: Split = "test",
    without: Sequence[Modality] = (),
    *,
    explain: Explain | None = None,
    explain_all: bool = False,
    on_part: Callable[[EvaluatedPart], None] | None = None,
    progress: Progress = iter,
    maps: bool | None = None,
) -> dict[str, Any]:
    """Return the document of `inspector evaluate --json` for one split.

    `without` takes modalities away from every part. `explain` ranks the causes of all parts where any has a true one, or where
    `explain_all` says so; without it the network's own opinion counts. `maps` says whether heat maps are made and scored; by default they
    are where the split has a mask.
    Raises DataError.
    """
    parts = folder.split(split)
    if not parts:
        raise DataError(f"split '{split}' holds no part: choose another split", path=folder.folder)
    modalities = _modalities(folder, parts, without)
    has_masks = any("mask" in part.paths for part in parts) and "image" in modalities
    figures: dict[str, MapFigures] = defaultdict(MapFigures)
    evaluated = []
    explain_all = explain_all or any(has_cause(part) for part in parts)
    asked = Asked(tuple(without), explain, explain_all, has_masks if maps is None else maps)
    for one in _evaluated(judge, progress(parts), asked):
        if has_masks:
            _count_maps(figures, one)
        if on_part is not None:
            on_part(one)
        evaluated.append(replace(one, maps={}))
    document = {
        "model": {"name": judge.ref.name, "version": judge.ref.version, "sha256": judge.ref.sha256},
        "data": {"name": folder.name, "split": split, "parts": len(parts), "modalities": list(modalities)},
        **_figures(evaluated),
    }
    if without:
        document["data"]["without"] = list(without)
    if (promise := promise_figures(judge.calibration.promise, evaluated)) is not None:
        document["detection"]["promise"] = promise
    if figures:
        document["localization"] = {name: figures[name].figures() for name in sorted(figures, key=_map_order)}
    return document


def _modalities(folder: PartsFolder, parts: Sequence[LabelledPart], without: Sequence[Modality]) -> tuple[Modality, ...]:
    columns = {column.partition(":")[0] for part in parts for column in part.paths}
    left = tuple(modality for modality in MODALITIES if modality in columns and modality not in without)
    if not left:
        raise DataError(f"nothing is left to judge without {', '.join(without) or 'any file'}", path=folder.folder)
    return left


# --- one part after the other --------------------------------------------------------------------------------------------------


def _evaluated(judge: Judge, parts: Iterable[LabelledPart], asked: Asked) -> Iterator[EvaluatedPart]:
    judge.warm_up()
    for part in parts:
        record = leave_out(part.record(tolerant=True), asked.without)
        start = perf_counter()
        features = extract(record)
        verdict = judge.judge(features)
        verdict_ms = (perf_counter() - start) * 1e3
        found = judge.localize(features, verdict).maps if asked.maps and record.frames else {}
        causes = asked.causes(part, record, verdict)
        yield EvaluatedPart(part, verdict, predicted_kind(verdict), tuple(causes), verdict_ms, found)


def leave_out(record: PartRecord, without: Sequence[Modality]) -> PartRecord:
    """Return the record as if its channels of these modalities had not been recorded."""
    gone = {name: "left out" for name, channel in record.channels.items() if channel.modality in without}

    def kept(signals: Mapping[str, Any]) -> dict[str, Any]:
        return {name: signal for name, signal in signals.items() if name not in gone}

    if not gone:
        return record
    return replace(
        record,
        frames=kept(record.frames),
        waveforms=kept(record.waveforms),
        series=kept(record.series),
        degraded={**record.degraded, **gone},
    )


def predicted_kind(verdict: Verdict) -> str:
    """Return what the part most probably is: `ok`, or its defect, which may be of no known kind.

    From what probability on a part is rejected is a matter of promises and costs; what it is called here is not.
    """
    kinds = [name for name, _ in ranked(verdict.kind_probabilities) if name != OK_LABEL]
    if not verdict.score >= min(verdict.threshold, EVEN):
        return OK_LABEL
    if verdict.defects:
        return verdict.defects[0].kind
    return kinds[0] if kinds else UNKNOWN_DEFECT


def ranked(probabilities: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return names with their probability, most probable first."""
    return sorted(probabilities.items(), key=lambda item: (-item[1], item[0]))


def _count_maps(figures: dict[str, MapFigures], one: EvaluatedPart) -> None:
    """Count maps against the mask; a defective part without a mask says nothing of its pixels and is left out."""
    camera = one.part.camera
    for name, by_camera in one.maps.items():
        values = by_camera.get(camera) if camera else None
        if values is None or (one.defective and "mask" not in one.part.paths):
            continue
        mask = one.part.mask((values.shape[1], values.shape[0])) if one.defective else None
        figures[name].add(values, mask)


def _map_order(name: str) -> tuple[int, str]:
    return (MAP_NAMES.index(name) if name in MAP_NAMES else len(MAP_NAMES), name)


# --- figures over all parts ----------------------------------------------------------------------------------------------------


def _figures(parts: Sequence[EvaluatedPart]) -> dict[str, Any]:
    figures: dict[str, Any] = {"detection": _detection(parts)}
    figures["defects"] = kind_figures([one.part.label for one in parts], [one.kind for one in parts])
    if (causes := _causes(parts)) is not None:
        figures["causes"] = causes
    times_ms = [one.verdict_ms for one in parts]
    figures["latency_ms"] = {"p50": float(np.percentile(times_ms, 50)), "p95": float(np.percentile(times_ms, 95))}
    figures["peak_rss_mb"] = peak_rss_mb()
    return figures


def _detection(parts: Sequence[EvaluatedPart]) -> dict[str, Any]:
    defective = np.array([one.defective for one in parts], dtype=bool)
    scores = np.array([one.verdict.score for one in parts], dtype=np.float64)
    thresholds = {one.verdict.threshold for one in parts}
    scored = np.isfinite(scores)
    # A part that could not be scored is in the operating point as a review; ranking it anywhere would be a guess.
    defective_scored, scores = defective[scored], scores[scored]
    return {
        "auroc": auroc(defective_scored, scores),
        "average_precision": average_precision(defective_scored, scores),
        "miss_rate_at_5pct_false_reject": miss_rate_at_false_reject(defective_scored, scores),
        "expected_calibration_error": expected_calibration_error(defective_scored, scores),
        "operating_point": asdict(
            operating_point(defective, [one.verdict.outcome for one in parts], thresholds.pop() if len(thresholds) == 1 else None)
        ),
    }


def promise_figures(promise: Promise | None, parts: Sequence[EvaluatedPart]) -> dict[str, Any] | None:
    """Return what was promised of false rejects and what came of it; None without a promise or without a good part.

    `band` is where the realised share lies with 95 % probability when these parts are like the held-out ones, each group of them being one
    independent draw. Fewer rejects than promised break no promise.
    """
    good = [one for one in parts if not one.defective]
    if promise is None or not good:
        return None
    realised = sum(one.verdict.outcome == "fail" for one in good) / len(good)
    groups = len({one.part.group or one.part.part_id for one in good})
    low, high = promise.band(groups)
    return {
        "allowed": promise.asked.share,
        "confidence": promise.asked.confidence,
        "kept": promise.kept,
        "realised": realised,
        "n_good": promise.parts,
        "n_good_groups": promise.groups,
        "good_parts_here": len(good),
        "good_groups_here": groups,
        "band": [low, high],
        "within_band": realised <= max(high, promise.asked.share),
        "words": promise.words,
    }


def _causes(parts: Sequence[EvaluatedPart]) -> dict[str, Any] | None:
    """Return how often the true cause was named, over parts that have one; "not measured" is an honest answer, and not a hit.

    A cause named of a part that has none is counted beside it: whoever always names one is right more often, and worth less.
    """
    caused = [one for one in parts if has_cause(one.part)]
    if not caused:
        return None
    truth = [one.part.cause or NO_CAUSE for one in caused]
    answers = [[name for name, _ in one.causes] for one in caused]
    by_network = [[name for name, _ in ranked(one.verdict.cause_probabilities)] for one in caused]
    causeless = [one for one in parts if not has_cause(one.part)]
    return {
        "top1": top_k(truth, answers, 1),
        "top3": top_k(truth, answers, 3),
        "parts": len(caused),
        "not_measured": sum(ranking[:1] == [NOT_MEASURED] for ranking in answers),
        "parts_without": len(causeless),
        "named_without": sum(_names_one(one.causes) for one in causeless),
        "network_alone": {"top1": top_k(truth, by_network, 1), "top3": top_k(truth, by_network, 3)},
    }


def _names_one(causes: Ranked) -> bool:
    return bool(causes) and causes[0][0] not in (NOT_MEASURED, NO_CAUSE)


def peak_rss_mb() -> float:
    """Return the most memory this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024  # bytes on macOS, KiB on Linux


# --- one row per part ----------------------------------------------------------------------------------------------------------

CAUSES_LISTED = 3
PART_COLUMNS = (
    *("part_id", "label", "score", "outcome", "defect"),
    *(name for k in range(1, CAUSES_LISTED + 1) for name in (f"cause_{k}", f"cause_{k}_probability")),
    *("condition", "degraded"),
    *(f"weight_{modality}" for modality in MODALITIES),
)


def part_row(one: EvaluatedPart) -> dict[str, Any]:
    """Return one row of `--parts-csv`; fields that do not apply are empty."""
    verdict = one.verdict
    row: dict[str, Any] = dict.fromkeys(PART_COLUMNS, "")
    row |= {"part_id": one.part.part_id, "label": one.part.label, "outcome": verdict.outcome, "defect": one.kind}
    row["score"] = f"{verdict.score:.6g}" if math.isfinite(verdict.score) else ""
    for k, (cause, probability) in enumerate(one.causes[:CAUSES_LISTED], start=1):
        row |= {f"cause_{k}": cause, f"cause_{k}_probability": f"{probability:.4f}"}
    row["condition"] = "complete" if verdict.complete else "degraded"
    row["degraded"] = "; ".join(f"{channel}: {reason}" for channel, reason in verdict.degraded.items())
    return row | {f"weight_{modality}": f"{weight:.4f}" for modality, weight in verdict.weights.items()}
