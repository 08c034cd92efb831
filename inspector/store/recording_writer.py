"""Write a recording: captures in, blocks out, nothing twice.

Windows of neighbouring parts overlap (a minute of temperature, two parts a second), so a channel is written as one stream of blocks
and each part says which span of it is its own. What overlaps is compared bit by bit before it is left out; where it differs, the
channel is simply written anew from there.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import yaml
from mcap.writer import CompressionType, Writer
from numpy.typing import NDArray

from inspector.config import Station
from inspector.errors import RecordingError
from inspector.parts import Capture, Frame, PartTruth, Series, Waveform
from inspector.store import recording_schema as schema

CHUNK_BYTES = 1 << 20
BLOCK_S = 0.1

Span = dict[str, Any]
"""Which values of a channel a part holds: from `offset` in block `first` up to, not including, `behind` in block `last`; `count` in all."""


class RecordingWriter:
    """Write captures to a new recording; after each `write` the part is on disk, so that a killed process loses the next one at most.

    Args:
        path: a file that must not exist yet.
        station: kept in the recording.
        pictures: "png" (lossless), or "jpeg" where size matters more than the last bit.
    """

    def __init__(self, path: Path | str, station: Station, *, pictures: schema.PictureFormat = "png") -> None:
        self.path = Path(path)
        self._station = station
        self._pictures: schema.PictureFormat = pictures
        self._file = _new_file(self.path)
        self._writer: Any = Writer(self._file, chunk_size=CHUNK_BYTES, compression=CompressionType.LZ4)
        self._writer.start(profile="", library=f"line-inspector {version('line-inspector')}")
        self._writer.add_metadata("station", {"name": station.station, "yaml": _station_yaml(station)})
        self._writer.add_metadata("versions", {"line-inspector": version("line-inspector"), "layout": "1"})
        self._schemas = {name: self._writer.register_schema(name, *content) for name, content in schema.schemas().items()}
        self._topics: dict[str, int] = {}
        self._streams: dict[str, _Stream] = {}
        self._wall_offset_ns: int | None = None
        self.parts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Write the index and close the file; safe to call twice. Raises RecordingError."""
        if self._file.closed:
            return
        try:
            self._writer.finish()
        except OSError as error:
            raise self._failed(error) from error
        finally:
            self._file.close()

    def write(self, capture: Capture, truth: PartTruth | None = None) -> None:
        """Add one part. Raises RecordingError, e.g. when the disk is full."""
        try:
            self._write(capture, truth)
            self._writer.flush()
        except OSError as error:
            raise self._failed(error) from error
        self.parts += 1

    def _write(self, capture: Capture, truth: PartTruth | None) -> None:
        trigger = capture.trigger
        if self._wall_offset_ns is None:
            self._wall_offset_ns = capture.wall_utc_ns - trigger.t_ns
        document = {
            "station": trigger.station,
            "part_id": trigger.part_id,
            "t_ns": trigger.t_ns,
            "wall_utc_ns": capture.wall_utc_ns,
            "drops": dict(capture.drops),
            "frames": {name: self._write_frame(name, frame) for name, frame in capture.frames.items()},
            "waveforms": {name: self._write_waveform(name, wave) for name, wave in capture.waveforms.items()},
            "series": {name: self._write_series(name, series) for name, series in capture.series.items()},
        }
        if truth is not None:
            self._add_json(schema.TRUTH_TOPIC, "inspector.Truth", trigger.t_ns, _truth_document(trigger.part_id, truth))
        self._add_json(schema.CAPTURES_TOPIC, "inspector.Capture", trigger.t_ns, document)

    def _write_frame(self, name: str, frame: Frame) -> dict[str, Any]:
        stream = self._stream(name)
        last = stream.frame
        if last is None or last.t_ns != frame.t_ns or not np.array_equal(last.pixels, frame.pixels):
            data = schema.encode_picture(frame.pixels, name, self._pictures, self._wall_ns(frame.t_ns))
            self._add(name, "foxglove.CompressedImage", frame.t_ns, data, sequence=stream.next_block)
            stream.next_block += 1
            stream.frame = frame
        return {"block": stream.next_block - 1, "t_ns": frame.t_ns}

    def _write_waveform(self, name: str, wave: Waveform) -> dict[str, Any]:
        stream = self._stream(name)
        rate = wave.sample_rate_hz
        kind = (rate, wave.unit)
        place = round((wave.start_ns - stream.start_ns) * rate / 1e9) if stream.kind == kind else None
        written = stream.already_written((wave.samples,), place)
        stream.start_ns, stream.kind = wave.start_ns, kind
        per_block = max(1, round(BLOCK_S * rate))
        is_sound = name in self._station.channels and self._station.channels[name].modality == "audio"
        for first in range(written, len(wave.samples), per_block):
            samples = wave.samples[first : first + per_block]
            block = Waveform(wave.start_ns + round(first * 1e9 / rate), rate, samples, wave.unit)
            data = schema.encode_sound(block, self._wall_ns(block.start_ns)) if is_sound else schema.encode_waveform(block)
            message = "foxglove.RawAudio" if is_sound else "inspector.WaveformBlock"
            self._add(name, message, block.start_ns, data, sequence=stream.add((samples,)))
        return {**stream.span(len(wave.samples)), "start_ns": wave.start_ns, "sample_rate_hz": rate, "unit": wave.unit}

    def _write_series(self, name: str, series: Series) -> dict[str, Any]:
        stream = self._stream(name)
        known = stream.values[0] if stream.kind == (series.unit,) else None
        place = int(np.searchsorted(known, series.t_ns[0])) if known is not None and len(series.t_ns) else None
        written = stream.already_written((series.t_ns, series.values), place)
        stream.kind = (series.unit,)
        if written < len(series.t_ns):
            block = Series(series.t_ns[written:], series.values[written:], series.unit)
            number = stream.add((block.t_ns, block.values))
            self._add(name, "inspector.SeriesBlock", int(block.t_ns[0]), schema.encode_series(block), sequence=number)
        return {**stream.span(len(series.t_ns)), "unit": series.unit}

    def _stream(self, name: str) -> _Stream:
        return self._streams.setdefault(name, _Stream())

    def _add_json(self, topic: str, schema_name: str, t_ns: int, document: dict[str, Any]) -> None:
        self._add(topic.removeprefix("/"), schema_name, t_ns, json.dumps(document).encode(), sequence=self.parts, encoding="json")

    def _add(self, name: str, schema_name: str, t_ns: int, data: bytes, *, sequence: int, encoding: str = "protobuf") -> None:
        if name not in self._topics:
            self._topics[name] = self._writer.register_channel(f"/{name}", encoding, self._schemas[schema_name])
        wall_ns = self._wall_ns(t_ns)
        self._writer.add_message(self._topics[name], log_time=wall_ns, publish_time=wall_ns, data=data, sequence=sequence)

    def _wall_ns(self, t_ns: int) -> int:
        return max(0, t_ns + (self._wall_offset_ns or 0))

    def _failed(self, error: OSError) -> RecordingError:
        return RecordingError(f"{self.path}: cannot be written after part {self.parts}: {error.strerror}; recording has stopped")


@dataclass(slots=True)
class _Stream:
    """What was written of one channel lately, as far as the next part may want it again."""

    next_block: int = 0
    frame: Frame | None = None
    kind: tuple[Any, ...] = ()
    start_ns: int = 0
    values: tuple[NDArray[Any], ...] = ()
    blocks: list[tuple[int, int]] = field(default_factory=list)
    """(number, count) of the blocks that hold `values`; the first may begin `skipped` before them."""
    skipped: int = 0

    def already_written(self, values: tuple[NDArray[Any], ...], place: int | None) -> int:
        """Return how many of `values`, which begin at index `place` of what is known, are written; forget all before them."""
        length = len(self.values[0]) if self.values else 0
        if place is not None and 0 <= place <= length:
            overlap = min(length - place, len(values[0]))
            ends_here = overlap == length - place  # a part that ends before what is known cannot be continued from
            if ends_here and all(_same(known[place:], new[:overlap]) for known, new in zip(self.values, values, strict=True)):
                self._forget(place)
                return overlap
        self.values, self.blocks, self.skipped = tuple(array[:0] for array in values), [], 0
        return 0

    def add(self, values: tuple[NDArray[Any], ...]) -> int:
        """Note a block as written and return its number."""
        self.values = tuple(np.concatenate(pair) for pair in zip(self.values, values, strict=True))
        self.blocks.append((self.next_block, len(values[0])))
        self.next_block += 1
        return self.next_block - 1

    def span(self, count: int) -> Span:
        """Return where the first `count` of the known values are written."""
        if count == 0:
            return {"first": self.next_block, "offset": 0, "last": self.next_block, "behind": 0, "count": 0}
        left = self.skipped + count
        for number, length in self.blocks:
            if left <= length:
                return {"first": self.blocks[0][0], "offset": self.skipped, "last": number, "behind": left, "count": count}
            left -= length
        raise AssertionError("a span of values that were never written")

    def _forget(self, count: int) -> None:
        self.values = tuple(array[count:] for array in self.values)
        self.skipped += count
        while self.blocks and self.skipped >= self.blocks[0][1]:
            self.skipped -= self.blocks.pop(0)[1]


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    """Compare bit by bit: NaN equals itself, and 0.0 is not -0.0."""
    return left.dtype == right.dtype and left.tobytes() == right.tobytes()


def _new_file(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")
    except FileExistsError as error:
        raise RecordingError(f"{path}: exists already; recordings are never overwritten, choose another name") from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be created: {error.strerror}") from error


def _station_yaml(station: Station) -> str:
    return yaml.safe_dump(station.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _truth_document(part_id: str, truth: PartTruth) -> dict[str, Any]:
    document: dict[str, Any] = {"part_id": part_id, "label": truth.label, "cause": truth.cause, "severity": truth.severity}
    if truth.mask is not None:
        document["mask_png"] = base64.b64encode(schema.png(truth.mask)).decode()
    return document
