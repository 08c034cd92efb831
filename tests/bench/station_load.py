"""Two stations on one box under the load of a real line, recording on: drops, memory and processor over half an hour.

    python -m tests.bench.station_load [--minutes 30] [--stations 2] [--features] [--out build/station-load]

Each station, a process of its own as `inspector station run` makes it: one 5 megapixel grey camera at 5 parts/s, one microphone at
48 kHz, vibration in three axes at 25.6 kHz, 32 series at 10 Hz, and a black box that records all of it. The devices are made here,
in real time, with clocks of their own that drift; every part is aligned. Nothing judges, as that is what other benchmarks measure;
`--features` adds the features that a judge would read. Prints a table, and writes `load.json` and `load.png`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from inspector import drivers
from inspector.config import Station
from inspector.parts import Frame, Series, Waveform

PARTS_PER_S = 5.0
BLOCK_S = 0.1
SAMPLE_S = 5.0


class Paced(drivers.Driver):
    """Something every `period_s`, from a device whose clock runs fast by `drift_ppm` and whose readings arrive late by up to 3 ms."""

    own_clock = True
    period_s = BLOCK_S
    drift_ppm = 60.0

    def __init__(self, settings: Any, **place: Any) -> None:
        super().__init__(settings, **place)
        self._made = 0
        self._random = np.random.default_rng(abs(hash(self.channel)) % 2**32)
        self._late_ns = 0

    def next_ns(self, timeout_s: float) -> int | None:
        """Wait for the next reading; return its stamp on the device's clock."""
        due_ns = self.clock.epoch_ns + round((self._made + 1) * self.period_s * 1e9 / (1 + self.drift_ppm / 1e6))
        if not self.due(due_ns + self._late_ns, timeout_s):
            return None
        self._made += 1
        self._late_ns = int(self._random.exponential(1e6))
        return round(self._made * self.period_s * 1e9)


class LoadCamera(Paced, drivers.Camera):
    period_s = 1 / PARTS_PER_S
    pictures: list[np.ndarray[Any, Any]]

    def open(self) -> None:
        height, width = 2048, 2448
        surface = np.add.outer(np.linspace(60, 120, height), 20 * np.sin(np.arange(width) / 40))
        self.pictures = [np.clip(surface + self._random.normal(0, 3, surface.shape), 0, 255).astype(np.uint8) for _ in range(4)]

    def read(self, timeout_s: float) -> Frame | None:
        stamp_ns = self.next_ns(timeout_s)
        return None if stamp_ns is None else Frame(stamp_ns, self.pictures[self._made % len(self.pictures)])


class LoadWaveform(Paced, drivers.WaveformSource):
    class Settings(drivers.Settings):
        rate_hz: float

    def read(self, timeout_s: float) -> Waveform | None:
        stamp_ns = self.next_ns(timeout_s)
        if stamp_ns is None:
            return None
        rate_hz: float = self.settings.rate_hz
        noise = np.round(self._random.normal(0, 0.05, round(rate_hz * BLOCK_S)) * 32768) / 32768
        return Waveform(stamp_ns - round(BLOCK_S * 1e9), rate_hz, noise.astype(np.float32), self.unit)


class LoadSeries(Paced, drivers.SeriesSource):
    def read(self, timeout_s: float) -> Series | None:
        stamp_ns = self.next_ns(timeout_s)
        return None if stamp_ns is None else Series(np.array([stamp_ns]), self._random.normal(20, 1, 1), self.unit)


DRIVERS = {"load-camera": LoadCamera, "load-waveform": LoadWaveform, "load-series": LoadSeries}


def station(name: str) -> Station:
    """Return the station of the load."""
    window = {"pre_s": 0.9, "post_s": 0.1}
    channels: dict[str, Any] = {"camera": {"modality": "image", "driver": "load-camera", "max_sync_error_ms": 110}}
    channels["microphone"] = {
        "modality": "audio",
        "driver": "load-waveform",
        "settings": {"rate_hz": 48000},
        "unit": "FS",
        "window": window,
    }
    for axis in "xyz":
        settings = {"rate_hz": 25600}
        channels[f"vibration_{axis}"] = {
            "modality": "vibration",
            "driver": "load-waveform",
            "settings": settings,
            "unit": "m/s2",
            "window": window,
        }
    for number in range(32):
        channels[f"series_{number:02d}"] = {"modality": "series", "driver": "load-series", "unit": "bar", "window": {"pre_s": 2.0}}
    return Station.model_validate(
        {
            "station": name,
            "title": {"en": name, "zh": "负载"},
            "trigger": {"driver": "timer", "settings": {"interval_s": 1 / PARTS_PER_S, "first_s": 3.0}},
            "channels": channels,
            "recording": {"ring_gb": 4.0, "min_free_gb": 0.5},
        }
    )


def run_station(name: str, folder: Path, end_s: float, features: bool, told: Any) -> None:
    """Run one station until the monotonic instant `end_s`; put what happened into `told`."""
    from inspector.align import align
    from inspector.features import extract
    from stations import devices
    from stations.agent import Agent
    from stations.recorder import Recorder

    devices.load_driver = _load  # the devices of the load are in no entry point
    made = station(name)
    parts = drops = degraded = 0
    worst_ms = lag_s = 0.0
    with Agent(made) as agent, Recorder(made, folder) as recorder:
        for capture in agent.captures():
            recorder.capture(capture)
            began_s = time.perf_counter()
            record = align(capture, made)
            if features:
                extract(record)
            worst_ms = max(worst_ms, (time.perf_counter() - began_s) * 1e3)
            settled = parts > 20 * PARTS_PER_S
            drops += sum(capture.drops.values()) if settled else 0
            degraded += bool(record.degraded) if settled else 0
            lag_s = max(lag_s, (agent.clock.now_ns() - capture.trigger.t_ns) / 1e9) if settled else 0.0
            parts += 1
            if time.monotonic() > end_s:
                break
    counts = {"parts": parts, "drops": drops, "degraded": degraded, "worst_align_ms": worst_ms, "worst_lag_s": lag_s}
    told.put({"station": name} | counts | recorder.report())


def _load(name: str) -> Any:
    from inspector.plugins import load_driver

    return DRIVERS[name] if name in DRIVERS else load_driver(name)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor_s(pid: int) -> float:
    """Return the processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(processes: dict[str, Any], end_s: float) -> Iterator[dict[str, Any]]:
    """Yield memory and processor of all stations every few seconds."""
    began_s, spent_s = time.monotonic(), dict.fromkeys(processes, 0.0)
    while time.monotonic() < end_s:
        time.sleep(SAMPLE_S)
        row: dict[str, Any] = {"t_s": time.monotonic() - began_s}
        for name, process in processes.items():
            now_s = processor_s(process.pid)
            row[name] = {"resident_mb": resident_mb(process.pid), "cores": (now_s - spent_s[name]) / SAMPLE_S}
            spent_s[name] = now_s
        yield row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--stations", type=int, default=2)
    parser.add_argument("--features", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("build/station-load"))
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="station-load-"))
    context = multiprocessing.get_context("spawn")
    told, end_s = context.Queue(), time.monotonic() + 60 * arguments.minutes
    names = [f"load-{number + 1}" for number in range(arguments.stations)]
    processes = {name: context.Process(target=run_station, args=(name, folder, end_s, arguments.features, told)) for name in names}
    for process in processes.values():
        process.start()
    rows = list(watch(processes, end_s))
    reports = [told.get(timeout=120) for _ in names]
    for process in processes.values():
        process.join()
    shutil.rmtree(folder, ignore_errors=True)
    document = {
        "minutes": arguments.minutes,
        "cpu_count": os.cpu_count(),
        "stations": reports,
        "memory": _memory(rows, names),
        "rows": rows,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "load.json").write_text(json.dumps(document | {"rows": rows}, indent=1))
    plot(rows, names, arguments.out / "load.png")
    print_table(document)
    return 0


def _memory(rows: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """Return per station the memory after two minutes and at the end, and its slope in between."""
    later = [row for row in rows if row["t_s"] > min(120.0, rows[-1]["t_s"] / 3)]
    hours = np.array([row["t_s"] for row in later]) / 3600
    found = {}
    for name in names:
        resident = np.array([row[name]["resident_mb"] for row in later])
        found[name] = {
            "first_mb": float(resident[:12].mean()),
            "last_mb": float(resident[-12:].mean()),
            "slope_mb_per_h": float(np.polyfit(hours, resident, 1)[0]) if len(later) > 2 else None,
            "cores": float(np.mean([row[name]["cores"] for row in later])),
        }
    return found


def print_table(document: dict[str, Any]) -> None:
    print(f"{document['minutes']:g} minutes on {document['cpu_count']} cores")
    for report in document["stations"]:
        memory = document["memory"][report["station"]]
        print(
            f"{report['station']}: {report['parts']} parts, {report['drops']} drops, {report['degraded']} degraded, "
            f"cut at most {report['worst_lag_s']:.2f} s late, "
            f"recorded {report['parts'] - report['dropped'] - report['lost']}, left out {report['dropped'] + report['lost']}; "
            f"{memory['first_mb']:.0f} -> {memory['last_mb']:.0f} MB ({memory['slope_mb_per_h']:+.1f} MB/h), {memory['cores']:.2f} cores"
        )


def plot(rows: list[dict[str, Any]], names: list[str], path: Path) -> None:
    """Draw memory and processor over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (upper, lower) = pyplot.subplots(2, 1, sharex=True, figsize=(8, 5), layout="constrained")
    minutes = [row["t_s"] / 60 for row in rows]
    for name in names:
        upper.plot(minutes, [row[name]["resident_mb"] for row in rows], label=name)
        lower.plot(minutes, [row[name]["cores"] for row in rows], label=name)
    upper.set(ylabel="resident memory, MB", ylim=(0, None), title="Stations under load")
    lower.set(xlabel="minutes", ylabel="cores in use", ylim=(0, None))
    upper.legend()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    sys.exit(main())
