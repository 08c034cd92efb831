"""Reach one part of a recording without reading those before it, by the index at the file's end.

A part's blocks may lie as far back as its windows overlap with those of earlier parts. From the part's own chunk the index is walked
backward, and only chunks are read that hold a channel of which something is still missing: pictures lie apart, so a long history of
a slow channel costs no picture.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Chunk, Statistics
from mcap.stream_reader import StreamReader
from mcap.writer import MCAP0_MAGIC

from inspector.errors import RecordingError
from inspector.store import recording_schema as schema
from inspector.store.recording_reader import DAMAGE, Assembler, Block, Damage, Names, RecordedPart, opened, read_parts
from inspector.store.recording_seal import RECORD_LIMIT_BYTES

_RECORD = struct.Struct("<BQ")
_FOOTER = struct.Struct("<BQQQI8s")
"""Opcode, length, start of the index, start of its table of contents, checksum; then the file's last bytes."""
_CHECKED_FOOTER_BYTES = 25
"""The checksum covers the footer up to itself."""
_CHUNK_INDEX = struct.Struct("<16xQQI")
"""Two times, then where the chunk begins, its length, and the length of the table of its channels."""
_CHANNEL_PLACE = struct.Struct("<HQ")


class _ChunkPlace(NamedTuple):
    """Where a chunk begins, and the numbers of the channels in it."""

    offset: int
    channels: frozenset[int]


class PartIndex:
    """The parts of a closed recording by their number, from 0. Raises RecordingError for a file without an index.

    with PartIndex(path) as index:
        part = index.part(index.parts - 1)
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file = opened(self.path)
        self._names = Names()
        self._chunks: list[_ChunkPlace] = []
        counts: dict[int, int] = {}
        try:
            for opcode, content in _summary_records(self._file):
                if opcode == Opcode.CHUNK_INDEX:
                    self._chunks.append(_chunk_place(content))
                elif opcode == Opcode.STATISTICS:
                    counts = Statistics.read(ReadDataStream(BytesIO(content))).channel_message_counts
                else:
                    self._names.learn(opcode, content)
        except (OSError, *DAMAGE) as error:
            self._file.close()
            raise RecordingError(f"{self.path}: has no index, so no part can be picked; recover it first") from error
        self._ids: dict[str, set[int]] = {}
        for number, channel in self._names.channels.items():
            self._ids.setdefault(channel.topic.removeprefix("/"), set()).add(number)
        captures = self._ids.get(schema.CAPTURES_TOPIC.removeprefix("/"), set())
        self._part_chunks = [number for number, chunk in enumerate(self._chunks) if not captures.isdisjoint(chunk.channels)]
        self.parts = sum(counts.get(number, 0) for number in captures)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def part(self, number: int) -> RecordedPart:
        """Return a part. Raises RecordingError where there is none of this number or it is damaged."""
        if not 0 <= number < self.parts:
            raise RecordingError(f"{self.path}: has no part {number}; there are {self.parts}, counted from 0")
        if self.parts != len(self._part_chunks):  # not as our writer writes, which ends a chunk with every part
            return next(islice(read_parts(self.path), number, None))
        damage = Damage()
        part = self._assembled(number, damage)
        if part is None or damage.words:
            raise RecordingError(f"{self.path}: part {number} is damaged; 'inspector recording recover' saves what can be read")
        return part

    def find(self, part_id: str) -> int:
        """Return the number of the first part of this name. Raises RecordingError where there is none."""
        for number, chunk in enumerate(self._part_chunks):
            captures = (block for block in self._blocks(chunk) if block.topic == schema.CAPTURES_TOPIC)
            if any(json.loads(block.message.data)["part_id"] == part_id for block in captures):
                return number
        raise RecordingError(f"{self.path}: holds no part '{part_id}'")

    def _assembled(self, number: int, damage: Damage) -> RecordedPart | None:
        last = self._part_chunks[number]
        first = self._part_chunks[number - 1] + 1 if number else 0
        own = self._blocks(last)
        capture = next((block for block in own if block.topic == schema.CAPTURES_TOPIC), None)
        if capture is None:
            return None
        assembler = Assembler(damage)
        for block in self._wanted(json.loads(capture.message.data), own, last, first):
            assembler.feed(block)
        return assembler.feed(capture)

    def _wanted(self, document: dict[str, Any], own: list[Block], last: int, first: int) -> list[Block]:
        """Return the blocks of a part whose own chunks are `first` to `last` (which holds `own`), those of earlier parts included."""
        begins = {name: ref["block"] for name, ref in document["frames"].items()}
        begins |= {name: ref["first"] for kind in ("waveforms", "series") for name, ref in document[kind].items() if ref["count"]}
        missing = set(begins)
        found: dict[tuple[str, int], Block] = {}
        truth = schema.TRUTH_TOPIC.removeprefix("/")
        for number in range(last, -1, -1):
            names = missing | {truth} if number >= first else missing
            if not names:
                break
            if self._holds(self._chunks[number], names):
                for block in own if number == last else self._blocks(number):
                    name = block.topic.removeprefix("/")
                    if name == truth or (name in missing and block.message.sequence >= begins[name]):
                        found[name, block.message.sequence] = block
                missing -= {name for name in missing if (name, begins[name]) in found}
        return list(found.values())

    def _holds(self, chunk: _ChunkPlace, names: set[str]) -> bool:
        return any(not self._ids.get(name, set()).isdisjoint(chunk.channels) for name in names)

    def _blocks(self, number: int) -> list[Block]:
        self._file.seek(self._chunks[number].offset)
        record = next(StreamReader(self._file, skip_magic=True, emit_chunks=True, record_size_limit=RECORD_LIMIT_BYTES).records)
        return (self._names.blocks(record) or []) if isinstance(record, Chunk) else []


def _summary_records(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and content of the records of the index; a library object for each of thousands would take too long."""
    file.seek(-_FOOTER.size, 2)
    *_, start, _, crc, magic = _FOOTER.unpack(file.read(_FOOTER.size))
    end = file.tell() - _FOOTER.size
    if magic != MCAP0_MAGIC or not 0 < start <= end:
        raise ValueError("no footer")
    file.seek(start)
    data = file.read(end + _CHECKED_FOOTER_BYTES - start)
    if crc and zlib.crc32(data) != crc:
        raise ValueError("the index is damaged")
    place = 0
    while place < end - start:
        opcode, length = _RECORD.unpack_from(data, place)
        place += _RECORD.size + length
        yield opcode, data[place - length : place]


def _chunk_place(content: bytes) -> _ChunkPlace:
    offset, _, length = _CHUNK_INDEX.unpack_from(content)
    return _ChunkPlace(offset, frozenset(number for number, _ in _CHANNEL_PLACE.iter_unpack(content[_CHUNK_INDEX.size :][:length])))


def read_part(path: Path | str, number: int) -> RecordedPart:
    """Return one part of a closed recording, counted from 0. Raises RecordingError."""
    with PartIndex(path) as index:
        return index.part(number)
