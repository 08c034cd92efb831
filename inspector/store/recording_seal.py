"""Give a recording that was cut short its index, in place: what a killed process or a full disk left becomes a whole file again."""

from __future__ import annotations

import os
import struct
from collections import Counter
from dataclasses import dataclass, field
from io import BufferedRandom
from pathlib import Path

from mcap.exceptions import EndOfFile, McapError
from mcap.records import Channel, Chunk, ChunkIndex, Message, MessageIndex, Metadata, MetadataIndex, Schema
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.writer import MCAP0_MAGIC

from inspector.errors import RecordingError
from inspector.store.recording_chunks import Contents
from inspector.store.recording_schema import CAPTURES_TOPIC

RECORD_LIMIT_BYTES = 1 << 30
"""A longer record is a damaged length."""


@dataclass(slots=True)
class _Whole:
    """What lies before the end of the last whole part."""

    end: int = 0
    chunks: int = 0
    metadata: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    parts: int = 0

    def of(self, found: Contents) -> Contents:
        return Contents(found.schemas, found.channels, found.chunks[: self.chunks], found.metadata[: self.metadata], self.counts)


def seal(path: Path) -> int | None:
    """Cut off what follows the last whole part and write the index behind it; return the number of parts, None where it has its index.

    Raises OSError, e.g. when there is no room for the index (the file is then as cut as it was), and RecordingError for what is no
    recording or is damaged before its end.
    """
    with path.open("r+b") as file:
        scanned = None if _ends_well(file) else _scan(file, path)
        if scanned is None:
            return None
        whole, contents = scanned
        if whole.end == 0:  # not even its head is there: nothing to save, nothing to make whole
            return 0
        try:
            file.truncate(whole.end)
            file.seek(whole.end)
            file.write(contents.index(whole.end))
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), whole.end)
            raise
    return whole.parts


def _ends_well(file: BufferedRandom) -> bool:
    """Say whether the file was closed, without reading it; stay at its beginning."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - len(MCAP0_MAGIC)))
    last = file.read()
    file.seek(0)
    return size > 2 * len(MCAP0_MAGIC) and last == MCAP0_MAGIC


def _scan(file: BufferedRandom, path: Path) -> tuple[_Whole, Contents] | None:
    """Read what is whole; None where the file has its end. The last chunk counts once all its message indexes are there."""
    found, whole = Contents(), _Whole()
    awaited: set[int] = set()
    before = file.tell()
    try:
        for record in StreamReader(file, emit_chunks=True, record_size_limit=RECORD_LIMIT_BYTES).records:
            after = file.tell()
            if isinstance(record, Metadata):
                found.metadata.append(MetadataIndex(before, after - before, record.name))
                whole.end, whole.metadata = after, len(found.metadata)
            elif isinstance(record, Chunk):
                awaited = _add_chunk(found, record, before, after)
            elif isinstance(record, MessageIndex) and found.chunks:
                _add_message_index(found, record, before, after)
                awaited.discard(record.channel_id)
                if not awaited and _ends_part(found):
                    whole = _Whole(after, len(found.chunks), len(found.metadata), found.counts.copy(), whole.parts + 1)
            before = after
        return None
    except (EndOfFile, struct.error):  # here the file ends
        pass
    except (McapError, ValueError, RuntimeError) as error:
        raise RecordingError(f"{path}: is damaged and not just cut short; 'inspector recording recover' saves what can be read") from error
    return whole, whole.of(found)


def _add_chunk(found: Contents, chunk: Chunk, start: int, end: int) -> set[int]:
    """Note a chunk; return the channels whose message indexes must follow."""
    records = breakup_chunk(chunk, validate_crc=True)
    found.schemas |= {record.id: record for record in records if isinstance(record, Schema)}
    found.channels |= {record.id: record for record in records if isinstance(record, Channel)}
    found.chunks.append(
        ChunkIndex(
            chunk_length=end - start,
            chunk_start_offset=start,
            compression=chunk.compression,
            compressed_size=len(chunk.data),
            message_end_time=chunk.message_end_time,
            message_index_length=0,
            message_index_offsets={},
            message_start_time=chunk.message_start_time,
            uncompressed_size=chunk.uncompressed_size,
        )
    )
    return {record.channel_id for record in records if isinstance(record, Message)}


def _add_message_index(found: Contents, record: MessageIndex, start: int, end: int) -> None:
    chunk = found.chunks[-1]
    chunk.message_index_offsets[record.channel_id] = start
    chunk.message_index_length += end - start
    found.counts[record.channel_id] += len(record.records)


def _ends_part(found: Contents) -> bool:
    channels = (found.channels.get(number) for number in found.chunks[-1].message_index_offsets)
    return any(channel is not None and channel.topic == CAPTURES_TOPIC for channel in channels)
