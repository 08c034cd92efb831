"""What `inspector station record`, `run` and `list` do; apart from `commands.py`, so that `inspector --help` need not load it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inspector.commands.output import write_json
from inspector.config import load_station, station_files
from inspector.errors import UsageError
from stations.agent import Agent
from stations.operation import run_apart, run_here, stopped_by_ctrl_c, words
from stations.recording import clock_for, record, refuse_existing

DEFINITIONS = Path(__file__).parent / "definitions"
Advance = Callable[[], object]


def run_record(arguments: argparse.Namespace) -> int:
    """Record parts until there are enough or Ctrl-C is pressed."""
    if arguments.parts < 1:
        raise UsageError(f"--parts {arguments.parts}: must be 1 or more")
    station = load_station(arguments.file)
    refuse_existing(arguments.out)
    agent = Agent(station, clock_for(station, arguments.file, live=arguments.live), path=arguments.file)
    with agent, stopped_by_ctrl_c([agent]), _bar(arguments.parts) as advance:
        done = record(agent, arguments.out, arguments.parts, pictures=arguments.pictures, on_part=advance)
    folder = f", labelled parts in {done.parts_folder}" if done.parts_folder else ""
    degraded = f", {done.degraded_parts} of them with a degraded channel" if done.degraded_parts else ""
    print(f"{done.parts} parts in {done.recording}{degraded}{folder}", file=sys.stderr if arguments.json == "-" else sys.stdout)
    if arguments.json:
        document = {"recording": str(done.recording), "parts": done.parts, "degraded": done.degraded_parts}
        write_json(arguments.json, document | ({"parts_folder": str(done.parts_folder)} if done.parts_folder else {}))
    return 0


def run_run(arguments: argparse.Namespace) -> int:
    """Judge parts of one or more stations until their sources end or Ctrl-C is pressed; several run in a process each."""
    stations = {load_station(path).station: path for path in arguments.files}
    if len(stations) < len(arguments.files):
        raise UsageError("two of the files are of the same station; a station can run once")
    reports = run_apart(stations, arguments) if len(stations) > 1 else run_here(arguments.files[0], arguments)
    if arguments.json != "-":
        for name, told in reports.items():
            print(f"{name}: {words(told)}")
    if arguments.json:
        write_json(arguments.json, {"stations": reports})
    return 1 if any("exit_code" in told for told in reports.values()) else 0


def run_calibrate(arguments: argparse.Namespace) -> int:
    """Measure latencies, or lags, and keep them beside the station file; return 2 where no channel could be measured."""
    from stations.calibration import Wish, calibrate

    def say(line: str) -> None:
        print(line, file=sys.stderr if arguments.json == "-" else sys.stdout, flush=True)

    names = ("seconds", "events", "reference", "lag", "recording")
    wish = Wish(**{name: getattr(arguments, name) for name in names}, min_lag_s=arguments.min_lag, max_lag_s=arguments.max_lag)
    outcome = calibrate(arguments.file, wish, say)
    if arguments.json:
        write_json(arguments.json, outcome.document)
    return 0 if outcome.kept else 2


def run_list(arguments: argparse.Namespace) -> int:
    """Name the station files of a folder."""
    folder = arguments.folder or DEFINITIONS
    if not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder")
    stations = []
    for path in station_files(folder):
        station = load_station(path)
        facts = {"station": station.station, "file": str(path), "maturity": station.maturity, "channels": list(station.channels)}
        stations.append(facts | {"title": {"en": station.title.en, "zh": station.title.zh}})
        if arguments.json != "-":
            title = f"{station.title.en} {station.title.zh}"
            print(f"{station.station:24} {station.maturity:13} {len(station.channels):2} channels  {title}  {path}")
    if arguments.json:
        write_json(arguments.json, {"stations": stations})
    return 0


@contextmanager
def _bar(parts: int) -> Iterator[Advance]:
    """Show a progress bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=parts, desc="recording", unit="part", leave=False) as bar:
        yield bar.update
