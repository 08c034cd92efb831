"""A recording as one file per channel over its whole time: what neighbouring parts share once, what no part covers as silence or NaN.

Beside the files lies `pieces.csv`: which samples of which file are an unbroken piece, when it began on the station's clock, and how
long the gap before it was. Zero is the trigger of the first part; `about.json` says when that was.
"""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inspector.errors import RecordingError
from inspector.parts import ON_TIME, Capture, Series, Waveform
from inspector.stamps import capture_on_station_clock
from inspector.store.recording_export import file_name, is_sound, pcm24, refuse_existing
from inspector.store.recording_stream import jitter_samples
from inspector.store.recordings import read_captures

WholeFormat = Literal["parquet", "wav", "flac"]
SOUND_LIMIT_BYTES = 4_000_000_000
"""A WAV file cannot be larger; a longer one goes on in another file."""
SILENCE_SAMPLES = 1 << 20
TAIL_SAMPLES = 64


def export_whole(path: Path | str, as_: WholeFormat, out: Path) -> int:
    """Write each channel as one file (more where its rate or its device's clock began anew); return their number.

    Raises RecordingError. `wav` and `flac` hold waveforms, with silence in the gaps; `parquet` holds series as well, and a NaN in a gap.
    """
    refuse_existing(out)
    channels: dict[str, _Channel] = {}
    first: Capture | None = None
    try:
        for capture in read_captures(path):
            if first is None:
                first = capture
                out.mkdir(parents=True)
            _take(channels, capture, as_, out, first.trigger.t_ns)
        for channel in channels.values():
            channel.close()
        if first is not None:
            _write_about(out, first, channels)
    except OSError as error:
        raise RecordingError(f"{out}: cannot be written: {error.strerror or error}") from error
    return sum(channel.files for channel in channels.values())


@dataclass(slots=True)
class _Piece:
    """An unbroken run of samples."""

    file: str
    first_sample: int
    start_s: float
    gap_before_s: float
    samples: int = 0


class _Channel(ABC):
    """One channel on its way into files. Runs join by the stamps of their own clock; times are the station's."""

    suffix: str

    def __init__(self, name: str, out: Path) -> None:
        self.name, self.files = name, 0
        self.pieces: list[_Piece] = []
        self._out = out
        self._kind: tuple[float, str, int] | None = None
        self._known_ns = 0
        """Stamp behind the last sample that was taken."""
        self._tail: NDArray[np.float32] = np.empty(0, np.float32)
        self._in_file = 0
        self._last_s = float("-inf")

    def take_waveform(self, wave: Waveform, start_s: float, epoch: int) -> None:
        """Append what is new in a part's samples."""
        kind, rate = (wave.sample_rate_hz, wave.unit, epoch), wave.sample_rate_hz
        known = self._known_of(wave) if kind == self._kind else 0
        new = wave.samples[max(0, known) :]
        if not len(new):
            return
        missing = max(0, -known)
        new_s = start_s + max(0, known) / rate
        if kind != self._kind or self._is_full(missing + len(new)):
            self._begin(rate, wave.unit)
            self._add_piece(new_s, missing / rate)
        elif missing:
            self._gap(missing, start_s, rate)
            self._add_piece(new_s, missing / rate)
        self._kind, self._known_ns, self._tail = kind, wave.end_ns, wave.samples[-TAIL_SAMPLES:]
        self._append(new, self._times(new_s, len(new), rate))
        self.pieces[-1].samples += len(new)
        self._in_file += len(new)

    def _known_of(self, wave: Waveform) -> int:
        """Return how many of a part's samples are taken already; negative where as many are missing.

        Where the station stamps a source, its blocks jitter: within that, the samples themselves say where they go on.
        """
        rate = wave.sample_rate_hz
        known = round((self._known_ns - wave.start_ns) * rate / 1e9)
        jitter = jitter_samples(rate)
        for offset in sorted(range(-jitter, jitter + 1), key=abs):
            end = known + offset
            before = wave.samples[max(0, end - len(self._tail)) : max(0, end)]
            if len(before) == len(self._tail) and before.tobytes() == self._tail.tobytes():
                return end
        return 0 if -jitter <= known < 0 else known

    def _times(self, start_s: float, count: int, rate: float) -> NDArray[np.float64]:
        """Return when the samples were, never running backward where a clock's fit was improved in between."""
        times = np.maximum(start_s + np.arange(count) / rate, self._last_s)
        self._last_s = float(times[-1])
        return times

    def _begin(self, rate_hz: float, unit: str) -> None:
        """Go on in a new file."""
        self.close()
        self.files += 1
        self._in_file = 0
        number = f"-{self.files}" if self.files > 1 else ""
        self._open(self._out / f"{file_name(self.name)}{number}.{self.suffix}", rate_hz, unit)

    def _add_piece(self, start_s: float, gap_s: float) -> None:
        number = f"-{self.files}" if self.files > 1 else ""
        self.pieces.append(_Piece(f"{file_name(self.name)}{number}.{self.suffix}", self._in_file, start_s, gap_s))

    def _is_full(self, samples: int) -> bool:  # noqa: ARG002  most files have no end
        """Say whether a file cannot take as many samples more."""
        return False

    @abstractmethod
    def _open(self, path: Path, rate_hz: float, unit: str) -> None: ...

    @abstractmethod
    def _append(self, values: NDArray[Any], times: NDArray[np.float64]) -> None: ...

    @abstractmethod
    def _gap(self, samples: int, start_s: float, rate_hz: float) -> None:
        """Show that `samples` are missing before `start_s`."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file; safe to call twice."""


class _Sound(_Channel):
    """WAV (32-bit float) or FLAC (24 bit)."""

    def __init__(self, name: str, out: Path, suffix: str) -> None:
        super().__init__(name, out)
        self.suffix = suffix
        self._file: Any = None

    def _open(self, path: Path, rate_hz: float, unit: str) -> None:  # noqa: ARG002  sound files know no unit
        import soundfile

        subtype = "FLOAT" if self.suffix == "wav" else "PCM_24"
        self._file = soundfile.SoundFile(path, "w", round(rate_hz), 1, subtype)

    def _is_full(self, samples: int) -> bool:
        return self.suffix == "wav" and (self._in_file + samples) * 4 > SOUND_LIMIT_BYTES

    def _append(self, values: NDArray[Any], times: NDArray[np.float64]) -> None:  # noqa: ARG002  pieces.csv has them
        self._file.write(values if self.suffix == "wav" else pcm24(Waveform(0, 1.0, values, "FS"), self.name))

    def _gap(self, samples: int, start_s: float, rate_hz: float) -> None:  # noqa: ARG002  pieces.csv has them
        for first in range(0, samples, SILENCE_SAMPLES):
            self._file.write(np.zeros(min(SILENCE_SAMPLES, samples - first), np.float32 if self.suffix == "wav" else np.int32))
        self._in_file += samples

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class _Table(_Channel):
    """Parquet with `t_s` and the values."""

    suffix = "parquet"

    def __init__(self, name: str, out: Path) -> None:
        super().__init__(name, out)
        self._writer: Any = None
        self._schema: Any = None

    def take_series(self, series: Series, t_s: NDArray[np.float64], epoch: int) -> None:
        """Append the values that are new in a part's."""
        kind = (0.0, series.unit, epoch)
        new = series.t_ns > self._known_ns if kind == self._kind else np.ones(len(series.t_ns), bool)
        if not new.any():
            return
        if kind != self._kind:
            self._begin(0.0, series.unit)
            self._add_piece(float(t_s[new][0]), 0.0)
        self._kind, self._known_ns = kind, int(series.t_ns[-1])
        self._append(series.values[new], t_s[new])
        self.pieces[-1].samples += int(new.sum())
        self._in_file += int(new.sum())

    def _open(self, path: Path, rate_hz: float, unit: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kind = pa.float32() if rate_hz else pa.float64()
        about = {"unit": unit, "sample_rate_hz": str(rate_hz or "")}
        self._schema = pa.schema([("t_s", pa.float64()), (self.name, kind)], metadata=about)
        self._writer = pq.ParquetWriter(path, self._schema)

    def _append(self, values: NDArray[Any], times: NDArray[np.float64]) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.table({"t_s": times, self.name: values}, schema=self._schema))

    def _gap(self, samples: int, start_s: float, rate_hz: float) -> None:
        self._append(np.array([np.nan], np.float32), np.array([max(self._last_s, start_s - samples / rate_hz)]))
        self._in_file += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _take(channels: dict[str, _Channel], capture: Capture, as_: WholeFormat, out: Path, zero_ns: int) -> None:
    timed = capture_on_station_clock(capture)
    for name, wave in capture.waveforms.items():
        if as_ == "flac" and not is_sound(wave):
            continue
        channel = channels.setdefault(name, _Table(name, out) if as_ == "parquet" else _Sound(name, out, as_))
        start_s = (timed.waveforms[name].start_ns - zero_ns) / 1e9
        channel.take_waveform(wave, start_s, capture.clocks.get(name, ON_TIME).epoch)
    for name, series in capture.series.items() if as_ == "parquet" else ():
        table = channels.setdefault(name, _Table(name, out))
        assert isinstance(table, _Table)
        table.take_series(series, (timed.series[name].t_ns - zero_ns) / 1e9, capture.clocks.get(name, ON_TIME).epoch)


def _write_about(out: Path, first: Capture, channels: dict[str, _Channel]) -> None:
    with (out / "pieces.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["channel", "file", "first_sample", "samples", "start_s", "gap_before_s"])
        for channel in channels.values():
            for piece in channel.pieces:
                start_s, gap_s = f"{piece.start_s:.9f}", f"{piece.gap_before_s:.9f}"
                rows.writerow([channel.name, piece.file, piece.first_sample, piece.samples, start_s, gap_s])
    zero = datetime.fromtimestamp(first.wall_utc_ns / 1e9, UTC).isoformat()
    about = {"station": first.trigger.station, "zero_utc": zero, "zero_is": f"the trigger of part {first.trigger.part_id}"}
    (out / "about.json").write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
