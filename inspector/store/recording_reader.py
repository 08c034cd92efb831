"""Read a recording: blocks in, captures out, as they were; and salvage one that was cut short or damaged.

The file is read as a stream, chunk by chunk with its checksum, so that no index is needed and one bad chunk costs one chunk.
"""

from __future__ import annotations

import base64
import json
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from mcap.data_stream import ReadDataStream
from mcap.exceptions import InvalidMagic, McapError
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import Channel, Chunk, ChunkIndex, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.summary import Summary
from mcap.writer import MCAP0_MAGIC
from numpy.typing import NDArray

from inspector.config import Station, validated
from inspector.errors import RecordingError
from inspector.parts import Capture, ClockFit, Frame, PartTruth, Series, Trigger, Waveform
from inspector.store import recording_schema as schema
from inspector.store.recording_chunks import chunk_records
from inspector.store.recording_seal import RECORD_LIMIT_BYTES

DAMAGE = (McapError, struct.error, ValueError, RuntimeError, EOFError, MemoryError, KeyError)
"""What the reading libraries raise on bytes that make no sense."""


@dataclass(frozen=True, slots=True)
class RecordedPart:
    """One part of a recording, and what is really so of it where that was recorded."""

    capture: Capture
    truth: PartTruth | None = None


@dataclass(slots=True)
class Damage:
    """What could not be read."""

    chunks: int = 0
    blocks: int = 0
    truncated: bool = False

    @property
    def words(self) -> list[str]:
        found = [f"{self.chunks} damaged chunks"] * bool(self.chunks) + [f"{self.blocks} lost blocks"] * bool(self.blocks)
        return found + ["cut short: the end is missing"] * self.truncated


@dataclass(frozen=True, slots=True)
class Block:
    """One message with its topic and the name of its schema."""

    topic: str
    schema: str
    message: Message


def read_parts(path: Path | str) -> Iterator[RecordedPart]:
    """Yield the parts of a recording in order. Raises RecordingError that says what to do."""
    path = Path(path)
    if not ends_well(path):
        raise RecordingError(f"{path}: is cut short; try 'inspector recording recover {path} --out {_recovered(path)}'")
    damage = Damage()
    for part in salvage_parts(path, damage):
        yield part
        if damage.words:
            break
    if damage.words:
        raise RecordingError(
            f"{path}: is damaged ({', '.join(damage.words)}); try 'inspector recording recover {path} --out {_recovered(path)}'"
        )


def salvage_parts(path: Path | str, damage: Damage) -> Iterator[RecordedPart]:
    """Yield what can still be read, noting in `damage` what cannot. Raises RecordingError for what is no recording at all."""
    assembler = Assembler(damage)
    for block in blocks(Path(path), damage):
        part = assembler.feed(block)
        if part is not None:
            yield part


def read_metadata(path: Path | str, name: str) -> dict[str, str]:
    """Return a metadata record of the recording's head. Raises RecordingError."""
    path = Path(path)
    try:
        with opened(path) as file:
            for record in StreamReader(file, emit_chunks=True, record_size_limit=RECORD_LIMIT_BYTES).records:
                if isinstance(record, Metadata) and record.name == name:
                    return dict(record.metadata)
                if isinstance(record, Chunk):
                    break
    except InvalidMagic as error:
        raise _no_recording(path) from error
    except DAMAGE as error:
        raise RecordingError(f"{path}: its head is damaged, so it cannot be read") from error
    raise RecordingError(f"{path}: holds no '{name}'; it was not written by this product")


def read_station(path: Path | str) -> Station:
    """Return the station as it was when the recording was made. Raises RecordingError, ConfigError."""
    return validated(Station, yaml.safe_load(read_metadata(path, "station")["yaml"]), path)


def blocks(path: Path, damage: Damage) -> Iterator[Block]:
    """Yield all messages in the order in which they were written, skipping chunks that are damaged."""
    names = Names()
    for chunk in _chunks(path, damage):
        found = names.blocks(chunk)
        if found is None:
            damage.chunks += 1
            summary = summary_of(path)
            if summary is not None:  # what the damaged chunk said of channels, the index says again
                names.schemas |= summary.schemas
                names.channels |= summary.channels
            continue
        yield from found


@dataclass(slots=True)
class Names:
    """What the channels of a file are called, as far as it was read."""

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)

    def learn(self, opcode: int, content: bytes) -> None:
        """Take note of a record if it names a schema or a channel."""
        stream = ReadDataStream(BytesIO(content))
        if opcode == Opcode.SCHEMA:
            schema_record = Schema.read(stream)
            self.schemas[schema_record.id] = schema_record
        elif opcode == Opcode.CHANNEL:
            channel = Channel.read(stream)
            self.channels[channel.id] = channel

    def blocks(self, chunk: Chunk) -> list[Block] | None:
        """Return the messages of a chunk, None where it is damaged."""
        try:
            records = list(chunk_records(chunk))
        except DAMAGE:
            return None
        found = []
        for record in records:
            if isinstance(record, Schema):
                self.schemas[record.id] = record
            elif isinstance(record, Channel):
                self.channels[record.id] = record
            elif isinstance(record, Message) and record.channel_id in self.channels:
                channel = self.channels[record.channel_id]
                schema_name = self.schemas[channel.schema_id].name if channel.schema_id in self.schemas else ""
                found.append(Block(channel.topic, schema_name, record))
        return found


def _chunks(path: Path, damage: Damage) -> Iterator[Chunk]:
    """Yield the chunks; where the stream derails, go on by the index at the file's end if there is one."""
    with opened(path) as file:
        read_to = 0
        try:
            for record in StreamReader(file, emit_chunks=True, record_size_limit=RECORD_LIMIT_BYTES).records:
                if isinstance(record, Chunk):
                    yield record
                    read_to = file.tell()
        except InvalidMagic as error:
            if read_to == 0 and file.tell() <= len(MCAP0_MAGIC):
                raise _no_recording(path) from error
            damage.truncated = True
        except DAMAGE:
            rest = [index for index in _index(path) if index.chunk_start_offset >= read_to]
            if not rest:
                damage.truncated = True
                return
            damage.chunks += 1
            for index in rest[1:]:
                file.seek(index.chunk_start_offset)
                record = next(StreamReader(file, skip_magic=True, emit_chunks=True, record_size_limit=RECORD_LIMIT_BYTES).records)
                if isinstance(record, Chunk):
                    yield record


def index_counts(path: Path) -> dict[str, int] | None:
    """Return topic -> number of messages from the index at the file's end; None where there is none."""
    summary = summary_of(path)
    if summary is None or summary.statistics is None:
        return None
    counts: Counter[str] = Counter()
    for number, count in summary.statistics.channel_message_counts.items():
        if number in summary.channels:
            counts[summary.channels[number].topic] += count
    return counts


def summary_of(path: Path) -> Summary | None:
    """Return the index at the file's end; None where there is none that can be read."""
    try:
        with opened(path) as file:
            return make_reader(file).get_summary()
    except (OSError, *DAMAGE):
        return None


def _index(path: Path) -> list[ChunkIndex]:
    summary = summary_of(path)
    return sorted(summary.chunk_indexes, key=lambda index: index.chunk_start_offset) if summary else []


@dataclass(slots=True)
class Assembler:
    """Blocks go in, parts come out; blocks that no later part can want are let go."""

    damage: Damage
    kept: dict[str, dict[int, Any]] = field(default_factory=dict)
    truths: dict[str, PartTruth] = field(default_factory=dict)

    def feed(self, block: Block) -> RecordedPart | None:
        if block.topic == schema.TRUTH_TOPIC:
            document = json.loads(block.message.data)
            self.truths[document["part_id"]] = _truth(document)
            return None
        if block.topic == schema.CAPTURES_TOPIC:
            return self._part(json.loads(block.message.data))
        values = _decoded(block)
        if values is not None:
            self.kept.setdefault(block.topic.removeprefix("/"), {})[block.message.sequence] = values
        return None

    def _part(self, document: dict[str, Any]) -> RecordedPart:
        frames = {name: self._frame(name, ref) for name, ref in document["frames"].items()}
        waveforms = {name: self._waveform(name, ref) for name, ref in document["waveforms"].items()}
        series = {name: self._series(name, ref) for name, ref in document["series"].items()}
        capture = Capture(
            trigger=Trigger(document["station"], document["part_id"], document["t_ns"]),
            frames={name: frame for name, frame in frames.items() if frame is not None},
            waveforms={name: wave for name, wave in waveforms.items() if wave is not None},
            series={name: one for name, one in series.items() if one is not None},
            drops=document["drops"],
            wall_utc_ns=document["wall_utc_ns"],
            clocks={name: ClockFit(**fit) for name, fit in document.get("clocks", {}).items()},
            faults=document.get("faults", {}),
            arrivals={name: _arrivals(pairs) for name, pairs in document.get("arrivals", {}).items()},
        )
        return RecordedPart(capture, self.truths.pop(document["part_id"], None))

    def _frame(self, name: str, ref: dict[str, Any]) -> Frame | None:
        data = self._from(name, ref["block"]).get(ref["block"])
        if data is None:
            self.damage.blocks += 1
            return None
        return Frame(ref["t_ns"], data())

    def _waveform(self, name: str, ref: dict[str, Any]) -> Waveform | None:
        """Join the blocks of a part; where one is lost, what lies behind it."""
        known = self._from(name, ref["first"])
        pieces: list[Any] = []
        for number in range(ref["last"], ref["first"] - 1, -1):
            if ref["count"] == 0:
                break
            if number not in known:
                self.damage.blocks += 1
                break
            pieces.insert(0, _cut(known[number], number, ref))
        samples = np.concatenate(pieces) if pieces else np.empty(0, np.float32)
        if len(samples) == 0 and ref["count"]:
            return None
        start_ns = ref["start_ns"] + round((ref["count"] - len(samples)) * 1e9 / ref["sample_rate_hz"])
        return Waveform(start_ns, ref["sample_rate_hz"], samples, ref["unit"])

    def _series(self, name: str, ref: dict[str, Any]) -> Series | None:
        known = self._from(name, ref["first"])
        wanted = range(ref["first"], ref["last"] + 1) if ref["count"] else range(0)
        there = [number for number in wanted if number in known]
        self.damage.blocks += len(wanted) - len(there)
        if not there:
            return Series(np.empty(0, np.int64), np.empty(0, np.float64), ref["unit"]) if not len(wanted) else None
        t_ns = np.concatenate([_cut(known[number][0], number, ref) for number in there])
        values = np.concatenate([_cut(known[number][1], number, ref) for number in there])
        return Series(t_ns, values, ref["unit"])

    def _from(self, name: str, first: int) -> dict[int, Any]:
        """Return the channel's blocks, those before `first` let go: parts move forward."""
        known = self.kept.setdefault(name, {})
        for number in [number for number in known if number < first]:
            del known[number]
        return known


def _arrivals(pairs: str) -> NDArray[np.int64]:
    return np.frombuffer(base64.b64decode(pairs), "<i8").reshape(-1, 2).copy()


def _decoded(block: Block) -> Any:
    """Return what a block holds; of a picture, how to get it: most are passed over."""
    decode: dict[str, Callable[[bytes], Any]] = {
        "foxglove.CompressedImage": lambda data: partial(schema.decode_picture, data),
        "foxglove.RawImage": lambda data: partial(schema.decode_raw_picture, data),
        "foxglove.RawAudio": schema.decode_sound,
        "inspector.WaveformBlock": schema.decode_waveform,
        "inspector.SeriesBlock": schema.decode_series,
    }
    return decode[block.schema](block.message.data) if block.schema in decode else None


def _cut(values: Any, number: int, ref: dict[str, Any]) -> Any:
    start = ref["offset"] if number == ref["first"] else 0
    return values[start : ref["behind"]] if number == ref["last"] else values[start:]


def _truth(document: dict[str, Any]) -> PartTruth:
    mask = schema.picture_of(base64.b64decode(document["mask_png"])) if "mask_png" in document else None
    return PartTruth(document["label"], document["cause"], document["severity"], mask)


def ends_well(path: Path) -> bool:
    """Say whether the file was closed. Raises RecordingError for what is no recording."""
    with opened(path) as file:
        if file.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
            raise _no_recording(path)
        file.seek(-len(MCAP0_MAGIC), 2)
        return bool(file.read() == MCAP0_MAGIC) and file.tell() > 2 * len(MCAP0_MAGIC)


def opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise RecordingError(f"{path}: cannot be opened: {error.strerror}") from error


def _no_recording(path: Path) -> RecordingError:
    return RecordingError(f"{path}: is not a recording (MCAP)")


def _recovered(path: Path) -> Path:
    return path.with_name(f"{path.stem}-recovered{path.suffix}")
