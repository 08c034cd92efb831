"""The straight line of one part: align, extract, judge; then, if the plant can wait, localize, diagnose, suggest.

No threads here; `open_pipeline` is the only function that touches a disk. The live line, a replay, `inspector inspect` and the
evaluation all run parts through these same two steps, which is why they agree.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from inspector.align import align
from inspector.config import MachineConfig, Station
from inspector.diagnosis import Catalogue, Credit, History, Measurements, Normal, diagnose, load_catalogue, measure
from inspector.errors import ModelError
from inspector.features import Features, extract
from inspector.knowledge import Memory, Query
from inspector.knowledge.seed import load_seed
from inspector.parts import (
    NOT_MEASURED,
    Attribution,
    Capture,
    Diagnosis,
    GoodPart,
    HeatMap,
    Inspection,
    PartRecord,
    Suggestion,
    Text,
    Verdict,
)
from inspector.remarks import of_channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.fusion import Judge

_log = logging.getLogger(__name__)
T = TypeVar("T")

NORMAL_FILE = "normal.json"
"""Beside a model's weights: the normal ranges of its training line, where diagnosis starts from."""
CREDIT_FILE = "credit.json"
"""Beside them: how much the network's opinion on the cause counts; a model of before has none, and the usual credit is given."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A part with its verdict: all that the plant waits for."""

    record: PartRecord
    features: Features
    verdict: Verdict
    machine: MachineConfig
    timings_ms: Mapping[str, float]


@dataclass(slots=True)
class Pipeline:
    """A model, a catalogue of causes and a memory of fixes, ready for parts.

    `normal` follows the line: every good part updates it, so that "normal" means this station, lately. `history` follows the clock: every
    part adds to it, good or not, so that what rises over many parts is seen though no single one shows it.
    """

    judge_model: Judge
    normal: Normal
    catalogue: Catalogue
    memory: Memory
    credit: Credit = field(default_factory=Credit)
    history: History = field(default_factory=History)

    def warm_up(self) -> None:
        """Pay for what is only loaded or compiled once, so that the first part is as fast as the thousandth."""
        self.judge_model.warm_up()

    def judge(self, capture: Capture, station: Station) -> Judged:
        """Return the verdict of a capture, the part's channels being put on one clock first."""
        with _stopwatch() as align_ms:
            record = align(capture, station)
        judged = self.judge_record(record, station.machine)
        verdict = _held_for_review(judged.verdict, record, station)
        return replace(judged, verdict=verdict, timings_ms={"align": align_ms(), **judged.timings_ms})

    def judge_record(self, record: PartRecord, machine: MachineConfig | None = None) -> Judged:
        """Return the verdict of a part that is aligned already (a labelled parts folder, single files)."""
        with _stopwatch() as features_ms:
            features = extract(record)
        with _stopwatch() as judge_ms:
            verdict = self.judge_model.judge(features)
        timings = {"features": features_ms(), "judge": judge_ms()}
        return Judged(record, features, verdict, machine or MachineConfig(), timings)

    def explain(self, judged: Judged) -> Inspection:
        """Return the whole inspection: where the defect is, why it came, what helped before. A passed part pays for no heat map."""
        record, verdict = judged.record, judged.verdict
        heat_maps: tuple[HeatMap, ...] = ()
        attributions: tuple[Attribution, ...] = ()
        good_parts: tuple[GoodPart, ...] = ()
        with _stopwatch() as localize_ms:
            if verdict.outcome != "pass":
                attributions = self.judge_model.attribute(judged.features, verdict)
            if verdict.outcome != "pass" and record.frames:
                found = self.judge_model.localize(judged.features, verdict)
                heat_maps, verdict = found.heat_maps, replace(verdict, defects=found.defects or verdict.defects)
                good_parts = self.judge_model.nearest_good(judged.features)
        with _stopwatch() as looks_ms:
            looks = self._looks(judged) if verdict.outcome != "pass" else {}
        with _stopwatch() as diagnose_ms:
            measured = measure(record, judged.machine)
            self.history.add(record, measured)
            diagnosis = self.diagnose(record, verdict, judged.machine, measured)
            # A part made while a fault creeps in may still be good; it must not teach that the fault is normal.
            if verdict.outcome == "pass" and verdict.complete and diagnosis.causes[0].name == NOT_MEASURED:
                self.normal.update(measured)
        with _stopwatch() as suggest_ms:
            suggestions, escalation = self._suggest(record, verdict, diagnosis)
        own = {"localize": localize_ms(), "looks": looks_ms(), "diagnose": diagnose_ms(), "suggest": suggest_ms()}
        timings = {**judged.timings_ms, **own}
        return Inspection(
            record,
            verdict,
            diagnosis,
            suggestions,
            heat_maps,
            timings,
            attributions=attributions,
            good_parts=good_parts,
            escalation=escalation,
            looks=looks,
        )

    def diagnose(self, record: PartRecord, verdict: Verdict, machine: MachineConfig, measured: Measurements | None = None) -> Diagnosis:
        """Return why a part is as it is, as this line and this model have it."""
        return diagnose(
            record,
            verdict,
            machine=machine,
            normal=self.normal,
            catalogue=self.catalogue,
            measurements=measured,
            credit=self.credit,
            history=self.history,
        )

    def _looks(self, judged: Judged) -> dict[str, NDArray[np.float32]]:
        """Return what the part looked and sounded like, so that others like it can be found."""
        heard = {name: vectors.summary for name, vectors in judged.features.vectors.items()}
        return {**heard, **(self.judge_model.looks(judged.features) if judged.record.frames else {})}

    def _suggest(self, record: PartRecord, verdict: Verdict, diagnosis: Diagnosis) -> tuple[tuple[Suggestion, ...], Text | None]:
        """Return what may help, and what to say of a trouble that keeps coming back."""
        first = diagnosis.causes[0].name
        cause = None if first == NOT_MEASURED else first
        if verdict.outcome == "pass" and cause is None:
            return (), None
        defect = verdict.defects[0].kind if verdict.defects else None
        query = Query(defect=defect, cause=cause, station=record.trigger.station)
        now = datetime.fromtimestamp(record.wall_utc_ns / 1e9, UTC) if record.wall_utc_ns else None
        again = self.memory.recurrence(query, now) if now else None
        return self.memory.suggest(query), again.text if again else None


def open_pipeline(
    model_dir: Path | str,
    memory: Memory | None = None,
    station: Station | None = None,
    catalogue: Catalogue | None = None,
    judge: Judge | None = None,
) -> Pipeline:
    """Load a model folder; without a memory, the shipped fixes, all untried; without a catalogue, the shipped one.

    Raises ModelError, ConfigError.

    The model decides as `station` wishes, if one is given, and is refused where it does not fit that station. `judge` takes the place of
    the one that the folder is served by.
    """
    from inspector.fusion import Judge  # what judges takes seconds to load, which only those who judge should pay

    judge = judge or Judge.load(Path(model_dir))
    _log.info("%s: judged by %s", model_dir, judge.served_by)
    if station is not None:
        rule, kept = judge.serve(station)
        _log.log(logging.INFO if kept else logging.WARNING, "%s: %s", station.station, rule)
    normal, credit = _load_normal(Path(model_dir) / NORMAL_FILE), _load_credit(Path(model_dir) / CREDIT_FILE)
    return Pipeline(judge, normal, catalogue or load_catalogue(), memory or _untried(station), credit)


def _untried(station: Station | None) -> Memory:
    return Memory(load_seed()[0], [], limits={station.station: station.setting_limits} if station else {})


def _load_normal(path: Path) -> Normal:
    return _read(path, Normal.from_dict, "is not a table of normal ranges")


def _load_credit(path: Path) -> Credit:
    return _read(path, Credit.from_dict, "does not say how much each witness counts") if path.is_file() else Credit()


def _read(path: Path, parse: Callable[[Any], T], wrong: str) -> T:
    """Return what a file beside the weights says. Raises ModelError."""
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}; train the model again") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: {wrong} ({error}); train the model again") from error


def _held_for_review(verdict: Verdict, record: PartRecord, station: Station) -> Verdict:
    """Keep a part from passing when the station could not see it as it must: a required channel is not whole, or any is out of step."""
    unseen = [name for name, channel in station.channels.items() if channel.required and name in record.degraded]
    limits_ns = {name: channel.max_sync_error_ms * 1e6 for name, channel in station.channels.items()}
    out_of_step = [name for name, error_ns in record.sync_error_ns.items() if name in limits_ns and error_ns > limits_ns[name]]
    if verdict.outcome != "pass" or not unseen + out_of_step:
        return verdict
    reasons = tuple(of_channel(name, record.degraded[name]) for name in dict.fromkeys(unseen + out_of_step))
    return replace(verdict, outcome="review", reasons=verdict.reasons + reasons)


@contextmanager
def _stopwatch() -> Iterator[Callable[[], float]]:
    start = perf_counter()
    elapsed_ms: list[float] = []
    try:
        yield lambda: elapsed_ms[0]
    finally:
        elapsed_ms.append((perf_counter() - start) * 1e3)
