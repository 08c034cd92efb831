"""A recording as tables, sound or pictures, one file a part and channel; times are relative to the part's trigger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from inspector.errors import RecordingError
from inspector.parts import Capture
from inspector.store.recording_schema import png
from inspector.store.recordings import read_captures


def export(path: Path | str, as_: str, out: Path) -> int:
    """Write the channels of each part under `out`; return the number of files. Raises RecordingError.

    Args:
        path: the recording.
        as_: `parquet` (waveforms and series), `wav` (waveforms, 32-bit float) or `images` (PNG).
        out: a new folder; it gets one folder per channel with `<part_id>.<suffix>` in it.
    """
    if out.exists():
        raise RecordingError(f"{out}: exists already; choose another folder")
    files = 0
    try:
        for capture in read_captures(path):
            files += _WRITERS[as_](capture, out)
    except OSError as error:
        raise RecordingError(f"{out}: cannot be written: {error.strerror}") from error
    return files


def _write_tables(capture: Capture, out: Path) -> int:
    import numpy as np
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


def _write_pictures(capture: Capture, out: Path) -> int:
    for name, frame in capture.frames.items():
        _place(out, name, capture, "png").write_bytes(png(frame.pixels))
    return len(capture.frames)


def _place(out: Path, channel: str, capture: Capture, suffix: str) -> Path:
    folder = out / channel
    folder.mkdir(parents=True, exist_ok=True)
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in capture.trigger.part_id)
    return folder / f"{safe}.{suffix}"


_WRITERS: dict[str, Callable[[Capture, Path], Any]] = {"parquet": _write_tables, "wav": _write_sound, "images": _write_pictures}
