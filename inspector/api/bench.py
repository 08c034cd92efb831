"""Where single parts are judged: one pipeline, one part after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inspector.parts import Channel, Inspection, ModelRef, Trigger

if TYPE_CHECKING:
    from inspector.config import Station
    from inspector.diagnosis import Catalogue
    from inspector.knowledge import Memory
    from inspector.parts import Modality
    from inspector.pipeline import Pipeline


class KeptUp(Protocol):
    """What people know of fixes and causes, which grows."""

    memory: Memory
    catalogue: Catalogue

    def keep_up(self) -> bool:
        """Learn what became known since; say whether there was anything."""


class Bench:
    """A pipeline for parts that come as files; without `knowledge` it keeps the one that it came with."""

    def __init__(self, pipeline: Pipeline, knowledge: KeptUp | None = None, station: Station | None = None) -> None:
        self._pipeline, self._station, self._knowledge = pipeline, station, knowledge
        self._one_at_a_time = threading.Lock()

    @property
    def model(self) -> ModelRef:
        return self._pipeline.judge_model.ref

    def inspect(self, files: Mapping[Modality, Path], part_id: str, station: str) -> Inspection:
        """Judge and explain one part. Raises DataError where none of its files can be read."""
        from inspector.training.part_files import record_from_files

        record = record_from_files(files, self._channels(), part_id=part_id)
        folders = {f"{path.parent}/" for path in files.values()}
        degraded = {name: _without(folders, reason) for name, reason in record.degraded.items()}
        record = replace(record, trigger=Trigger(station, part_id, 0), degraded=degraded)
        with self._one_at_a_time:
            if self._knowledge is not None and self._knowledge.keep_up():
                self._pipeline.memory, self._pipeline.catalogue = self._knowledge.memory, self._knowledge.catalogue
            judged = self._pipeline.judge_record(record, self._station.machine if self._station else None)
            return self._pipeline.explain(judged)

    def _channels(self) -> Mapping[str, Channel]:
        if self._station is not None:
            return self._station.part_channels
        return {name: Channel(name, modality) for name, modality in self._pipeline.judge_model.manifest.channels.items()}


def _without(folders: Iterable[str], reason: str) -> str:
    """Return a reason without the folders of ours that it names."""
    for folder in folders:
        reason = reason.replace(folder, "")
    return reason
