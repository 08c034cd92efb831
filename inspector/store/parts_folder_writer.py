"""Write aligned parts as a labelled parts folder: dataset.yaml, parts.csv, and a file per signal.

The folder can be trained on as it is. Its splits are contiguous blocks of parts, so that neighbours, which share their history, do
not stand on both sides.
"""

from __future__ import annotations

import csv
import gzip
import math
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

import numpy as np
import yaml
from numpy.typing import NDArray

from inspector.config import Station
from inspector.errors import RecordingError
from inspector.parts import OK_LABEL, UNKNOWN_DEFECT, Modality, PartRecord, PartTruth, Series, Waveform
from inspector.store.recording_schema import png

Split = Literal["train", "val", "test"]
SHARES: dict[Split, float] = {"train": 0.60, "val": 0.15, "test": 0.25}
BLOCKS = 20
"""So many blocks where the parts are few; of many parts a block has `BLOCK_PARTS`."""
BLOCK_PARTS = 20
COLUMNS = ("part_id", "split", "label", "cause", "group", "image", "mask", "audio", "vibration", "series", "note")
_START_TOLERANCE_NS = 1_000_000
"""A FLAC file does not say when it starts: sound that does not start where dataset.yaml says is left out."""


@dataclass(slots=True)
class PartsFolderWriter:
    """Write parts one by one; `close` adds the table. Raises RecordingError where the folder exists or cannot be written.

    Args:
        folder: a new folder.
        station: names, units and windows of the channels.
        source: where the parts come from, for dataset.yaml.
        licence: under which terms they may be used, for dataset.yaml.
    """

    folder: Path
    station: Station
    source: str
    licence: str = "as the plant that recorded it says"
    _rows: list[dict[str, str]] = field(default_factory=list)
    _rates_hz: dict[str, float] = field(default_factory=dict)
    _extra: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.folder.exists():
            raise RecordingError(f"{self.folder}: exists already; move it away or choose another name")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def add(self, record: PartRecord, truth: PartTruth | None) -> None:
        """Write the files of one part; without truth its label is `unknown`, for people to fill in."""
        row = dict.fromkeys(COLUMNS, "")
        row |= {"part_id": record.trigger.part_id, "label": truth.label if truth else UNKNOWN_DEFECT, "note": _note(record, truth)}
        row["cause"] = (truth.cause or "") if truth else ""
        try:
            for name, signal in {**record.frames, **record.waveforms}.items():
                column = self._column(name, record.channels[name].modality)
                data, suffix = self._file(name, signal, record)
                row[column] = self._write(column, record.trigger.part_id, suffix, data) if data else ""
            if record.series:
                row["series"] = self._write("series", record.trigger.part_id, "csv.gz", _table(record))
            if truth and truth.mask is not None and truth.mask.any():
                row["mask"] = self._write("masks", record.trigger.part_id, "png", png(truth.mask))
        except OSError as error:
            raise RecordingError(f"{self.folder}: cannot be written: {error.strerror}") from error
        self._rows.append(row)

    def close(self) -> None:
        """Write parts.csv and dataset.yaml; a folder without parts is not made at all."""
        if not self._rows:
            return
        for row, (split, group) in zip(self._rows, splits(len(self._rows)), strict=True):
            row["split"], row["group"] = split, group
        with (self.folder / "parts.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*COLUMNS, *self._extra], restval="")
            writer.writeheader()
            writer.writerows(self._rows)
        text = yaml.safe_dump(self._dataset(), sort_keys=False, allow_unicode=True, width=120)
        (self.folder / "dataset.yaml").write_text(text, encoding="utf-8")

    def _file(self, name: str, signal: Any, record: PartRecord) -> tuple[bytes, str]:
        if not isinstance(signal, Waveform):
            return png(signal.pixels), "png"
        self._rates_hz[name] = signal.sample_rate_hz
        start_ns = signal.start_ns - record.trigger.t_ns
        if record.channels[name].modality == "vibration":
            return _npz(signal, start_ns), "npz"
        asked_ns = -round(self.station.channels[name].window.pre_s * 1e9)
        return (_flac(signal), "flac") if abs(start_ns - asked_ns) <= _START_TOLERANCE_NS else (b"", "")

    def _column(self, name: str, modality: Modality) -> str:
        """Return the column of a channel: that of its modality for the station's first of this kind, `image:NAME` for more."""
        if name == self._first(modality):
            return modality
        column = f"{modality}:{name}"
        if column not in self._extra:
            self._extra.append(column)
        return column

    def _first(self, modality: Modality) -> str | None:
        return next((name for name, channel in self.station.channels.items() if channel.modality == modality), None)

    def _write(self, column: str, part_id: str, suffix: str, data: bytes) -> str:
        kind = "images" if column == "image" else column.replace(":", "-")
        path = self.folder / kind / f"{_file_name(part_id)}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path.relative_to(self.folder).as_posix()

    def _dataset(self) -> dict[str, Any]:
        labels = sorted({row["label"] for row in self._rows} - {OK_LABEL})
        return {
            "name": self.station.station,
            "summary": f"{len(self._rows)} parts of station {self.station.station}, each channel cut to its window around the trigger",
            "source": self.source,
            "licence": self.licence,
            "station": self.station.station,
            "machine": self.station.machine.model_dump(exclude_none=True),
            "modalities": self._modalities(),
            "labels": {OK_LABEL: "no defect", "others": ", ".join(labels)},
            "causes": ", ".join(sorted({row["cause"] for row in self._rows} - {""})),
            "split_rule": "contiguous blocks of parts (group) dealt to train, val and test at 60 / 15 / 25 %; slow channels look back "
            "further than a block, so neighbouring blocks share some history",
            "columns_at_end": dict.fromkeys(self._extra, "further channel of this kind"),
        }

    def _modalities(self) -> dict[str, Any]:
        declared: dict[str, Any] = {}
        for name, channel in self.station.channels.items():
            if channel.modality == "series":
                declared.setdefault("series", {"channels": {}})["channels"][name] = channel.unit
            elif name == self._first(channel.modality):
                facts = {
                    "channel": name,
                    "unit": channel.unit or None,
                    "sample_rate_hz": self._rates_hz.get(name),
                    "start_s": None if channel.modality == "image" else -channel.window.pre_s,
                    "scale_mm_per_px": channel.scale_mm_per_px,
                }
                declared[channel.modality] = {key: value for key, value in facts.items() if value is not None}
        return declared


def splits(parts: int) -> list[tuple[Split, str]]:
    """Return (split, group) per part: blocks go one by one to the split that is furthest below its share."""
    block_parts = max(1, min(BLOCK_PARTS, math.ceil(parts / BLOCKS)))
    given: dict[Split, int] = dict.fromkeys(SHARES, 0)
    assigned: list[tuple[Split, str]] = []
    for block in range(math.ceil(parts / block_parts)):
        split = max(SHARES, key=lambda one: SHARES[one] * (block + 1) - given[one])
        given[split] += 1
        assigned += [(split, f"block-{block + 1:04d}")] * block_parts
    return assigned[:parts]


def _note(record: PartRecord, truth: PartTruth | None) -> str:
    notes = [f"{name}: {why}" for name, why in record.degraded.items()]
    if truth and truth.severity:
        notes.insert(0, f"severity={truth.severity:.3g}")
    return "; ".join(notes)


def _table(record: PartRecord) -> bytes:
    """Return the series as CSV.gz over the union of their stamps, a field being empty where a channel has no value."""
    t_ns = np.unique(np.concatenate([series.t_ns for series in record.series.values()]))
    columns = [_spread(series, t_ns) for series in record.series.values()]
    lines = [",".join(["t_s", *record.series])]
    for t, *values in zip(((t_ns - record.trigger.t_ns) / 1e9).tolist(), *(column.tolist() for column in columns), strict=True):
        lines.append(",".join([f"{t:.9g}", *("" if math.isnan(value) else f"{value:.9g}" for value in values)]))
    return gzip.compress(("\n".join(lines) + "\n").encode(), compresslevel=5, mtime=0)


def _spread(series: Series, t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    spread = np.full(len(t_ns), np.nan)
    spread[np.searchsorted(t_ns, series.t_ns)] = series.values
    return spread


def _npz(wave: Waveform, start_ns: int) -> bytes:
    from io import BytesIO

    data = BytesIO()
    facts = {"sample_rate_hz": wave.sample_rate_hz, "start_s": start_ns / 1e9, "unit": wave.unit}
    np.savez(data, samples=wave.samples, **cast("dict[str, Any]", facts))
    return data.getvalue()


def _flac(wave: Waveform) -> bytes:
    from io import BytesIO

    import soundfile

    data = BytesIO()
    soundfile.write(data, np.clip(wave.samples, -1.0, 1.0), round(wave.sample_rate_hz), format="FLAC", subtype="PCM_16")
    return data.getvalue()


def _file_name(part_id: str) -> str:
    """Return a part id as a file name that every system takes."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in part_id)
