"""Labelled parts as a folder: `dataset.yaml` + `parts.csv` + files, or a plain MVTec-style tree of pictures.

One row is one part. Files are opened only when a part's record or mask is asked for; that they exist is checked at once.

Times of a part are relative to its trigger at 0. A series keeps its own `t_s`. A waveform starts at `start_s` of its `.npz`, else at
`modalities.<modality>.start_s` of dataset.yaml, else at the trigger. Channels are called like their column (`image`, `audio`,
`vibration`), or as `modalities.<modality>.channel` says; series channels like their columns in the file. A column `image:NAME` is one
more camera, `audio:NAME` and `vibration:NAME` likewise.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from inspector.config import MachineConfig, read_yaml
from inspector.errors import DataError
from inspector.parts import MODALITIES, OK_LABEL, Channel, Frame, Modality, PartRecord, Series, Trigger, Waveform
from inspector.training.dataset_facts import machine_of_dataset, machine_of_part, number, unit_at_head
from inspector.training.part_files import read_mask, read_picture, read_series, read_waveform, series_columns

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
REQUIRED_COLUMNS = ("part_id", "split", "label", "cause", "group", "image", "mask", "audio", "vibration", "series")
UNLABELLED = "unlabelled"
"""Label of a training part that nobody has looked at yet."""
MVTEC_VAL_SHARE = 0.15
_PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
_REPEATABLE = ("image", "audio", "vibration")
_NAMED_AT_MOST = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """One part of a folder, with what people say of it."""

    part_id: str
    split: Split
    label: str
    """`ok`, the kind of defect, or UNLABELLED."""
    cause: str | None
    """None where nobody said."""
    group: str
    paths: Mapping[str, Path]
    """Column (`image`, `image:NAME`, `mask`, `audio`, `vibration`, `series` …) -> file; empty columns are absent."""
    row: int
    """Line in parts.csv, the header being line 1."""
    machine: MachineConfig
    columns: Mapping[str, str] = field(repr=False)
    """The whole row as text, extra columns included."""
    source: _Source = field(repr=False, compare=False)

    def record(self, *, tolerant: bool = False) -> PartRecord:
        """Read the part's files into a record whose trigger is at 0.

        A file that cannot be decoded raises DataError with its row; a `tolerant` record names it in `degraded` instead.
        """
        degraded: dict[str, str] = {}
        frames, waveforms, series = {}, {}, {}
        for column, path in self.paths.items():
            if column == "mask":
                continue
            try:
                if column == "series":
                    series = self.source.read_series(path)
                elif (name := self.source.channel_of(column)) and self.source.channels[name].modality == "image":
                    frames[name] = Frame(0, read_picture(path))
                else:
                    waveforms[name] = self.source.read_waveform(column, path)
            except DataError as error:
                if not tolerant:
                    raise self._at_row(error) from error
                _log.info("part %s: %s", self.part_id, error)
                degraded |= dict.fromkeys(self.source.channels_of(column), f"unreadable: {error}")
        for name in self.source.channels.keys() - frames.keys() - waveforms.keys() - series.keys() - degraded.keys():
            degraded[name] = "not recorded"
        trigger = Trigger(self.source.name, self.part_id, 0)
        return PartRecord(trigger, self.source.channels, frames, waveforms, series, degraded=degraded)

    @property
    def camera(self) -> str | None:
        """The channel on whose picture the mask lies; None for a part without a picture."""
        return self.source.channel_of("image") if "image" in self.paths else None

    def mask(self, size_px: tuple[int, int] | None = None) -> NDArray[np.uint8] | None:
        """Return (H, W) with 255 on the defect, None where no mask is drawn.

        Raises DataError, also where the mask is not of the picture's `size_px` (width, height).
        """
        path = self.paths.get("mask")
        try:
            mask = None if path is None else read_mask(path)
        except DataError as error:
            raise self._at_row(error) from error
        if mask is not None and size_px is not None and mask.shape[::-1] != tuple(size_px):
            found = f"mask is {mask.shape[1]}x{mask.shape[0]} px, its picture {size_px[0]}x{size_px[1]} px: draw it at the picture's size"
            raise self._at_row(DataError(found, path=path))
        return mask

    def _at_row(self, error: DataError) -> DataError:
        return DataError(str(error), path=self.source.table, row=self.row)


@dataclass(frozen=True, slots=True)
class PartsFolder:
    """A set of labelled parts."""

    name: str
    folder: Path
    channels: Mapping[str, Channel]
    """Every channel that at least one part has."""
    dataset: Mapping[str, Any]
    """dataset.yaml as it stands; empty for a plain MVTec-style tree."""
    parts: Sequence[LabelledPart]

    def split(self, split: Split) -> list[LabelledPart]:
        """Return the labelled parts of one split, in the order of the table."""
        return [part for part in self.parts if part.split == split and part.label != UNLABELLED]

    @property
    def unlabelled(self) -> list[LabelledPart]:
        """Return the parts that nobody has looked at yet; only pretraining reads them."""
        return [part for part in self.parts if part.label == UNLABELLED]

    @property
    def modalities(self) -> tuple[Modality, ...]:
        present = {channel.modality for channel in self.channels.values()}
        return tuple(modality for modality in MODALITIES if modality in present)


@dataclass(frozen=True, slots=True)
class _Source:
    """What all parts of a folder share."""

    name: str
    table: Path
    channels: Mapping[str, Channel]
    modalities: Mapping[str, Mapping[str, Any]]

    def channel_of(self, column: str) -> str:
        return _channel_name(column, self.modalities)

    def channels_of(self, column: str) -> list[str]:
        if column == "series":
            return [name for name, channel in self.channels.items() if channel.modality == "series"]
        return [self.channel_of(column)]

    def read_series(self, path: Path) -> dict[str, Series]:
        read = read_series(path, units={name: channel.unit for name, channel in self.channels.items()})
        known = {name: series for name, series in read.items() if name in self.channels}
        if not known:
            raise DataError(f"holds none of the series channels, but {', '.join(read)}: name its columns as dataset.yaml does", path=path)
        return known

    def read_waveform(self, column: str, path: Path) -> Waveform:
        start_s = number(_declared(column, self.modalities).get("start_s"))
        return read_waveform(path, unit=self.channels[self.channel_of(column)].unit, start_s=start_s or 0.0)


# --- opening a folder ----------------------------------------------------------------------------------------------------------


def load_parts_folder(path: Path | str) -> PartsFolder:
    """Open a labelled parts folder, or a plain MVTec-style one. Raises DataError that names the row, ConfigError for dataset.yaml."""
    folder = Path(path)
    if not folder.is_dir():
        raise DataError("is not a folder: give a folder with parts.csv", path=folder)
    if (folder / "parts.csv").is_file():
        return _load_table(folder)
    if (folder / "train" / "good").is_dir():
        return _load_mvtec(folder)
    raise DataError("has neither parts.csv nor train/good: give a labelled parts folder", path=folder)


def _load_table(folder: Path) -> PartsFolder:
    dataset = read_yaml(folder / "dataset.yaml") if (folder / "dataset.yaml").is_file() else {}
    table = folder / "parts.csv"
    rows = [_checked(row, line, table) for line, row in _read_table(table)]
    if not rows:
        raise DataError("holds no part: add a row for each part", path=table)
    _refuse_duplicates(rows, table)
    _refuse_missing_files(rows, table)
    return _assemble(folder, table, dataset, rows)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    columns: Mapping[str, str]
    paths: Mapping[str, Path]


def _assemble(folder: Path, table: Path, dataset: Mapping[str, Any], rows: Sequence[_Row]) -> PartsFolder:
    name = str(dataset.get("name") or folder.resolve().name)
    modalities = _modalities(dataset)
    channels = _channels(rows, modalities)
    if not channels:
        raise DataError("names no picture, sound, vibration or series file at all", path=table)
    source = _Source(name, table, channels, modalities)
    common = machine_of_dataset(dataset, folder / "dataset.yaml")
    parts = [_part(row, source, common) for row in rows]
    return PartsFolder(name, folder, channels, dataset, parts)


def _part(row: _Row, source: _Source, common: MachineConfig) -> LabelledPart:
    text = row.columns
    return LabelledPart(
        part_id=text["part_id"],
        split=cast(Split, text["split"]),
        label=text["label"],
        cause=text["cause"] or None,
        group=text["group"] or text["part_id"],
        paths=row.paths,
        row=row.line,
        machine=machine_of_part(common, text),
        columns=text,
        source=source,
    )


def _read_table(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _refuse_missing_columns(reader.fieldnames or (), table)
            for row in reader:
                if None in row:
                    raise DataError("has more fields than the header: quote fields that hold a comma", path=table, row=reader.line_num)
                yield reader.line_num, {name.strip(): (value or "").strip() for name, value in row.items()}
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"is not a CSV table in UTF-8: {error}", path=table) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=table) from error


def _refuse_missing_columns(header: Sequence[str], table: Path) -> None:
    present = {name.strip() for name in header}
    missing = [name for name in REQUIRED_COLUMNS if name not in present]
    if missing:
        raise DataError(f"lacks the column {', '.join(missing)}: add it, its fields may be empty", path=table, row=1)


def _checked(row: Mapping[str, str], line: int, table: Path) -> _Row:
    for name in ("part_id", "split", "label"):
        if not row[name]:
            raise DataError(f"column {name} is empty", path=table, row=line)
    if row["label"] == UNLABELLED and row["split"] != "train":
        raise DataError(f"label '{UNLABELLED}' is for split train only: say what the part is", path=table, row=line)
    if row["split"] not in SPLITS:
        raise DataError(f"unknown split '{row['split']}', use {', '.join(SPLITS)}", path=table, row=line)
    files = {name: text for name, text in row.items() if text and (name in (*MODALITIES, "mask") or _modality(name) in _REPEATABLE)}
    return _Row(line, row, {name: _inside(table, text, name, line) for name, text in files.items()})


def _inside(table: Path, text: str, column: str, line: int) -> Path:
    # Sibling folders are part of the layout (one line composed of several sets); anything above them is not.
    home = table.parent.resolve()
    if Path(text).is_absolute() or not Path(os.path.normpath(home / text)).is_relative_to(home.parent):
        raise DataError(f"column {column}: '{text}' leads out of the folder and its siblings, use a relative path", path=table, row=line)
    return table.parent / text


def _refuse_duplicates(rows: Sequence[_Row], table: Path) -> None:
    first: dict[str, int] = {}
    for row in rows:
        part_id = row.columns["part_id"]
        if part_id in first:
            raise DataError(f"part_id '{part_id}' is already in row {first[part_id]}", path=table, row=row.line)
        first[part_id] = row.line


def _refuse_missing_files(rows: Sequence[_Row], table: Path) -> None:
    exists: dict[Path, bool] = {}
    absent: list[tuple[int, str, str]] = []
    for row in rows:
        for column, path in row.paths.items():
            if path not in exists:
                exists[path] = path.is_file()
            if not exists[path]:
                absent.append((row.line, column, row.columns[column]))
    if absent:
        named = ", ".join(f"{text} ({column}, row {line})" for line, column, text in absent[:_NAMED_AT_MOST])
        more = f" and {len(absent) - _NAMED_AT_MOST} more" if len(absent) > _NAMED_AT_MOST else ""
        raise DataError(f"names files that do not exist: {named}{more}", path=table, row=absent[0][0])


# --- channels ------------------------------------------------------------------------------------------------------------------


def _modalities(dataset: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    declared = dataset.get("modalities")
    return {str(k): v for k, v in declared.items() if isinstance(v, Mapping)} if isinstance(declared, Mapping) else {}


def _channel_name(column: str, modalities: Mapping[str, Mapping[str, Any]]) -> str:
    return column.partition(":")[2] or str(modalities.get(column, {}).get("channel") or column)


def _declared(column: str, modalities: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    return modalities.get(column) or modalities.get(_modality(column), {})


def _channels(rows: Sequence[_Row], modalities: Mapping[str, Mapping[str, Any]]) -> dict[str, Channel]:
    columns = {column for row in rows for column in row.paths} - {"mask"}
    channels: dict[str, Channel] = {}
    for column in sorted(columns - {"series"}, key=lambda c: (MODALITIES.index(_modality(c)), c)):
        declared = _declared(column, modalities)
        name, modality = _channel_name(column, modalities), _modality(column)
        unit = unit_at_head(declared.get("unit")) or ("FS" if modality == "audio" else "")
        channels[name] = Channel(name, modality, unit, number(declared.get("scale_mm_per_px")))
    if "series" in columns:
        channels |= _series_channels(rows, modalities.get("series", {}), taken=channels)
    return channels


def _series_channels(rows: Sequence[_Row], declared: Mapping[str, Any], taken: Mapping[str, Channel]) -> dict[str, Channel]:
    units = declared.get("channels")
    if isinstance(units, Mapping) and units:
        named = {str(name): unit_at_head(unit) for name, unit in units.items() if str(unit).strip().lower() != "text"}
    else:
        named = {name: "" for path in _series_files(rows) for name in _columns_or_none(path)}
    return {name: Channel(name, "series", unit) for name, unit in named.items() if name not in taken}


def _series_files(rows: Sequence[_Row]) -> list[Path]:
    return list(dict.fromkeys(row.paths["series"] for row in rows if "series" in row.paths))


def _columns_or_none(path: Path) -> list[str]:
    # A damaged file is reported with its row where the part is read; here it only names no channel.
    try:
        return series_columns(path)
    except DataError:
        return []


def _modality(column: str) -> Modality:
    return cast(Modality, column.partition(":")[0])


# --- a plain MVTec-style tree --------------------------------------------------------------------------------------------------


def _load_mvtec(folder: Path) -> PartsFolder:
    """Read `train/good`, `test/<kind>`, `ground_truth/<kind>/<name>_mask.png`: a fixed share of the good pictures is for validation."""
    good = _pictures(folder / "train" / "good")
    if not good:
        raise DataError("holds no picture", path=folder / "train" / "good")
    val = set(sorted(good, key=lambda p: hashlib.sha256(p.name.encode()).digest())[: round(len(good) * MVTEC_VAL_SHARE)])
    entries: list[tuple[Path, str, str]] = [(path, "val" if path in val else "train", OK_LABEL) for path in good]
    for kind in sorted(child for child in _children(folder / "test") if child.is_dir()):
        entries += [(path, "test", OK_LABEL if kind.name == "good" else kind.name) for path in _pictures(kind)]
    rows = [_mvtec_row(folder, line, *entry) for line, entry in enumerate(entries, start=1)]
    return _assemble(folder, folder, {}, rows)


def _mvtec_row(folder: Path, line: int, picture: Path, split: str, label: str) -> _Row:
    paths = {"image": picture}
    mask = folder / "ground_truth" / label / f"{picture.stem}_mask.png"
    if label != OK_LABEL and mask.is_file():
        paths["mask"] = mask
    part_id = picture.relative_to(folder).with_suffix("").as_posix()
    text = dict.fromkeys(REQUIRED_COLUMNS, "") | {"part_id": part_id, "split": split, "label": label}
    return _Row(line, text, paths)


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in _children(folder) if path.suffix.lower() in _PICTURE_SUFFIXES)


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
