import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspector.config import Station
from inspector.errors import RecordingError
from inspector.parts import Capture, Frame, PartTruth, Series, Trigger, Waveform
from inspector.store import recordings

S = 1_000_000_000
STATION = Station.model_validate(
    {
        "station": "bench",
        "title": {"en": "Bench", "zh": "台"},
        "trigger": {"driver": "timer"},
        "channels": {
            "camera": {"modality": "image", "driver": "x"},
            "mic": {"modality": "audio", "driver": "x", "unit": "FS", "window": {"pre_s": 0.9, "post_s": 0.1}},
            "shaker": {"modality": "vibration", "driver": "x", "unit": "m/s2", "window": {"pre_s": 0.9, "post_s": 0.1}},
            "temp": {"modality": "series", "driver": "x", "unit": "degC", "window": {"pre_s": 10, "post_s": 0.1}},
        },
    }
)
RANDOM = np.random.default_rng(1)
SOUND = (np.round(RANDOM.uniform(-1, 1, 400_000) * 32767) / 32768).astype(np.float32)
SHAKE = RANDOM.standard_normal(400_000).astype(np.float32)


def make(number: int, step_s: float = 0.5) -> Capture:
    """Part `number` of one line: its windows overlap with those of its neighbours, all cut from the same streams."""
    t_ns = 20 * S + round(number * step_s * S)
    first = round((t_ns - 0.91 * S) / S * 8000)
    first_shake = round((t_ns - 0.91 * S) / S * 6400)
    t_series = np.arange(0, t_ns + 1, S // 2, dtype=np.int64)
    values = np.sin(t_series / S)
    values[7::11] = np.nan
    keep = t_series >= t_ns - 10 * S
    pixels = np.random.default_rng(number).integers(0, 65536 if number % 2 else 256, (5, 7, 3), dtype=np.uint16 if number % 2 else np.uint8)
    return Capture(
        Trigger("bench", f"p{number}", t_ns),
        frames={"camera": Frame(t_ns + 5, pixels)},
        waveforms={
            "mic": Waveform(round(first * S / 8000), 8000.0, SOUND[first : first + 8160], "FS"),
            "shaker": Waveform(round(first_shake * S / 6400), 6400.0, SHAKE[first_shake : first_shake + 6528], "m/s2"),
        },
        series={"temp": Series(t_series[keep], values[keep], "degC")},
        drops={"mic": number},
        wall_utc_ns=1_700_000_000 * S + t_ns,
    )


def write(path: Path, captures: list[Capture], truth: PartTruth | None = None) -> Path:
    with recordings.RecordingWriter(path, STATION) as writer:
        for capture in captures:
            writer.write(capture, truth)
    return path


def same(left: Capture, right: Capture) -> bool:
    plain = left.trigger == right.trigger and left.drops == right.drops and left.wall_utc_ns == right.wall_utc_ns
    frames = left.frames.keys() == right.frames.keys() and all(
        a.t_ns == right.frames[n].t_ns
        and a.pixels.dtype == right.frames[n].pixels.dtype
        and np.array_equal(a.pixels, right.frames[n].pixels)
        for n, a in left.frames.items()
    )
    waves = left.waveforms.keys() == right.waveforms.keys() and all(
        (a.start_ns, a.sample_rate_hz, a.unit) == (b.start_ns, b.sample_rate_hz, b.unit) and a.samples.tobytes() == b.samples.tobytes()
        for n, a in left.waveforms.items()
        for b in [right.waveforms[n]]
    )
    series = left.series.keys() == right.series.keys() and all(
        a.t_ns.tobytes() == b.t_ns.tobytes() and a.values.tobytes() == b.values.tobytes() and a.unit == b.unit
        for n, a in left.series.items()
        for b in [right.series[n]]
    )
    return plain and frames and waves and series


def test_every_capture_comes_back_bit_by_bit(tmp_path):
    captures = [make(number) for number in range(6)]
    back = list(recordings.read_captures(write(tmp_path / "r.mcap", captures)))
    assert len(back) == 6
    assert all(same(a, b) for a, b in zip(captures, back, strict=True))
    assert recordings.read_station(tmp_path / "r.mcap") == STATION


def test_what_overlaps_is_stored_once(tmp_path):
    apart = write(tmp_path / "apart.mcap", [make(number, 2.0) for number in range(10)]).stat().st_size
    close = write(tmp_path / "close.mcap", [make(number, 0.1) for number in range(10)]).stat().st_size
    assert close < 0.4 * apart


def odd_captures() -> list[Capture]:
    plain = make(1)
    minus_zero = SOUND[:100].copy()
    minus_zero[3] = -0.0
    return [
        plain,
        replace(plain, trigger=Trigger("bench", "again", plain.trigger.t_ns)),
        replace(make(2), waveforms={}, frames={}),
        replace(make(3), frames={"camera": Frame(5, np.zeros((1, 3), np.uint16))}),
        replace(make(4), waveforms={"mic": Waveform(17, 44100.5, minus_zero, "FS"), "shaker": Waveform(9, 10.0, SHAKE[:0], "m/s2")}),
        replace(make(5), waveforms={"mic": Waveform(-3 * S, 8000.0, SHAKE[:999] * 40, "FS")}),
        replace(make(0), series={"temp": Series(np.array([], np.int64), np.array([]), "degC")}),
        replace(make(6), series={"temp": replace(make(6).series["temp"], values=make(6).series["temp"].values + 1)}),
    ]


def test_odd_captures_come_back_too(tmp_path):
    captures = odd_captures()
    back = list(recordings.read_captures(write(tmp_path / "r.mcap", captures)))
    for wrote, read in zip(captures, back, strict=True):
        assert same(wrote, read), wrote.trigger.part_id


def test_truth_comes_back(tmp_path):
    mask = np.zeros((5, 7), np.uint8)
    mask[2, 3] = 255
    (part,) = recordings.read_parts(write(tmp_path / "r.mcap", [make(0)], PartTruth("scratch", "belt_slip", 0.5, mask)))
    assert part.truth is not None
    assert (part.truth.label, part.truth.cause, part.truth.severity) == ("scratch", "belt_slip", 0.5)
    assert np.array_equal(part.truth.mask, mask)


def test_info_tells_what_is_inside(tmp_path):
    told = recordings.info(write(tmp_path / "r.mcap", [make(number) for number in range(5)]))
    assert json.loads(json.dumps(told)) == told
    assert (told["parts"], told["complete"]) == (5, True)
    assert told["start"].startswith("2023-11-14T22:13:3")
    assert told["duration_s"] == pytest.approx(12.11, abs=0.01)
    mic = told["channels"]["mic"]
    assert (mic["kind"], mic["rate_hz"], mic["unit"], mic["drops"]) == ("waveform", 8000.0, "FS", 10)
    assert told["channels"]["temp"]["rate_hz"] == pytest.approx(2.0)
    assert told["channels"]["camera"]["messages"] == 5
    assert told["channels"]["camera"]["rate_hz"] == pytest.approx(2.0)
    assert told["channels"]["temp"]["first_s"] == 0.0


def test_a_viewer_finds_known_schemas(tmp_path):
    from mcap.reader import make_reader

    with write(tmp_path / "r.mcap", [make(0)]).open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    names = {summary.schemas[channel.schema_id].name for channel in summary.channels.values()}
    assert {"foxglove.CompressedImage", "foxglove.RawAudio", "inspector.SeriesBlock"} <= names


def test_a_file_cut_anywhere_loses_at_most_the_part_in_flight(tmp_path):
    whole = write(tmp_path / "r.mcap", [make(number) for number in range(4)]).read_bytes()
    sizes = []
    path = tmp_path / "growing.mcap"
    writer = recordings.RecordingWriter(path, STATION)
    for number in range(4):
        writer.write(make(number))
        sizes.append(path.stat().st_size)
    for number, size in enumerate(sizes):
        for extra in (0, 9, 500):
            cut = tmp_path / f"cut-{number}-{extra}.mcap"
            cut.write_bytes(whole[: size + extra])
            told = recordings.recover(cut, tmp_path / f"out-{number}-{extra}.mcap")
            assert told["parts"] >= number + 1
            back = list(recordings.read_captures(tmp_path / f"out-{number}-{extra}.mcap"))
            assert all(same(make(k), capture) for k, capture in enumerate(back))
    writer.close()


def test_a_truncated_recording_says_what_to_do(tmp_path):
    path = write(tmp_path / "r.mcap", [make(0), make(1)])
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(RecordingError, match=r"cut short; try 'inspector recording recover .*r\.mcap --out .*r-recovered\.mcap'"):
        next(recordings.read_captures(path))
    assert recordings.info(path)["complete"] is False
    assert recordings.info(path)["parts"] == 2
    assert recordings.check(path)["problems"] == ["cut short: the end is missing"]


def test_a_flipped_bit_costs_one_chunk(tmp_path):
    captures = [make(number, 0.3) for number in range(8)]
    path = write(tmp_path / "r.mcap", captures)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RecordingError, match="damaged"):
        list(recordings.read_captures(path))
    told = recordings.recover(path, tmp_path / "out.mcap")
    assert told["parts"] >= 7
    for capture in recordings.read_captures(tmp_path / "out.mcap"):
        wrote = captures[int(capture.trigger.part_id[1:])]
        assert np.array_equal(capture.frames["camera"].pixels, wrote.frames["camera"].pixels)
        for name, wave in capture.waveforms.items():
            assert wrote.waveforms[name].samples.tobytes().endswith(wave.samples.tobytes())
            assert wave.end_ns == wrote.waveforms[name].end_ns
        for name, series in capture.series.items():
            assert set(wrote.series[name].t_ns) >= set(series.t_ns)


def test_a_damaged_length_is_survived_by_the_index(tmp_path):
    captures = [make(number, 0.3) for number in range(8)]
    path = write(tmp_path / "r.mcap", captures)
    from mcap.reader import make_reader

    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, summary.chunk_indexes[3].chunk_start_offset + 1, 1 << 40)
    path.write_bytes(data)
    assert recordings.recover(path, tmp_path / "out.mcap")["parts"] >= 7


@pytest.mark.parametrize("content", [b"", b"not a recording", b"{}" * 1000])
def test_what_is_no_recording_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "x.mcap"
    path.write_bytes(content)
    for read in (recordings.info, recordings.check, recordings.read_station, lambda p: list(recordings.read_captures(p))):
        with pytest.raises(RecordingError, match=r"x\.mcap: ") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_existing_one_are_refused(tmp_path):
    with pytest.raises(RecordingError, match="cannot be opened"):
        recordings.info(tmp_path / "none.mcap")
    write(tmp_path / "r.mcap", [make(0)])
    with pytest.raises(RecordingError, match="never overwritten"):
        recordings.RecordingWriter(tmp_path / "r.mcap", STATION)
