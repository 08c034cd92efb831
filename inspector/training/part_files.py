"""Read the files of one part: pictures, sound, vibration, process series.

Every reader returns plain arrays and raises DataError in one line that names the file. None of them executes what a file holds.
"""

from __future__ import annotations

import logging
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.errors import DataError
from inspector.parts import Channel, Frame, Modality, PartRecord, Series, Signal, Trigger, Waveform

TIME_COLUMN = "t_s"
_MAX_SPAN_S = 9e9
"""Time stamps are int64 nanoseconds: about 292 years."""

_log = logging.getLogger(__name__)


def read_picture(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return (H, W) grey or (H, W, 3) RGB, uint8 or uint16; transparency is dropped. Raises DataError."""
    import cv2

    content = _bytes(path, "picture")
    _refuse_truncated(path, content)
    try:
        pixels: NDArray[Any] | None = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DataError("cannot be decoded as a picture: replace the file", path=path) from error
    if pixels is None:
        raise DataError("cannot be decoded as a picture: give a PNG, JPEG, TIFF or BMP file", path=path)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"has {pixels.dtype} pixels: convert it to 8 or 16 bits per channel", path=path)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return pixels.reshape(pixels.shape[:2])
    return np.ascontiguousarray(pixels[:, :, 2::-1])


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Return (H, W) with 255 where the file is above half of its range, 0 elsewhere. Raises DataError."""
    pixels = read_picture(path)
    strongest = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    half = 127 if pixels.dtype == np.uint8 else 32767
    return np.where(strongest > half, np.uint8(255), np.uint8(0))


def read_waveform(path: Path, *, unit: str, start_s: float = 0.0) -> Waveform:
    """Return mono samples from WAV, FLAC, OGG (channels are averaged) or `.npz`; an `.npz` may bring its own start_s and unit.

    Raises DataError.
    """
    if path.suffix.lower() == ".npz":
        return _read_npz(path, unit=unit, start_s=start_s)
    import soundfile

    _bytes(path, "recording", 16)
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise DataError("cannot be decoded as sound: give a WAV or FLAC file", path=path) from error
    return _waveform(path, samples.mean(axis=1, dtype=np.float32), float(rate_hz), unit=unit, start_s=start_s)


def read_series(path: Path, *, units: Mapping[str, str] | None = None) -> dict[str, Series]:
    """Return every numeric column of a CSV or CSV.gz over its column `t_s` (seconds relative to the trigger), in time order.

    Empty and unreadable fields are gaps (NaN), unless the channel is merely slower than the table; of rows with the same time the
    first counts; a column of text, or without any value, is left out. Raises DataError.
    """
    columns = _read_columns(path)
    if TIME_COLUMN not in columns:
        raise DataError(f"has no column {TIME_COLUMN}: add the time of each row in seconds relative to the trigger", path=path)
    t_s = _numbers(columns.pop(TIME_COLUMN))
    usable = np.isfinite(t_s) & (np.abs(t_s) < _MAX_SPAN_S)
    if not usable.any():
        raise DataError(f"holds no row with a time in {TIME_COLUMN}", path=path)
    if not usable.all():
        _log.debug("%s: %d rows without a usable time left out", path, int((~usable).sum()))
    t_ns, rows = np.unique(np.round(t_s[usable] * 1e9).astype(np.int64), return_index=True)
    series = {}
    for name, column in columns.items():
        values = _numbers(column)[usable][rows]
        if np.isfinite(values).any():
            own = _own_rows(t_ns, np.isfinite(values))
            series[name] = Series(t_ns[own], values[own], (units or {}).get(name, ""))
        else:
            _log.debug("%s: column %s holds no number, left out", path, name)
    if not series:
        raise DataError("holds no column with numbers beside the time", path=path)
    return series


_PACE_VALUES = 4
"""Fewer values tell no pace; they are gaps or a slow channel by how much of the table they fill."""


def _own_rows(t_ns: NDArray[np.int64], there: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the rows of one channel in a table that holds the times of all: its values, and one row per value that its own pace misses.

    So a temperature twice a second beside a current at 200 Hz is whole, and where it pauses it has as many gaps as values are missing.
    Nothing before its first and after its last value is its own.
    """
    own = np.flatnonzero(there)
    steps_ns = np.diff(t_ns[own])
    if len(own) < _PACE_VALUES:
        return own if len(own) < len(t_ns) / _PACE_VALUES else np.arange(len(t_ns))
    usual_ns = int(np.median(steps_ns))
    gaps = [
        np.searchsorted(t_ns, np.arange(t_ns[own[k]] + usual_ns, t_ns[own[k + 1]] - usual_ns // 2, usual_ns))
        for k in np.flatnonzero(steps_ns > 1.5 * usual_ns)
    ]
    rows = np.concatenate([own, *gaps]).astype(np.intp)
    return np.unique(rows[(rows >= own[0]) & (rows <= own[-1])])


def series_columns(path: Path) -> list[str]:
    """Return the names of a series file's columns beside the time, from its header alone. Raises DataError."""
    return [name for name in _read_columns(path, rows=0) if name != TIME_COLUMN]


def _read_columns(path: Path, rows: int | None = None) -> dict[str, Any]:
    import pandas as pd

    _bytes(path, "series", 4)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # fields beyond the header would be dropped in silence
            table = pd.read_csv(path, nrows=rows, index_col=False, skipinitialspace=True, encoding="utf-8-sig", low_memory=False)
    except pd.errors.ParserWarning as error:
        raise DataError("has rows with more fields than its header", path=path) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, EOFError, OSError, ValueError, zlib.error) as error:
        raise DataError(f"cannot be read as a CSV table: {' '.join(str(error).split())}", path=path) from error
    return {str(name).strip(): table[name] for name in table.columns}


def _numbers(column: Any) -> NDArray[np.float64]:
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, copy=True)
    values[~np.isfinite(values)] = np.nan
    return np.asarray(values, dtype=np.float64)


def _read_npz(path: Path, *, unit: str, start_s: float) -> Waveform:
    _bytes(path, "recording", 4)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        AttributeError,
        NotImplementedError,
        MemoryError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError("cannot be read as an .npz archive without pickles: save it with numpy.savez", path=path) from error
    for key in ("samples", "sample_rate_hz"):
        if key not in content:
            raise DataError(f"lacks the array {key}: save samples and sample_rate_hz with numpy.savez", path=path)
    samples = np.squeeze(content["samples"]) if content["samples"].size > 1 else content["samples"].reshape(-1)
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.number) or np.iscomplexobj(samples):
        raise DataError(f"samples must be one row of real numbers, not {samples.dtype} of shape {samples.shape}", path=path)
    start_s = _scalar(path, content, "start_s") if "start_s" in content else start_s
    unit = str(content["unit"]) if "unit" in content else unit
    return _waveform(path, samples.astype(np.float32), _scalar(path, content, "sample_rate_hz"), unit=unit, start_s=start_s)


def _scalar(path: Path, content: Mapping[str, NDArray[Any]], key: str) -> float:
    try:
        return float(content[key].reshape(-1)[0])
    except (IndexError, TypeError, ValueError) as error:
        raise DataError(f"{key} is not a number", path=path) from error


def _waveform(path: Path, samples: NDArray[np.float32], rate_hz: float, *, unit: str, start_s: float) -> Waveform:
    if not len(samples):
        raise DataError("holds no samples", path=path)
    if not np.isfinite(samples).all():
        raise DataError(f"holds {int((~np.isfinite(samples)).sum())} samples that are not numbers: repair the recording", path=path)
    if not (np.isfinite(rate_hz) and rate_hz > 0):
        raise DataError(f"sample rate must be above 0 Hz, not {rate_hz:g}", path=path)
    return Waveform(round(start_s * 1e9), rate_hz, samples, unit)


def _bytes(path: Path, what: str, limit: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
    if not content:
        raise DataError(f"is an empty file, not a {what}: replace it", path=path)
    return content


def _refuse_truncated(path: Path, content: bytes) -> None:
    # A decoder fills what is missing with grey and says so on stderr only: half a picture must not be judged as a whole one.
    jpeg_cut = content.startswith(b"\xff\xd8") and content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda")
    png_cut = content.startswith(b"\x89PNG") and b"IEND" not in content[-1024:]
    if jpeg_cut or png_cut:
        raise DataError("is cut off before the end of the picture: replace the file", path=path)


def record_from_files(files: Mapping[Modality, Path], channels: Mapping[str, Channel], *, part_id: str) -> PartRecord:
    """Read single files into a record with its trigger at 0, under the names of `channels` that a model knows.

    A file stands for the first known channel of its modality; a modality that the model does not know gets a channel of its own name.
    A file that cannot be decoded is named in `degraded`; DataError where nothing at all could be read.
    """
    known = dict(channels)
    signals: dict[str, Signal] = {}
    degraded: dict[str, str] = {}
    for modality, path in files.items():
        names = _channels_for(modality, known)
        try:
            signals |= _read_signals(modality, path, names, known)
        except DataError as error:
            degraded |= dict.fromkeys(names or [modality], f"unreadable: {error}")
    if not signals:
        raise DataError("; ".join(dict.fromkeys(reason.removeprefix("unreadable: ") for reason in degraded.values())))
    known |= {name: Channel(name, "series") for name in signals if name not in known}
    degraded |= dict.fromkeys(known.keys() - signals.keys() - degraded.keys(), "not given")
    return PartRecord(
        Trigger("files", part_id, 0),
        known,
        frames={name: signal for name, signal in signals.items() if isinstance(signal, Frame)},
        waveforms={name: signal for name, signal in signals.items() if isinstance(signal, Waveform)},
        series={name: signal for name, signal in signals.items() if isinstance(signal, Series)},
        degraded=degraded,
    )


def _channels_for(modality: Modality, known: dict[str, Channel]) -> list[str]:
    """Return the known channels of a modality, adding one where a single signal has none."""
    names = [name for name, channel in known.items() if channel.modality == modality]
    if not names and modality != "series":
        known[modality] = Channel(modality, modality, "FS" if modality == "audio" else "")
        names = [modality]
    return names


def _read_signals(modality: Modality, path: Path, names: Sequence[str], known: Mapping[str, Channel]) -> Mapping[str, Signal]:
    if modality == "image":
        return {names[0]: Frame(0, read_picture(path))}
    if modality == "series":
        return read_series(path, units={name: known[name].unit for name in names})
    return {names[0]: read_waveform(path, unit=known[names[0]].unit)}


def write_heat_map(path: Path, values: NDArray[Any]) -> None:
    """Write a map with values 0–1 as an 8-bit grey PNG of its size. Raises DataError."""
    import cv2

    grey = np.round(np.clip(np.nan_to_num(values), 0.0, 1.0) * 255).astype(np.uint8)
    try:
        path.write_bytes(cv2.imencode(".png", grey)[1].tobytes())
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror}", path=path) from error
