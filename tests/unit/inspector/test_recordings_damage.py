"""What is left of a recording after a kill, a cut, a flipped bit, a full disk."""

import random
import resource
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader

from inspector.config import Station
from inspector.errors import RecordingError
from inspector.parts import PartTruth
from inspector.store import recordings
from inspector.store.recording_index import PartIndex, read_part
from inspector.store.recording_seal import seal
from inspector.testing import make_capture

WINDOW = {"pre_s": 0.9, "post_s": 0.1}
CHANNELS = {
    name: {"modality": name, "driver": "x", "window": WINDOW if name != "image" else {}}
    for name in ("image", "audio", "vibration", "series")
}
STATION = Station.model_validate(
    {"station": "bench", "title": {"en": "Bench", "zh": "台"}, "trigger": {"driver": "timer"}, "channels": CHANNELS}
)
WRITER = """
import itertools, sys
from inspector.config import Station
from inspector.store.recordings import RecordingWriter
from inspector.testing import make_capture
writer = RecordingWriter(sys.argv[1], Station.model_validate_json(sys.argv[2]))
for number in itertools.count():
    writer.write(make_capture(f"p{number}", t_ns=10_000_000_000 + number * 2_000_000_000, seed=number))
    print(number + 1, flush=True)
"""


def make(number: int):
    return make_capture(f"p{number}", t_ns=10_000_000_000 + number * 300_000_000, seed=number)


def write(path, parts: int, **settings):
    with recordings.RecordingWriter(path, STATION, **settings) as writer:
        for number in range(parts):
            writer.write(make(number), PartTruth("ok", None))
    return path


def chunk_places(path) -> list[tuple[int, int]]:
    with path.open("rb") as file:
        return [(chunk.chunk_start_offset, chunk.chunk_length) for chunk in make_reader(file).get_summary().chunk_indexes]


def record_ends(path) -> list[int]:
    with path.open("rb") as file:
        return [file.tell() for _ in StreamReader(file, emit_chunks=True).records]


@pytest.mark.parametrize("trial", range(5))
def test_a_killed_process_loses_no_finished_part(tmp_path, trial):
    path = tmp_path / "r.mcap"
    words = [sys.executable, "-c", WRITER, str(path), STATION.model_dump_json()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        first = [process.stdout.readline() for _ in range(random.randrange(1, 12))]
        time.sleep(random.uniform(0, 0.02))
        process.kill()
        told = [*first, *process.stdout.read().split()]
    finished = int(told[-1])
    assert recordings.check(path)["parts"] >= finished
    assert seal(path) >= finished
    assert recordings.check(path)["complete"]
    assert [capture.trigger.part_id for capture in recordings.read_captures(path)][:finished] == [f"p{k}" for k in range(finished)]


def test_a_file_cut_at_any_kind_of_place_is_sealed_where_it_stands(tmp_path):
    whole = write(tmp_path / "r.mcap", 3)
    data = whole.read_bytes()
    ends = record_ends(whole)
    starts = [0, *ends[:-1]]
    places = {place + offset for place in ends for offset in (-1, 0, 1, 8, 9, 30)} | {
        (a + b) // 2 for a, b in zip(starts, ends, strict=True)
    }
    seen = set()
    for place in sorted(place for place in places if place < len(data)):
        cut = tmp_path / f"cut-{place}.mcap"
        cut.write_bytes(data[:place])
        parts = seal(cut)
        seen.add(parts)
        if place < ends[1]:  # without its head a file is left as it is
            assert parts == 0
            assert cut.read_bytes() == data[:place]
            continue
        assert recordings.check(cut) == {"recording": str(cut), "parts": parts, "complete": True, "problems": []}
        assert recordings.count_parts(cut) == parts
        if parts:
            assert read_part(cut, parts - 1).capture.trigger.part_id == f"p{parts - 1}"
    assert seen == {0, 1, 2, 3}
    assert seal(whole) is None
    assert whole.read_bytes() == data


@pytest.mark.parametrize("layout", ["png", "jpeg", "raw"])
def test_a_flipped_bit_anywhere_costs_its_chunk_only(tmp_path, layout):
    path = write(tmp_path / "r.mcap", 4, pictures=layout)
    data = path.read_bytes()
    wrote = list(recordings.read_captures(path))
    for start, length in chunk_places(path):
        broken = bytearray(data)
        broken[start + length // 2] ^= 0x10
        path.write_bytes(broken)
        with pytest.raises(RecordingError, match="damaged"):
            list(recordings.read_captures(path))
        (tmp_path / "out.mcap").unlink(missing_ok=True)
        told = recordings.recover(path, tmp_path / "out.mcap")
        assert told["parts"] >= 3
        assert "1 damaged chunks" in told["problems"]
        for capture in recordings.read_captures(tmp_path / "out.mcap"):
            (original,) = [one for one in wrote if one.trigger == capture.trigger]
            assert all(np.array_equal(frame.pixels, original.frames[name].pixels) for name, frame in capture.frames.items())
            for name, wave in capture.waveforms.items():
                assert original.waveforms[name].samples.tobytes().endswith(wave.samples.tobytes())


def test_a_file_cut_short_and_damaged_before_is_not_cut_further(tmp_path):
    path = write(tmp_path / "r.mcap", 3)
    start, length = chunk_places(path)[1]
    broken = bytearray(path.read_bytes()[:-100])
    broken[start + length // 2] ^= 1
    path.write_bytes(broken)
    with pytest.raises(RecordingError, match="damaged and not just cut short"):
        seal(path)
    assert path.read_bytes() == bytes(broken)


@contextmanager
def no_file_above(size_bytes: int):
    """The disk is full, as far as this process can tell: writes beyond a size fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(writer: recordings.RecordingWriter) -> None:
    for number in range(100):
        writer.write(make(number))


@pytest.mark.parametrize("limit_bytes", [150_000, 190_000, 211_111])
def test_a_full_disk_leaves_whole_parts(tmp_path, limit_bytes):
    path = tmp_path / "r.mcap"
    writer = recordings.RecordingWriter(path, STATION)
    with no_file_above(limit_bytes):
        with pytest.raises(RecordingError, match=r"cannot be written after part \d+: .*; recording has stopped"):
            fill(writer)
        with pytest.raises(RecordingError, match="is closed"):
            writer.write(make(0))
        writer.close()
    assert writer.parts > 0
    seal(path)
    assert recordings.check(path) == {"recording": str(path), "parts": writer.parts, "complete": True, "problems": []}


def test_a_disk_that_is_full_at_the_start_is_named(tmp_path):
    with no_file_above(1000), pytest.raises(RecordingError, match="after part 0"):
        recordings.RecordingWriter(tmp_path / "r.mcap", STATION)
    assert not (tmp_path / "r.mcap").exists()


def test_every_part_is_reached_by_the_index(tmp_path):
    path = write(tmp_path / "r.mcap", 12)
    wrote = list(recordings.read_parts(path))
    with PartIndex(path) as index:
        assert index.parts == 12
        for number in (11, 0, 5, 6, 1):
            part = index.part(number)
            capture, original = part.capture, wrote[number].capture
            assert part.truth == wrote[number].truth
            assert capture.trigger == original.trigger
            assert np.array_equal(capture.frames["image"].pixels, original.frames["image"].pixels)
            assert all(capture.waveforms[n].samples.tobytes() == w.samples.tobytes() for n, w in original.waveforms.items())
            assert all(capture.series[n].values.tobytes() == s.values.tobytes() for n, s in original.series.items())
        assert index.find("p7") == 7
    for first, parts in ((0, None), (0, 3), (7, 2), (7, None), (11, 5), (12, 1)):
        chosen = [capture.trigger.part_id for capture in recordings.read_captures(path, first, parts)]
        assert chosen == [f"p{number}" for number in range(first, min(12, 12 if parts is None else first + parts))]
    with PartIndex(path) as index:
        with pytest.raises(RecordingError, match="holds no part 'x'"):
            index.find("x")
        with pytest.raises(RecordingError, match="has no part 12; there are 12, counted from 0"):
            index.part(12)


def test_a_recording_without_its_index_says_so(tmp_path):
    path = write(tmp_path / "r.mcap", 2)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RecordingError, match="has no index"):
        read_part(path, 0)
    data = bytearray(write(tmp_path / "s.mcap", 2).read_bytes())
    data[-400] ^= 1
    (tmp_path / "s.mcap").write_bytes(data)
    with pytest.raises(RecordingError, match="has no index"):
        read_part(tmp_path / "s.mcap", 0)
