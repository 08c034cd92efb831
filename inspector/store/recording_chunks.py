"""The container (MCAP) as we write it: chunks of messages, each followed by its message indexes, and the index of all at the end.

The library's own writer spends twice as long on small messages, and compresses pictures that are compressed already. What is written
here is read back by the library's reader.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import lz4.frame
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import Channel, ChunkIndex, DataEnd, Footer, Header, McapRecord, Metadata, MetadataIndex, Schema, Statistics
from mcap.writer import MCAP0_MAGIC

CHUNK_BYTES = 1 << 20
_MESSAGE = struct.Struct("<BQHIQQ")
"""Opcode, length, channel, sequence, log time, publish time; then the data."""
_MESSAGE_HEAD_BYTES = 2 + 4 + 8 + 8
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
        places = self._places.setdefault(channel, [])
        places.append(t_ns)
        places.append(self._size)
        self._put(_MESSAGE.pack(Opcode.MESSAGE, _MESSAGE_HEAD_BYTES + len(data), channel, sequence, t_ns, t_ns))
        self._put(data)
        if self._size > CHUNK_BYTES:
            self.end_chunk()

    def end_chunk(self) -> None:
        """Write what has come since the last chunk, if any."""
        if not self._places:
            return
        chunk, index = self._chunk()
        start = self._file.tell()
        indexes = []
        place = start + len(chunk)
        for channel, places in self._places.items():
            index.message_index_offsets[channel] = place
            indexes.append(_MESSAGE_INDEX.pack(Opcode.MESSAGE_INDEX, 6 + 8 * len(places), channel, 8 * len(places)))
            indexes.append(struct.pack(f"<{len(places)}Q", *places))
            place += _MESSAGE_INDEX.size + 8 * len(places)
            self._contents.counts[channel] += len(places) // 2
        index.chunk_start_offset, index.message_index_length = start, place - start - len(chunk)
        self._file.write(b"".join((chunk, *indexes)))
        self._contents.chunks.append(index)
        self._pieces, self._size, self._places = [], 0, {}

    def finish(self) -> None:
        """Write the last chunk and the index."""
        self.end_chunk()
        self._file.write(self._contents.index(self._file.tell()))

    def _put(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)

    def _chunk(self) -> tuple[bytes, ChunkIndex]:
        """Return the chunk's record, compressed where that makes it smaller, and what the index says of it."""
        plain = b"".join(self._pieces)
        first_ns = min(min(places[::2]) for places in self._places.values())
        last_ns = max(max(places[::2]) for places in self._places.values())
        packed = lz4.frame.compress(plain) if _is_worth(plain) else plain
        compression = b"lz4" if len(packed) < len(plain) else b""
        data = packed if compression else plain
        length = _CHUNK_HEAD_BYTES + 4 + len(compression) + 8 + len(data)
        head = _CHUNK.pack(Opcode.CHUNK, length, first_ns, last_ns, len(plain), zlib.crc32(plain))
        names = struct.pack("<I", len(compression)) + compression + struct.pack("<Q", len(data))
        chunk = b"".join((head, names, data))
        index = ChunkIndex(
            chunk_length=len(chunk),
            chunk_start_offset=0,
            compression=compression.decode(),
            compressed_size=len(data),
            message_end_time=last_ns,
            message_index_length=0,
            message_index_offsets={},
            message_start_time=first_ns,
            uncompressed_size=len(plain),
        )
        return chunk, index


def _is_worth(plain: bytes) -> bool:
    """Say whether compressing promises anything: a look at the middle tells sensor noise and pictures that are compressed already."""
    middle = len(plain) // 2
    sample = plain[middle : middle + _SAMPLE_BYTES]
    return len(plain) < 2 * _SAMPLE_BYTES or len(lz4.frame.compress(sample)) < _WORTH_RATIO * len(sample)


_SAMPLE_BYTES = 16_384
_WORTH_RATIO = 0.9


def record_bytes(record: McapRecord) -> bytes:
    """Return a record as it stands in a file."""
    builder: Any = RecordBuilder()
    record.write(builder)
    return bytes(builder.end())
