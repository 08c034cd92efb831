"""What `inspector station record`, `run` and `list` do; apart from `commands.py`, so that `inspector --help` need not load it."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inspector.commands.output import write_json
from inspector.config import load_station
from inspector.errors import UsageError
from stations.agent import Agent
from stations.line import LineReport
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
    reports = _run_apart(stations, arguments) if len(stations) > 1 else _run_here(arguments.files[0], arguments)
    if arguments.json != "-":
        for name, told in reports.items():
            print(f"{name}: {_report_words(told)}")
    if arguments.json:
        write_json(arguments.json, {"stations": reports})
    return 1 if any("exit_code" in told for told in reports.values()) else 0


def _run_here(path: Path, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    from inspector.commands.installation import open_store
    from stations.judging import judging_line

    store = open_store(arguments.home)
    agent = Agent(load_station(path), path=path)
    with stopped_by_ctrl_c([agent]):
        line = judging_line(agent, store, arguments.home, arguments.model)
        with agent:
            return {agent.station.station: _report(line.run(arguments.parts))}


def _run_apart(stations: dict[str, Path], arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    from stations.supervision import Stations

    rest = ["--model", str(arguments.model), "--json", "-"]
    rest += ["--home", str(arguments.home)] if arguments.home else []
    rest += ["--parts", str(arguments.parts)] if arguments.parts else []
    commands = {name: ["station", "run", str(path), *rest] for name, path in stations.items()}
    ended = Stations(commands, restart=arguments.parts is None).run()
    return {
        name: (end.report["stations"][name] if end.report else {"exit_code": end.exit_code}) | {"restarts": end.restarts}
        for name, end in ended.items()
    }


def _report_words(told: dict[str, Any]) -> str:
    if "exit_code" in told:
        return f"died with exit code {told['exit_code']}"
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in told["outcomes"].items())
    return f"{told['parts']} parts, {outcomes}; {told['late']} late, {told['unjudged']} not judged, {told['unsaved']} not kept"


def run_list(arguments: argparse.Namespace) -> int:
    """Name the station files of a folder."""
    folder = arguments.folder or DEFINITIONS
    if not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder")
    stations = []
    for path in sorted(folder.glob("*.yaml")):
        station = load_station(path)
        facts = {"station": station.station, "file": str(path), "maturity": station.maturity, "channels": list(station.channels)}
        stations.append(facts | {"title": {"en": station.title.en, "zh": station.title.zh}})
        if arguments.json != "-":
            title = f"{station.title.en} {station.title.zh}"
            print(f"{station.station:24} {station.maturity:13} {len(station.channels):2} channels  {title}  {path}")
    if arguments.json:
        write_json(arguments.json, {"stations": stations})
    return 0


def _report(report: LineReport) -> dict[str, Any]:
    counts: dict[str, Any] = {"untold": dict(report.untold)} if any(report.untold.values()) else {}
    counts |= {"late": report.late, "unjudged": report.unjudged, "unexplained": report.unexplained, "unsaved": report.unsaved}
    return {"parts": report.parts, "outcomes": dict(report.outcomes)} | counts


@contextmanager
def stopped_by_ctrl_c(agents: list[Agent]) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) finish the parts in hand; a second one breaks off."""

    def stop(*_: object) -> None:
        for agent in agents:
            agent.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _bar(parts: int) -> Iterator[Advance]:
    """Show a progress bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=parts, desc="recording", unit="part", leave=False) as bar:
        yield bar.update
