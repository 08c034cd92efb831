"""The ring on disk: bounded, kept around what matters, mended after a kill, stopped and resumed on a full disk."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from inspector.config import Station
from inspector.errors import RecordingError
from inspector.parts import Capture, Trigger
from inspector.store import black_box as module
from inspector.store import recordings
from inspector.store.black_box import BlackBox
from inspector.testing import make_capture

S = 1_000_000_000
STATION = {
    "station": "bench",
    "title": {"en": "Bench", "zh": "台"},
    "trigger": {"driver": "timer"},
    "channels": {"image": {"modality": "image", "driver": "x"}, "audio": {"modality": "audio", "driver": "x", "window": {"pre_s": 1}}},
}
WRITER = """
import itertools, sys
from pathlib import Path
from inspector.config import Station
from inspector.parts import Trigger
from inspector.store.black_box import BlackBox
from inspector.testing import make_capture
station = Station.model_validate_json(sys.argv[2])
box = BlackBox(Path(sys.argv[1]), station, station.recording)
box.open()
for number in itertools.count():
    capture = make_capture(f"p{number}", t_ns=(10 + number) * 1_000_000_000, modalities=("image", "audio"))
    box.write(capture)
    if number == 4:
        box.keep_around(capture.trigger)
    print(number, flush=True)
"""


def station(**recording: object) -> Station:
    settings = {"segment_s": 4, "min_free_gb": 0, "keep": {"pre_s": 2, "post_s": 2}} | recording
    return Station.model_validate(STATION | {"recording": settings})


def make_box(folder: Path, **recording: object) -> BlackBox:
    bench = station(**recording)
    assert bench.recording is not None
    box = BlackBox(folder, bench, bench.recording)
    box.open()
    return box


def make(number: int) -> Capture:
    """Part `number`, one a second."""
    return make_capture(f"p{number}", t_ns=(10 + number) * S, seed=number, modalities=("image", "audio"))


def ids(path: Path) -> list[str]:
    return [capture.trigger.part_id for capture in recordings.read_captures(path)]


def held(folder: Path) -> list[list[str]]:
    return [ids(path) for path in sorted(folder.glob("*.mcap"))]


def in_order(folder: Path) -> list[str]:
    return [part_id for segment in held(folder) for part_id in segment]


def test_segments_follow_each_other_and_are_whole(tmp_path):
    box = make_box(tmp_path)
    for number in range(10):
        box.write(make(number))
    assert len(list(box.ring.glob("*.part"))) == 1
    box.close()
    box.close()
    assert held(box.ring) == [["p0", "p1", "p2", "p3"], ["p4", "p5", "p6", "p7"], ["p8", "p9"]]
    assert held(box.kept) == []
    assert not list(tmp_path.rglob("*.part"))


def test_the_ring_is_bounded_and_the_oldest_leave(tmp_path):
    box = make_box(tmp_path, ring_gb=0.0012)
    for number in range(60):
        box.write(make(number))
        assert box.ring_bytes < 1.35e6
    box.close()
    held_ids = in_order(box.ring)
    assert held_ids == [f"p{number}" for number in range(60 - len(held_ids), 60)]
    assert 10 < len(held_ids) < 40


def test_segments_leave_by_age(tmp_path):
    box = make_box(tmp_path, ring_hours=1.0)
    for number in range(8):
        box.write(make(number))
    assert len(list(box.ring.glob("*.mcap"))) == 1
    box.write(replace(make(8), wall_utc_ns=int((next(box.ring.glob("*.mcap")).stat().st_mtime + 3700) * 1e9)))
    box.close()
    assert held(box.ring) == [["p4", "p5", "p6", "p7"], ["p8"]]


@pytest.mark.parametrize("links", [True, False])
def test_the_time_around_an_event_is_kept_whatever_the_ring_drops(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no hard links here")))
    box = make_box(tmp_path, ring_gb=0.001)
    for number in range(60):
        box.write(make(number))
        if number == 14:
            box.keep_around(make(13).trigger)  # from 11 to 15: reaches back into a segment that is whole, and into the one in work
        if number == 30:
            box.keep_around(make(30).trigger)  # from 28 to 32: into the segment that is to come
    box.close()
    assert held(box.kept) == [[f"p{number}" for number in range(first, first + 4)] for first in (8, 12, 28, 32)]
    assert not list(tmp_path.rglob("*.part"))
    assert all(recordings.check(path)["complete"] for path in box.kept.glob("*.mcap"))


def test_what_a_killed_process_left_is_sealed_under_both_names(tmp_path):
    words = [sys.executable, "-c", WRITER, str(tmp_path), station().model_dump_json()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        while process.stdout.readline() != "5\n":
            pass
        process.kill()
        last = int((["5", *process.stdout.read().split()])[-1])
    (left,) = tmp_path.glob("kept/*.part")
    assert left.name in [path.name for path in tmp_path.glob("ring/*.part")] or last >= 8
    box = make_box(tmp_path)
    box.write(make(100))
    box.close()
    assert not list(tmp_path.rglob("*.part"))
    everything = in_order(box.ring)
    assert everything[: last + 1] == [f"p{number}" for number in range(last + 1)]
    assert everything[-1] == "p100"
    assert held(box.kept)[0] == ["p0", "p1", "p2", "p3"]
    assert held(box.kept)[1][:2] == ["p4", "p5"]


def test_a_kill_between_the_two_names_of_a_file_is_mended(tmp_path):
    box = make_box(tmp_path)
    box.write(make(0))
    box.keep_around(make(0).trigger)
    box.close()
    (kept,) = box.kept.glob("*.mcap")
    kept.rename(kept.with_name(kept.name + ".part"))
    make_box(tmp_path).close()
    assert held(box.kept) == held(box.ring) == [["p0"]]


def test_what_is_damaged_as_well_is_saved_as_far_as_it_can_be_read(tmp_path):
    box = make_box(tmp_path)
    for number in range(3):
        box.write(make(number))
    (part,) = box.ring.glob("*.part")
    data = bytearray(part.read_bytes())
    box.close()
    (whole,) = box.ring.glob("*.mcap")
    whole.unlink()
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    box = make_box(tmp_path)
    box.close()
    ((first, *_),) = held(box.ring)
    assert first == "p0"
    assert not list(tmp_path.rglob("*.part"))


def test_a_file_that_had_no_time_to_begin_leaves(tmp_path):
    box = make_box(tmp_path)
    box.close()
    for size in (0, 5, 30):
        (box.ring / f"{size}.mcap.part").write_bytes(b"\x89MCAP0\r\n"[:size])
    make_box(tmp_path).close()
    assert not list(tmp_path.rglob("*.part"))


def test_one_process_a_station(tmp_path):
    box = make_box(tmp_path)
    with pytest.raises(RecordingError, match="another process records this station there"):
        make_box(tmp_path)
    box.close()
    make_box(tmp_path).close()


def test_a_disk_below_its_reserve_shrinks_the_ring_then_stops_then_goes_on(tmp_path, monkeypatch):
    free_gb = [9.0]
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, int(free_gb[0] * 1e9)))
    box = make_box(tmp_path, min_free_gb=1.0)
    for number in range(10):
        box.write(make(number))
    free_gb[0] = 0.5
    with pytest.raises(RecordingError, match=r"only 0\.50 GB are free on this disk, 1 GB must stay free"):
        box.write(make(10))
    assert held(box.ring) == [["p8", "p9"]], "the segment in work is finished, those before made room"
    free_gb[0] = 9.0
    box.write(make(11))
    box.close()
    assert held(box.ring) == [["p8", "p9"], ["p11"]]


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_whole_parts_and_recording_goes_on_when_there_is_room(small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_000_000))
    box = make_box(small_disk / "box", segment_s=3600)
    written = fill(box)
    assert 5 < written < 60
    filler.unlink()
    box.write(make(100))
    box.close()
    assert not list(small_disk.rglob("*.part"))
    assert held(box.ring) == [[f"p{number}" for number in range(written)], ["p100"]]


def fill(box: BlackBox) -> int:
    for number in range(100):
        try:
            box.write(make(number))
        except RecordingError as error:
            message = str(error)
            break
    assert "No space left on device; recording has stopped" in message
    return number


def test_an_event_of_which_nothing_is_left_keeps_nothing(tmp_path):
    box = make_box(tmp_path)
    box.write(make(0))
    box.keep_around(Trigger("bench", "long ago", -500 * S))
    box.close()
    assert held(box.kept) == []
