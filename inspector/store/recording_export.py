"""A recording as tables, sound or pictures, one file a part and channel; times are the station's, relative to the part's trigger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from inspector.errors import RecordingError
from inspector.parts import Capture, Waveform
from inspector.stamps import capture_on_station_clock
from inspector.store.recording_schema import jpeg, png
from inspector.store.recordings import read_captures

ExportFormat = Literal["parquet", "wav", "flac", "images", "jpeg"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
FLAC_LIMIT = (1 << 23) - 1
"""FLAC holds whole numbers of 24 bits."""


def export(path: Path | str, as_: ExportFormat, out: Path) -> int:
    """Write the channels of each part under `out`; return the number of files. Raises RecordingError.

    Args:
        path: the recording.
        as_: `parquet` (waveforms and series), `wav` (waveforms, 32-bit float), `flac` (sound, 24 bit; what came from 16 bit is exact),
            `images` (PNG, every bit) or `jpeg`.
        out: a new folder; it gets one folder per channel with `<part_id>.<suffix>` in it.
    """
    refuse_existing(out)
    files = 0
    try:
        for capture in read_captures(path):
            files += _WRITERS[as_](capture_on_station_clock(capture), out)
    except OSError as error:
        raise RecordingError(f"{out}: cannot be written: {error.strerror}") from error
    return files


def refuse_existing(out: Path) -> None:
    """Raise RecordingError where a folder is there already."""
    if out.exists():
        raise RecordingError(f"{out}: exists already; choose another folder")


def pcm24(wave: Waveform, name: str) -> NDArray[np.int32]:
    """Return full-scale sound as the upper 24 of 32 bits. Raises RecordingError for what goes beyond full scale."""
    scaled = np.rint(wave.samples * np.float64(FLAC_LIMIT + 1))
    if not np.all(np.abs(scaled) <= FLAC_LIMIT + 1):
        raise RecordingError(f"{name}: goes beyond full scale, which FLAC cannot hold; export it as wav")
    return np.minimum(scaled, FLAC_LIMIT).astype(np.int32) << 8


def is_sound(wave: Waveform) -> bool:
    """Say whether a waveform is full-scale sound."""
    return wave.unit in ("FS", "")


def file_name(text: str) -> str:
    """Return a name that is safe as a file's."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in text)


def _write_tables(capture: Capture, out: Path) -> int:
    import pandas as pd

    t_ns = capture.trigger.t_ns
    for name, series in capture.series.items():
        table = pd.DataFrame({"t_s": (series.t_ns - t_ns) / 1e9, name: series.values})
        table.attrs = {"unit": series.unit}
        table.to_parquet(_place(out, name, capture, "parquet"), index=False)
    for name, wave in capture.waveforms.items():
        times = (wave.start_ns - t_ns) / 1e9 + np.arange(len(wave.samples)) / wave.sample_rate_hz
        table = pd.DataFrame({"t_s": times, name: wave.samples})
        table.attrs = {"unit": wave.unit}
        table.to_parquet(_place(out, name, capture, "parquet"), index=False)
    return len(capture.series) + len(capture.waveforms)


def _write_sound(capture: Capture, out: Path) -> int:
    import soundfile

    for name, wave in capture.waveforms.items():
        soundfile.write(_place(out, name, capture, "wav"), wave.samples, round(wave.sample_rate_hz), subtype="FLOAT")
    return len(capture.waveforms)


def _write_flac(capture: Capture, out: Path) -> int:
    import soundfile

    sounds = {name: wave for name, wave in capture.waveforms.items() if is_sound(wave)}
    for name, wave in sounds.items():
        place = _place(out, name, capture, "flac")
        soundfile.write(place, pcm24(wave, name), round(wave.sample_rate_hz), subtype="PCM_24")
    return len(sounds)


def _write_pictures(capture: Capture, out: Path) -> int:
    for name, frame in capture.frames.items():
        _place(out, name, capture, "png").write_bytes(png(frame.pixels))
    return len(capture.frames)


def _write_jpegs(capture: Capture, out: Path) -> int:
    for name, frame in capture.frames.items():
        pixels = frame.pixels if frame.pixels.dtype == np.uint8 else (frame.pixels >> 8).astype(np.uint8)
        _place(out, name, capture, "jpg").write_bytes(jpeg(pixels))
    return len(capture.frames)


def _place(out: Path, channel: str, capture: Capture, suffix: str) -> Path:
    folder = out / channel
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{file_name(capture.trigger.part_id)}.{suffix}"


_WRITERS: dict[ExportFormat, Callable[[Capture, Path], Any]] = {
    "parquet": _write_tables,
    "wav": _write_sound,
    "flac": _write_flac,
    "images": _write_pictures,
    "jpeg": _write_jpegs,
}
