"""How fast recordings are written and read: `python -m tests.bench.recordings [--parts N] [--out DIR]`.

The load: per part a picture of 640x480, 2 s of sound (48 kHz mono, from 16 bit), 8 float32 channels at 1 kHz, and the part itself; no
window overlaps. Then one picture of 5 MP mono at a time in each format, as a camera on a running station gives them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np

from inspector.config import Station
from inspector.parts import Capture, Frame, Trigger, Waveform
from inspector.store.recording_index import PartIndex, read_part
from inspector.store.recording_schema import PictureFormat
from inspector.store.recordings import RecordingWriter, read_captures

PICTURES, REACHED = 20, 200
SHAKERS = [f"shaker_{number}" for number in range(8)]
WINDOW = {"pre_s": 1.9, "post_s": 0.1}
STATION = Station.model_validate(
    {
        "station": "bench",
        "title": {"en": "Bench", "zh": "台"},
        "trigger": {"driver": "timer"},
        "channels": {"camera": {"modality": "image", "driver": "x"}, "mic": {"modality": "audio", "driver": "x", "window": WINDOW}}
        | {name: {"modality": "vibration", "driver": "x", "unit": "m/s2", "window": WINDOW} for name in SHAKERS},
    }
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="where to write (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.out) as folder:
        print(
            "| pictures | write parts/s | CPU ms/part | MB/part | read parts/s | reach part k: p50, max ms | the same, file opened anew |"
        )
        print("|---|---|---|---|---|---|---|")
        for pictures in get_args(PictureFormat):
            print(_row(Path(folder) / f"{pictures}.mcap", pictures, arguments.parts), flush=True)
    _time_pictures()
    return 0


def _row(path: Path, pictures: PictureFormat, parts: int) -> str:
    captures = [_capture(number) for number in range(PICTURES)]
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    with RecordingWriter(path, STATION, pictures=pictures) as writer:
        for number in range(parts):
            writer.write(_moved(captures[number % PICTURES], number))
    write_s, cpu_ms = time.perf_counter() - start_s, (time.process_time() - start_cpu_s) / parts * 1e3
    start_s = time.perf_counter()
    assert sum(1 for _ in read_captures(path)) == parts
    read_s = time.perf_counter() - start_s
    chosen = [int(number) for number in np.random.default_rng(0).integers(0, parts, REACHED)]
    with PartIndex(path) as index:
        reach_ms = [_timed_ms(index.part, number) for number in chosen]
    anew_ms = [_timed_ms(read_part, path, number) for number in chosen[:40]]
    told = [f"{statistics.median(times):.1f}, {max(times):.1f}" for times in (reach_ms, anew_ms)]
    megabytes = path.stat().st_size / parts / 1e6
    return f"| {pictures} | {parts / write_s:.0f} | {cpu_ms:.1f} | {megabytes:.2f} | {parts / read_s:.0f} | {told[0]} | {told[1]} |"


def _capture(number: int) -> Capture:
    """Return part 0 with its own picture and signals: shapes, an edge, and the noise of a sensor and of a microphone."""
    random = np.random.default_rng(number)
    t_ns = 10_000_000_000
    sound = np.round(random.normal(0, 2000, 96_000)).astype(np.float32) / 32768
    waves = {name: Waveform(t_ns - 1_900_000_000, 1000.0, random.standard_normal(2000).astype(np.float32), "m/s2") for name in SHAKERS}
    waves["mic"] = Waveform(t_ns - 1_900_000_000, 48_000.0, sound, "FS")
    frame = Frame(t_ns, np.stack([_picture(640, 480, number, 5.0)] * 3, axis=-1))
    return Capture(Trigger("bench", "part-0", t_ns), {"camera": frame}, waves, wall_utc_ns=1_760_000_000_000_000_000 + t_ns)


def _moved(capture: Capture, number: int) -> Capture:
    shift_ns = 2_000_000_000 * number
    t_ns = capture.trigger.t_ns + shift_ns
    return Capture(
        Trigger("bench", f"part-{number}", t_ns),
        {name: Frame(frame.t_ns + shift_ns, frame.pixels) for name, frame in capture.frames.items()},
        {name: Waveform(w.start_ns + shift_ns, w.sample_rate_hz, w.samples, w.unit) for name, w in capture.waveforms.items()},
        wall_utc_ns=capture.wall_utc_ns + shift_ns,
    )


def _picture(width: int, height: int, seed: int, noise: float) -> Any:
    y, x = np.mgrid[0:height, 0:width]
    scene = 110 + 60 * np.sin(x / 170 + seed) * np.cos(y / 230) + ((x // 64 + y // 64) % 2) * 20
    return np.clip(scene + np.random.default_rng(seed).normal(0, noise, scene.shape), 0, 255).astype(np.uint8)


def _time_pictures() -> None:
    print("\n| 5 MP mono | into the file, CPU ms (p50 of 9) | of the raw size |")
    print("|---|---|---|")
    for noise in (1.0, 4.0):
        pixels = _picture(2448, 2048, 0, noise)
        for pictures in get_args(PictureFormat):
            cpu_ms, ratio = _picture_cost(pixels, pictures)
            print(f"| noise of {noise:g} grey levels, {pictures} | {cpu_ms:.1f} | {ratio:.2f} |", flush=True)


def _picture_cost(pixels: Any, pictures: PictureFormat) -> tuple[float, float]:
    """Return the CPU time of one picture into a recording, and its size there against its size in memory."""
    with tempfile.TemporaryDirectory() as folder, RecordingWriter(Path(folder) / "r.mcap", STATION, pictures=pictures) as writer:
        times, empty_bytes = [], writer.size_bytes
        for number in range(9):
            capture = Capture(Trigger("bench", f"part-{number}", number), {"camera": Frame(number, pixels)})
            start_s = time.process_time()
            writer.write(capture)
            times.append((time.process_time() - start_s) * 1e3)
        return statistics.median(times), (writer.size_bytes - empty_bytes) / 9 / pixels.nbytes


def _timed_ms(call: Callable[..., object], *arguments: Any) -> float:
    start_s = time.perf_counter()
    call(*arguments)
    return (time.perf_counter() - start_s) * 1e3


if __name__ == "__main__":
    sys.exit(main())
