"""Run stations as `inspector station run` does: one here, several in a process each, and what is said of it at the end."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.config import Station, load_station
from inspector.errors import UsageError
from inspector.home import Home
from stations.agent import Agent
from stations.line import LineReport
from stations.recorder import Recorder
from stations.supervision import Stations

if TYPE_CHECKING:
    from inspector.store import Store

Report = dict[str, Any]


def run_here(path: Path, arguments: argparse.Namespace) -> dict[str, Report]:
    """Run one station in this process; return its report under its name. Raises InspectorError."""
    from inspector.commands.installation import open_store
    from stations.judging import judging_line

    store = open_store(arguments.home)
    station = load_station(path)
    agent, recorder = Agent(station, path=path), _recorder(station, arguments)
    with stopped_by_ctrl_c([agent]):
        model = arguments.model or _in_service(store, arguments.home, station)
        line = judging_line(agent, store, arguments.home, model, recorder=recorder, follows=arguments.model is None)
        with agent, recorder or nullcontext():
            return {station.station: _report(line.run(arguments.parts), recorder)}


def run_apart(stations: dict[str, Path], arguments: argparse.Namespace) -> dict[str, Report]:
    """Run each station in a process of its own; return the reports. One that died has its `exit_code` for a report."""
    rest = ["--json", "-"]
    rest += ["--model", str(arguments.model)] if arguments.model else []
    rest += ["--home", str(arguments.home)] if arguments.home else []
    rest += ["--parts", str(arguments.parts)] if arguments.parts else []
    rest += [] if arguments.recording else ["--no-recording"]
    commands = {name: ["station", "run", str(path), *rest] for name, path in stations.items()}
    ended = Stations(commands, restart=arguments.parts is None).run()
    return {
        name: (end.report["stations"][name] if end.report else {"exit_code": end.exit_code}) | {"restarts": end.restarts}
        for name, end in ended.items()
    }


def words(report: Report) -> str:
    """Return a report for people."""
    if "exit_code" in report:
        return f"died with exit code {report['exit_code']}"
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in report["outcomes"].items())
    counts = f"{report['late']} late, {report['unjudged']} not judged, {report['unsaved']} not kept"
    recording = f"\n{_recording_words(report['recording'])}" if "recording" in report else ""
    return f"{report['parts']} parts, {outcomes}; {counts}{recording}"


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


def _in_service(store: Store, home: Path | None, station: Station) -> Path:
    from inspector.service import serving

    found = serving(store, Home.at(home), station.station)
    if found is None:
        raise UsageError(f"no model serves station '{station.station}' yet: name one with --model MODEL_DIR")
    return found


def _report(report: LineReport, recorder: Recorder | None) -> Report:
    counts = {"late": report.late, "unjudged": report.unjudged, "unexplained": report.unexplained, "unsaved": report.unsaved}
    untold = {"untold": dict(report.untold)} if any(report.untold.values()) else {}
    recording = {"recording": recorder.report()} if recorder is not None else {}
    return {"parts": report.parts, "outcomes": dict(report.outcomes)} | counts | untold | recording


def _recorder(station: Station, arguments: argparse.Namespace) -> Recorder | None:
    """Return what records a station while it runs, where its file says so."""
    if station.recording is None or not arguments.recording:
        return None
    return Recorder(station, Home.at(arguments.home).recordings)


def _recording_words(told: Report) -> str:
    left_out = f", {told['dropped'] + told['lost']} left out" if told["dropped"] + told["lost"] else ""
    alarm = f"; ALARM: {told['alarm']}" if told["alarm"] else ""
    return f"  recorded {told['parts']} parts{left_out}, kept the time around {told['kept_events']}: {told['kept']}{alarm}"
