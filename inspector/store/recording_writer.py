"""Write a recording: captures in, blocks out, nothing twice.

Windows of neighbouring parts overlap (a minute of temperature, two parts a second), so a channel is written as one stream of blocks
and each part says which span of it is its own. Streams go by the raw stamps: a clock's fit is better with every part, stamps stay.
A part's pictures are encoded meanwhile, and lie in another chunk: whoever looks for a minute of temperature need not read them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import yaml
from numpy.typing import NDArray

from inspector.config import Station, without_secrets
from inspector.errors import RecordingError
from inspector.parts import ON_TIME, Capture, ClockFit, Frame, PartTruth, Series, Waveform
from inspector.store import recording_schema as schema
from inspector.store.recording_chunks import ChunkWriter
from inspector.store.recording_file import RecordingFile
from inspector.store.recording_seal import seal
from inspector.store.recording_stream import ChannelStream, jitter_samples

BLOCK_S = 0.1
REACH_PARTS, AGAIN_BYTES = 16, 1 << 16
"""A slow channel is written anew when a part would have to be read from more parts than this, and it is no larger than this."""
ENCODERS = 2
"""Pictures encoded at once, beside the rest of their part; OpenCV lets go of the interpreter for it."""
_Coming = tuple[str, int, Future[tuple[str, bytes]]]
"""A picture on its way: its channel, its instant on the station's clock, its schema and message."""


class RecordingWriter:
    """Write captures to a new recording; after each `write` the part is in the file, so that a killed process loses the next one at most.

    When the file cannot grow, it is cut back to its last whole part and closed; what was written stays readable.

    Args:
        path: a file that must not exist yet.
        station: kept in the recording.
        pictures: "png" (every bit, small, slow), "raw" (every bit, large, fast), or "jpeg" where size matters more than the last bit.
    """

    def __init__(self, path: Path | str, station: Station, *, pictures: schema.PictureFormat = "png") -> None:
        self.path = Path(path)
        self._station = station
        self._pictures: schema.PictureFormat = pictures
        self._file = RecordingFile(self.path)
        self._encoders = ThreadPoolExecutor(ENCODERS, thread_name_prefix="pictures")
        self._topics: dict[tuple[str, str], int] = {}
        self._streams: dict[str, ChannelStream] = {}
        self._wall_offset_ns: int | None = None
        self.parts = 0
        try:
            self._begin()
        except OSError as error:
            failure = self._failed(error)
            self.path.unlink(missing_ok=True)
            raise failure from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def size_bytes(self) -> int:
        """How large the file is, up to its last whole part."""
        return self._file.whole

    def close(self) -> None:
        """Write the index and close the file; safe to call twice. Raises RecordingError."""
        self._encoders.shutdown()
        if self._file.closed:
            return
        try:
            self._chunks.finish()
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def write(self, capture: Capture, truth: PartTruth | None = None) -> None:
        """Add one part. Raises RecordingError, e.g. when the disk is full; the recording is closed then."""
        if self._file.closed:
            raise RecordingError(f"{self.path}: is closed; write to a new recording")
        try:
            self._write(capture, truth)
            self._chunks.end_chunk()
        except OSError as error:
            raise self._failed(error) from error
        self._file.mark_whole()
        self.parts += 1

    def _begin(self) -> None:
        self._chunks = ChunkWriter(self._file, f"line-inspector {version('line-inspector')}")
        self._chunks.add_metadata("station", {"name": self._station.station, "yaml": _station_yaml(self._station)})
        self._chunks.add_metadata("versions", {"line-inspector": version("line-inspector"), "layout": schema.LAYOUT})
        self._schemas = {name: self._chunks.add_schema(name, *content) for name, content in schema.schemas().items()}
        self._file.mark_whole()

    def _write(self, capture: Capture, truth: PartTruth | None) -> None:
        trigger = capture.trigger
        if self._wall_offset_ns is None:
            self._wall_offset_ns = capture.wall_utc_ns - trigger.t_ns
        clocks = {name: capture.clocks.get(name, ON_TIME) for name in (*capture.frames, *capture.waveforms, *capture.series)}
        coming = self._encode_frames(capture.frames, clocks)
        document = {
            "station": trigger.station,
            "part_id": trigger.part_id,
            "t_ns": trigger.t_ns,
            "wall_utc_ns": capture.wall_utc_ns,
            "drops": dict(capture.drops),
            "frames": {name: {"block": self._stream(name).next_block - 1, "t_ns": frame.t_ns} for name, frame in capture.frames.items()},
            "waveforms": {name: self._write_waveform(name, wave, clocks[name]) for name, wave in capture.waveforms.items()},
            "series": {name: self._write_series(name, series, clocks[name]) for name, series in capture.series.items()},
            "clocks": {name: asdict(fit) for name, fit in capture.clocks.items()},
            "faults": dict(capture.faults),
            "arrivals": {name: _pairs(arrivals) for name, arrivals in capture.arrivals.items()},
        }
        if coming:
            self._chunks.end_chunk()
        for name, t_ns, encoded in coming:
            schema_name, data = encoded.result()
            self._add(name, schema_name, t_ns, data, sequence=self._stream(name).next_block - 1)
        if truth is not None:
            self._add_json(schema.TRUTH_TOPIC, "inspector.Truth", trigger.t_ns, _truth_document(trigger.part_id, truth))
        self._add_json(schema.CAPTURES_TOPIC, "inspector.Capture", trigger.t_ns, document)

    def _encode_frames(self, frames: Mapping[str, Frame], clocks: Mapping[str, ClockFit]) -> list[_Coming]:
        """Begin to encode the pictures that are new."""
        coming = []
        for name, frame in frames.items():
            t_ns = clocks[name].station_time_ns(frame.t_ns)
            if self._stream(name).take_frame(frame, clocks[name].epoch):
                encoded = self._encoders.submit(schema.encode_picture, frame.pixels, name, self._pictures, self._wall_ns(t_ns))
                coming.append((name, t_ns, encoded))
        return coming

    def _write_waveform(self, name: str, wave: Waveform, clock: ClockFit) -> dict[str, Any]:
        stream = self._stream(name)
        rate = wave.sample_rate_hz
        kind = (rate, wave.unit, clock.epoch)
        guess = round((wave.start_ns - stream.start_ns) * rate / 1e9)
        place = stream.place_near(wave.samples, guess, jitter_samples(rate), kind)
        written = stream.advance((wave.samples,), place, kind)
        stream.start_ns = wave.start_ns
        new = wave.samples[written:]
        if len(new):
            self._write_samples(name, Waveform(wave.start_ns + round(written * 1e9 / rate), rate, new, wave.unit), clock)
        return {**stream.span(len(wave.samples)), "start_ns": wave.start_ns, "sample_rate_hz": rate, "unit": wave.unit}

    def _write_samples(self, name: str, new: Waveform, clock: ClockFit) -> None:
        is_sound = name in self._station.channels and self._station.channels[name].modality == "audio"
        topic = self._topic(name, "foxglove.RawAudio" if is_sound else "inspector.WaveformBlock")
        stream, rate = self._stream(name), new.sample_rate_hz
        per_block = max(1, round(BLOCK_S * rate))
        firsts = range(0, len(new.samples), per_block)
        pcm = schema.pcm16(new.samples) if is_sound else None
        rms = [] if is_sound else _rms(new.samples, firsts)
        for number, first in enumerate(firsts):
            start_ns = new.start_ns + round(first * 1e9 / rate)
            wall_ns = self._wall_ns(clock.station_time_ns(start_ns))
            block = new.samples[first : first + per_block]
            if is_sound:
                data = schema.encode_sound(block if pcm is None else pcm[first : first + per_block], rate, wall_ns)
            else:
                data = schema.encode_waveform(start_ns, rate, new.unit, block, rms[number])
            self._chunks.add_message(topic, wall_ns, data, stream.add_block(len(block)))

    def _write_series(self, name: str, series: Series, clock: ClockFit) -> dict[str, Any]:
        stream = self._stream(name)
        size_bytes = series.t_ns.nbytes + series.values.nbytes
        begins_anew = len(stream.blocks) >= REACH_PARTS and size_bytes <= AGAIN_BYTES
        known = stream.values[0] if stream.values and len(series.t_ns) and not begins_anew else None
        place = int(np.searchsorted(known, series.t_ns[0])) if known is not None else None
        written = stream.advance((series.t_ns, series.values), place, (series.unit, clock.epoch))
        if written < len(series.t_ns):
            block = Series(series.t_ns[written:], series.values[written:], series.unit)
            number = stream.add_block(len(block.t_ns))
            station_ns = clock.station_time_ns(int(block.t_ns[-1]))
            self._add(name, "inspector.SeriesBlock", station_ns, schema.encode_series(block), sequence=number)
        return {**stream.span(len(series.t_ns)), "unit": series.unit}

    def _stream(self, name: str) -> ChannelStream:
        return self._streams.setdefault(name, ChannelStream())

    def _add_json(self, topic: str, schema_name: str, t_ns: int, document: dict[str, Any]) -> None:
        self._add(topic.removeprefix("/"), schema_name, t_ns, json.dumps(document).encode(), sequence=self.parts, encoding="json")

    def _add(self, name: str, schema_name: str, t_ns: int, data: bytes, *, sequence: int, encoding: str = "protobuf") -> None:
        self._chunks.add_message(self._topic(name, schema_name, encoding), self._wall_ns(t_ns), data, sequence)

    def _topic(self, name: str, schema_name: str, encoding: str = "protobuf") -> int:
        topic = (name, schema_name)
        if topic not in self._topics:
            self._topics[topic] = self._chunks.add_channel(f"/{name}", encoding, self._schemas[schema_name])
        return self._topics[topic]

    def _wall_ns(self, t_ns: int) -> int:
        return max(0, t_ns + (self._wall_offset_ns or 0))

    def _failed(self, error: OSError) -> RecordingError:
        """Leave a file of whole parts, with its index if there is room for one."""
        self._file.cut_back()
        try:
            seal(self.path)
        except (OSError, RecordingError):
            note = f"; mend it with 'inspector recording recover {self.path} --out FILE'"
        else:
            note = ""
        return RecordingError(f"{self.path}: cannot be written after part {self.parts}: {error.strerror}; recording has stopped{note}")


def _rms(samples: NDArray[np.float32], firsts: range) -> list[float]:
    """Return the root mean square of each block."""
    with np.errstate(invalid="ignore"):
        squares = np.square(samples, dtype=np.float64)
        counts = np.diff([*firsts, len(samples)])
        return [float(value) for value in np.sqrt(np.add.reduceat(squares, list(firsts)) / counts)]


def _pairs(arrivals: NDArray[np.int64]) -> str:
    return base64.b64encode(arrivals.astype("<i8", copy=False).tobytes()).decode()


def _station_yaml(station: Station) -> str:
    return yaml.safe_dump(without_secrets(station.model_dump(mode="json")), sort_keys=False, allow_unicode=True)


def _truth_document(part_id: str, truth: PartTruth) -> dict[str, Any]:
    document: dict[str, Any] = {"part_id": part_id, "label": truth.label, "cause": truth.cause, "severity": truth.severity}
    if truth.mask is not None:
        document["mask_png"] = base64.b64encode(schema.png(truth.mask)).decode()
    return document
