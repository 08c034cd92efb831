"""The container (MCAP) as we write it: chunks of messages, each followed by its message indexes, and the index of all at the end.

The library's own writer spends twice as long on small messages, and compresses pictures that are compressed already. What is written
here is read back by the library's reader.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from io import BytesIO
from itertools import groupby
from typing import Any, Protocol

import lz4.frame
from mcap.data_stream import ReadDataStream, RecordBuilder
from mcap.opcode import Opcode
from mcap.records import (
    Channel,
    Chunk,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    Message,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
)
from mcap.stream_reader import breakup_chunk
from mcap.writer import MCAP0_MAGIC

CHUNK_BYTES = 1 << 20
LARGE_BYTES = 1 << 16
_SAMPLE_BYTES = 16_384
_WORTH_RATIO = 0.75
_MESSAGE = struct.Struct("<BQHIQQ")
"""Opcode, length, channel, sequence, log time, publish time; then the data."""
_MESSAGE_HEAD = struct.Struct("<HIQQ")
_RECORD = struct.Struct("<BQ")
_CHUNK = struct.Struct("<BQQQQI")
"""Opcode, length, first and last log time, size and checksum of what is in it; then the compression, and the data."""
_CHUNK_HEAD_BYTES = 8 + 8 + 8 + 4
_MESSAGE_INDEX = struct.Struct("<BQHI")
"""Opcode, length, channel, bytes that follow: pairs of log time and place in the chunk."""


class GrowingFile(Protocol):
    """Where a recording is written to."""

    def write(self, data: bytes) -> int: ...
    def tell(self) -> int: ...


@dataclass(slots=True)
class Contents:
    """What a file holds so far: its index."""

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    chunks: list[ChunkIndex] = field(default_factory=list)
    metadata: list[MetadataIndex] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)
    """Messages per channel."""

    def index(self, start: int) -> bytes:
        """Return all that follows the last chunk, which ends at `start`: end of data, index, footer."""
        data_end = record_bytes(DataEnd(0))
        records = (*self.schemas.values(), *self.channels.values(), self._statistics(), *self.chunks, *self.metadata)
        summary = b"".join(map(record_bytes, records))
        start += len(data_end)
        checked = zlib.crc32(struct.pack("<BQQQ", Opcode.FOOTER, 8 + 8 + 4, start, 0), zlib.crc32(summary))
        return data_end + summary + record_bytes(Footer(start, 0, checked)) + MCAP0_MAGIC

    def _statistics(self) -> Statistics:
        return Statistics(
            attachment_count=0,
            channel_count=len(self.channels),
            channel_message_counts=dict(self.counts),
            chunk_count=len(self.chunks),
            message_count=self.counts.total(),
            metadata_count=len(self.metadata),
            message_start_time=min((chunk.message_start_time for chunk in self.chunks), default=0),
            message_end_time=max((chunk.message_end_time for chunk in self.chunks), default=0),
            schema_count=len(self.schemas),
        )


class ChunkWriter:
    """Write messages in chunks. Every method raises OSError where the file cannot grow."""

    def __init__(self, file: GrowingFile, library: str) -> None:
        self._file = file
        self._contents = Contents()
        self._pieces: list[bytes] = []
        self._size = 0
        self._places: dict[int, list[int]] = {}
        """Channel -> log time and place in the chunk, one after the other."""
        self._file.write(MCAP0_MAGIC + record_bytes(Header("", library)))

    def add_metadata(self, name: str, values: Mapping[str, str]) -> None:
        start, data = self._file.tell(), record_bytes(Metadata(name, dict(values)))
        self._file.write(data)
        self._contents.metadata.append(MetadataIndex(start, len(data), name))

    def add_schema(self, name: str, encoding: str, data: bytes) -> int:
        """Name a kind of message; return its number."""
        number = len(self._contents.schemas) + 1
        self._contents.schemas[number] = Schema(id=number, data=data, encoding=encoding, name=name)
        self._put(record_bytes(self._contents.schemas[number]))
        return number

    def add_channel(self, topic: str, encoding: str, schema: int) -> int:
        """Name a stream of messages; return its number."""
        number = len(self._contents.channels) + 1
        self._contents.channels[number] = Channel(id=number, topic=topic, message_encoding=encoding, schema_id=schema, metadata={})
        self._put(record_bytes(self._contents.channels[number]))
        return number

    def add_message(self, channel: int, t_ns: int, data: bytes, sequence: int) -> None:
        self._places.setdefault(channel, []).extend((t_ns, self._size))
        self._pieces += _MESSAGE.pack(Opcode.MESSAGE, _MESSAGE_HEAD.size + len(data), channel, sequence, t_ns, t_ns), data
        self._size += _MESSAGE.size + len(data)
        if self._size > CHUNK_BYTES:
            self.end_chunk()

    def end_chunk(self) -> None:
        """Write what has come since the last chunk, if any."""
        if not self._places:
            return
        start = self._file.tell()
        index = self._write_chunk()
        index.chunk_start_offset, index.chunk_length = start, self._file.tell() - start
        indexes = []
        place = self._file.tell()
        for channel, places in self._places.items():
            index.message_index_offsets[channel] = place
            indexes.append(_MESSAGE_INDEX.pack(Opcode.MESSAGE_INDEX, 6 + 8 * len(places), channel, 8 * len(places)))
            indexes.append(struct.pack(f"<{len(places)}Q", *places))
            place += _MESSAGE_INDEX.size + 8 * len(places)
            self._contents.counts[channel] += len(places) // 2
        index.message_index_length = place - self._file.tell()
        self._file.write(b"".join(indexes))
        self._contents.chunks.append(index)
        self._pieces, self._size, self._places = [], 0, {}

    def finish(self) -> None:
        """Write the last chunk and the index."""
        self.end_chunk()
        self._file.write(self._contents.index(self._file.tell()))

    def _put(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)

    def _write_chunk(self) -> ChunkIndex:
        """Write the chunk, compressed where that is worth it; return what the index says of it. Megabytes are not copied."""
        plain = _grouped(self._pieces)
        checksum = reduce(lambda crc, piece: zlib.crc32(piece, crc), plain, 0)
        first_ns = min(min(places[::2]) for places in self._places.values())
        last_ns = max(max(places[::2]) for places in self._places.values())
        compression = b"lz4" if _is_worth(plain) else b""
        data = [lz4.frame.compress(b"".join(plain))] if compression else plain
        size = sum(map(len, data))
        length = _CHUNK_HEAD_BYTES + 4 + len(compression) + 8 + size
        head = _CHUNK.pack(Opcode.CHUNK, length, first_ns, last_ns, self._size, checksum)
        for piece in (head + struct.pack("<I", len(compression)) + compression + struct.pack("<Q", size), *data):
            self._file.write(piece)
        return ChunkIndex(
            chunk_length=0,
            chunk_start_offset=0,
            compression=compression.decode(),
            compressed_size=size,
            message_end_time=last_ns,
            message_index_length=0,
            message_index_offsets={},
            message_start_time=first_ns,
            uncompressed_size=self._size,
        )


def _grouped(pieces: list[bytes]) -> list[bytes]:
    """Join what is small, leave what is large."""
    grouped: list[bytes] = []
    for small, run in groupby(pieces, lambda piece: len(piece) < LARGE_BYTES):
        these = list(run)
        grouped += [b"".join(these)] if small else these
    return grouped


def _is_worth(plain: list[bytes]) -> bool:
    """Say whether compressing promises much: a look at the middle tells sensor noise, and pictures that are compressed already."""
    largest = max(plain, key=len)
    middle = len(largest) // 2
    sample = largest[middle : middle + _SAMPLE_BYTES]
    return len(largest) < 2 * _SAMPLE_BYTES or len(lz4.frame.compress(sample)) < _WORTH_RATIO * len(sample)


def chunk_records(chunk: Chunk) -> Iterator[Schema | Channel | Message]:
    """Yield what is in a chunk. Raises ValueError, RuntimeError or struct.error where it is damaged; the library takes twice as long."""
    if chunk.compression not in ("", "lz4"):  # not from us
        yield from (record for record in breakup_chunk(chunk, validate_crc=True) if isinstance(record, (Schema, Channel, Message)))
        return
    data = lz4.frame.decompress(chunk.data) if chunk.compression else chunk.data
    if chunk.uncompressed_crc and zlib.crc32(data) != chunk.uncompressed_crc:
        raise ValueError("the checksum of a chunk is wrong")
    place = 0
    while place < len(data):
        opcode, length = _RECORD.unpack_from(data, place)
        place += _RECORD.size
        if opcode == Opcode.MESSAGE:
            channel, sequence, log_ns, publish_ns = _MESSAGE_HEAD.unpack_from(data, place)
            yield Message(channel, log_ns, data[place + _MESSAGE_HEAD.size : place + length], publish_ns, sequence)
        elif opcode == Opcode.SCHEMA:
            yield Schema.read(ReadDataStream(BytesIO(data[place : place + length])))
        elif opcode == Opcode.CHANNEL:
            yield Channel.read(ReadDataStream(BytesIO(data[place : place + length])))
        place += length


def record_bytes(record: McapRecord) -> bytes:
    """Return a record as it stands in a file."""
    builder: Any = RecordBuilder()
    record.write(builder)
    return bytes(builder.end())
