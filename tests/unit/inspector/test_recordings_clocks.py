"""Recordings of devices with clocks of their own; and what older versions wrote."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.RawAudio_pb2 import RawAudio
from foxglove_schemas_protobuf.RawImage_pb2 import RawImage
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from mcap.reader import make_reader

from inspector.align import align
from inspector.config import Station
from inspector.parts import Capture, ClockFit, Frame, Series, Trigger, Waveform
from inspector.store import recordings
from inspector.store.recording_index import PartIndex

S = 1_000_000_000
WALL_NS = 1_700_000_000 * S
DEVICE_NS = 3_600 * S
"""The devices' clocks are an hour ahead."""
WINDOW = {"pre_s": 0.9, "post_s": 0.1}
STATION = Station.model_validate(
    {
        "station": "bench",
        "title": {"en": "Bench", "zh": "台"},
        "trigger": {"driver": "timer"},
        "channels": {
            "camera": {"modality": "image", "driver": "x"},
            "mic": {"modality": "audio", "driver": "x", "unit": "FS", "window": WINDOW},
            "temp": {"modality": "series", "driver": "x", "unit": "degC", "window": {"pre_s": 5, "post_s": 0.1}},
        },
    }
)
SOUND = (np.arange(400_000) % 999 / 1024).astype(np.float32)


def fit(number: int, epoch: int = 0) -> ClockFit:
    """The fit as it was at part `number`: a little better each time."""
    return ClockFit(DEVICE_NS + 5 * S, 5 * S + 1000 * number, 12.5 + 0.1 * number, 2_000_000, 300_000 - number, epoch)


def make(number: int, epoch: int = 0) -> Capture:
    t_ns = 10 * S + number * S // 4
    device_ns = DEVICE_NS + t_ns
    first = round((t_ns - 0.9 * S) / S * 8000)
    stamps = np.arange(DEVICE_NS, device_ns + 1, S // 8, dtype=np.int64)[-40:]
    return Capture(
        Trigger("bench", f"p{number}", t_ns),
        {"camera": Frame(device_ns, np.full((4, 6), number, np.uint8))},
        {"mic": Waveform(DEVICE_NS + round(first * S / 8000), 8000.0, SOUND[first : first + 8000], "FS")},
        {"temp": Series(stamps, stamps / S, "degC")},
        {},
        WALL_NS + t_ns,
        {name: fit(number, epoch) for name in ("camera", "mic", "temp")},
        {"mic": np.array([[device_ns, t_ns + 2], [device_ns + 7, t_ns + 11]], np.int64), "temp": np.empty((0, 2), np.int64)},
        {"temp": "unplugged"} if number % 2 else {},
    )


def write(path: Path, captures: list[Capture], **settings: object) -> Path:
    with recordings.RecordingWriter(path, STATION, **settings) as writer:
        for capture in captures:
            writer.write(capture)
    return path


def messages(path: Path, topic: str) -> list[tuple[str, object, bytes]]:
    with path.open("rb") as file:
        return [(schema.name, message, schema.data) for schema, channel, message in make_reader(file).iter_messages(topics=[topic])]


def test_clocks_and_arrivals_come_back_bit_by_bit(tmp_path):
    captures = [make(number) for number in range(4)]
    for wrote, read in zip(captures, recordings.read_captures(write(tmp_path / "r.mcap", captures)), strict=True):
        assert read.clocks == wrote.clocks
        assert read.faults == wrote.faults
        assert {name: pairs.tobytes() for name, pairs in read.arrivals.items()} == {n: a.tobytes() for n, a in wrote.arrivals.items()}
        assert all(pairs.dtype == np.int64 and pairs.shape[1:] == (2,) for pairs in read.arrivals.values())
        assert read.frames["camera"].t_ns == wrote.frames["camera"].t_ns
        assert read.waveforms["mic"].start_ns == wrote.waveforms["mic"].start_ns
        before, after = align(wrote, STATION), align(read, STATION)
        assert after.sync_error_ns == before.sync_error_ns
        assert after.waveforms["mic"].samples.tobytes() == before.waveforms["mic"].samples.tobytes()


def test_what_overlaps_is_stored_once_though_the_fit_moves(tmp_path):
    blocks = messages(write(tmp_path / "r.mcap", [make(number) for number in range(9)]), "/mic")
    assert len(blocks) == 10 + 8 * 3  # a second once, then a quarter of a second a part


def test_a_long_history_is_written_anew_now_and_then_so_that_a_part_is_reached(tmp_path):
    captures = [make(number) for number in range(40)]
    path = write(tmp_path / "r.mcap", captures)
    refs = [json.loads(message.data)["series"]["temp"] for _, message, _ in messages(path, "/captures")]
    assert max(ref["last"] - ref["first"] for ref in refs) == 16 - 1
    for wrote, read in zip(captures, recordings.read_captures(path), strict=True):
        assert read.series["temp"].t_ns.tobytes() == wrote.series["temp"].t_ns.tobytes()


def test_what_overlaps_is_stored_once_though_the_stamps_jitter(tmp_path):
    captures = [make(number) for number in range(9)]
    for number, capture in enumerate(captures):
        wave = capture.waveforms["mic"]
        capture.waveforms["mic"] = replace(wave, start_ns=wave.start_ns + (-1) ** number * 700_000)
    path = write(tmp_path / "r.mcap", captures)
    assert len(messages(path, "/mic")) == 10 + 8 * 3
    for wrote, read in zip(captures, recordings.read_captures(path), strict=True):
        assert read.waveforms["mic"].start_ns == wrote.waveforms["mic"].start_ns
        assert read.waveforms["mic"].samples.tobytes() == wrote.waveforms["mic"].samples.tobytes()


def test_a_new_epoch_begins_the_channel_anew(tmp_path):
    captures = [make(0), make(1, epoch=1)]
    path = write(tmp_path / "r.mcap", captures)
    assert len(messages(path, "/mic")) == 20
    assert [len(read.waveforms["mic"].samples) for read in recordings.read_captures(path)] == [8000, 8000]
    again = replace(make(0), clocks=make(0, epoch=1).clocks)
    assert len(messages(write(tmp_path / "again.mcap", [make(0), again]), "/camera")) == 2


def test_viewers_see_the_stations_time(tmp_path):
    path = write(tmp_path / "r.mcap", [make(number) for number in range(3)])
    for number, (_, message, _) in enumerate(messages(path, "/camera")):
        assert message.log_time == WALL_NS + fit(number).station_time_ns(DEVICE_NS + 10 * S + number * S // 4)
    assert abs(messages(path, "/mic")[0][1].log_time - (WALL_NS + 9.1 * S)) < 0.01 * S
    told = recordings.info(path)
    assert told["start"].startswith("2023-11-14T22:13:2")
    assert told["duration_s"] < 7
    assert 0 <= told["channels"]["camera"]["first_s"] < 5.1
    assert told["channels"]["temp"]["rate_hz"] == pytest.approx(8.0, rel=0.01)


def test_the_plain_reader_and_the_upstream_schemas_read_it(tmp_path):
    path = write(tmp_path / "r.mcap", [make(number) for number in range(3)])
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert sum(1 for _ in reader.iter_messages()) == summary.statistics.message_count
        assert [record.name for record in reader.iter_metadata()] == ["station", "versions"]
    assert {"/camera", "/mic", "/temp", "/captures"} == {channel.topic for channel in summary.channels.values()}
    name, message, _ = messages(path, "/camera")[0]
    assert name == "foxglove.CompressedImage"
    assert CompressedImage.FromString(message.data).data.startswith(b"\x89PNG")
    _, message, _ = messages(path, "/mic")[0]
    sound = RawAudio.FromString(message.data)
    assert (sound.format, sound.sample_rate, sound.number_of_channels, len(sound.data)) == ("pcm-s16", 8000, 1, 1600)
    name, message, data = messages(path, "/temp")[0]
    pool = descriptor_pool.DescriptorPool()
    for one in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.Add(one)
    block = message_factory.GetMessageClass(pool.FindMessageTypeByName(name)).FromString(message.data)
    assert list(block.t_ns) == list(make(0).series["temp"].t_ns)
    assert block.last == make(0).series["temp"].values[-1]


@pytest.mark.parametrize(
    ("pixels", "schema", "encoding"),
    [
        (np.arange(24, dtype=np.uint8).reshape(4, 6), "foxglove.RawImage", "mono8"),
        (np.arange(24, dtype=np.uint16).reshape(4, 6) * 999, "foxglove.RawImage", "mono16"),
        (np.arange(72, dtype=np.uint8).reshape(4, 6, 3), "foxglove.RawImage", "rgb8"),
        (np.arange(72, dtype=np.uint16).reshape(4, 6, 3), "foxglove.CompressedImage", "png"),
    ],
)
def test_raw_pictures_keep_every_bit(tmp_path, pixels, schema, encoding):
    path = write(tmp_path / "r.mcap", [replace(make(0), frames={"camera": Frame(5, pixels)})], pictures="raw")
    ((name, message, _),) = messages(path, "/camera")
    assert name == schema
    if name == "foxglove.RawImage":
        image = RawImage.FromString(message.data)
        assert (image.width, image.height, image.encoding, image.data) == (6, 4, encoding, pixels.tobytes())
    (read,) = recordings.read_captures(path)
    assert read.frames["camera"].pixels.dtype == pixels.dtype
    assert np.array_equal(read.frames["camera"].pixels, pixels)


def test_a_recording_of_layout_1_reads_as_ever():
    path = Path(__file__).with_name("layout-1.mcap")
    parts = list(recordings.read_parts(path))
    assert [part.capture.trigger.part_id for part in parts] == ["p0", "p1"]
    for number, part in enumerate(parts):
        assert np.array_equal(part.capture.frames["camera"].pixels.ravel(), np.arange(48) + number)
        assert np.array_equal(part.capture.waveforms["mic"].samples * 1024, np.arange(400) + 200 * number)
        assert np.array_equal(part.capture.series["temp"].values, part.capture.series["temp"].t_ns / S)
        assert (part.capture.clocks, part.capture.arrivals) == ({}, {})
        assert part.truth.label == "scratch"
    with PartIndex(path) as index:
        assert index.part(1).capture.waveforms["shaker"].samples.tobytes() == parts[1].capture.waveforms["shaker"].samples.tobytes()
    assert recordings.check(path)["complete"]


def test_a_recording_holds_no_password(tmp_path):
    settings = {"url": "rtsp://line:geheim@camera-1/live?x=1", "password": {"clear": "geheim"}, "token": "geheim", "user": "line"}
    camera = STATION.channels["camera"].model_copy(update={"settings": settings})
    station = STATION.model_copy(update={"channels": STATION.channels | {"camera": camera}})
    path = tmp_path / "r.mcap"
    with recordings.RecordingWriter(path, station) as writer:
        writer.write(make(0))
    assert b"geheim" not in path.read_bytes()
    kept = recordings.read_station(path).channels["camera"].settings
    assert kept["url"] == "rtsp://line:(hidden)@camera-1/live?x=1"
    assert kept["user"] == "line"
