"""Run the demo: a simulated press line is inspected, and its faults are found, explained and answered.

With a browser at hand open the address that it prints. With --headless the parts are judged as fast as they can be, and held against
what the simulator knows.

examples:  inspector demo
           inspector demo --headless --parts 60 --json -
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_json_argument, is_kept, write_json

if TYPE_CHECKING:
    from inspector.config import Station
    from inspector.home import Home
    from inspector.parts import Inspection
    from stations.truth import Tally

SUMMARY = "watch a simulated line being inspected"
STATION_FILE = Path(__file__).parent / "definitions" / "demo-press.yaml"
HEADLESS_PARTS = 60
PORT = 8501
DASHBOARD_WAIT_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parts", type=_count, metavar="N", help=f"stop after N parts (default: run on; headless: {HEADLESS_PARTS})")
    parser.add_argument("--seed", type=int, metavar="S", help="another simulated line (default: that of the station file)")
    parser.add_argument("--headless", action="store_true", help="no dashboard, as fast as possible, then report against the truth")
    parser.add_argument("--home", type=Path, metavar="DIR", help="where the demo keeps its store (default: per user)")
    parser.add_argument("--port", type=int, default=PORT, help=f"port of the dashboard (default: {PORT}, or the next free one)")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from inspector.home import Home

    home = Home(arguments.home) if arguments.home else Home(Home.at(None).root / "demo")
    say = _sayer(quiet=arguments.json == "-")
    say("loading the model …")
    station = demo_station(arguments.seed)
    if arguments.headless:
        document = inspect_line(station, home, arguments.parts or HEADLESS_PARTS, live=False) | {"dashboard": None}
    else:
        told = sys.stderr if arguments.json == "-" else sys.stdout
        password = None if is_kept(told) else first_password(home)
        with dashboard(home, arguments.port) as url:
            say(f"dashboard: {url}   (Ctrl-C ends the demo)")
            print(_how_to_sign_in(password, home), file=told, flush=True)
            document = inspect_line(station, home, arguments.parts, live=True) | {"dashboard": url}
    if arguments.json:
        write_json(arguments.json, document)
    say(summary(document))
    return 0


def demo_station(seed: int | None = None) -> Station:
    """Return the demo's station, with another simulated world if a seed is given. Raises ConfigError."""
    from inspector.config import Station, read_yaml, validated

    content = read_yaml(STATION_FILE)
    if seed is not None:
        for place in (content["trigger"], *content["channels"].values()):
            place["settings"] = {**place["settings"], "seed": seed}
    return validated(Station, content, STATION_FILE)


def inspect_line(station: Station, home: Any, parts: int | None, *, live: bool) -> dict[str, Any]:
    """Inspect a simulated station and return the document of `inspector demo --json`, less the dashboard's address."""
    from inspector.clock import MonotonicClock, SteppedClock
    from inspector.commands.installation import open_store
    from inspector.home import DEMO_MODEL, newest_version
    from inspector.service import serving
    from stations.agent import Agent
    from stations.judging import judging_line
    from stations.operation import stopped_by_ctrl_c
    from stations.truth import Tally

    store = open_store(home.root, demonstration=True)
    agent = Agent(station, MonotonicClock() if live else SteppedClock(), path=STATION_FILE)
    tally = Tally()

    def keep(inspection: Inspection) -> None:
        truth = agent.truth(inspection.part_id)
        store.add(inspection, truth)
        tally.add(inspection, truth)

    activated = live and store.services.history(station.station)
    model = (serving(store, home, station.station) if activated else None) or newest_version(DEMO_MODEL)
    line = judging_line(agent, store, home.root, model, keep, follows=live)
    with agent, stopped_by_ctrl_c([agent]):
        start_s = time.perf_counter()
        line.run(parts)
        elapsed_s = time.perf_counter() - start_s
    return _document(tally, elapsed_s, home.root)


def _document(tally: Tally, elapsed_s: float, root: Path) -> dict[str, Any]:
    document = tally.document()
    return document | {"parts_per_s": document["parts"] / elapsed_s, "home": str(root)}


@contextmanager
def dashboard(home: Home, port: int) -> Iterator[str]:
    """Serve the dashboard from a process of its own while the line runs; yield its address."""
    from inspector.errors import InspectorError

    home.root.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "inspector.cli", "dashboard", "--home", str(home.root), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        url = _address(process)
        if url is None:
            raise InspectorError("the dashboard did not start; run 'inspector dashboard' by itself to see why")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()


def first_password(home: Home) -> str | None:
    """Return the password of the demo's admin at its first start; None later."""
    from inspector import access
    from inspector.store import Store

    with Store.open(home) as store:
        return access.first_password(store)


def _how_to_sign_in(password: str | None, home: Home) -> str:
    if password is not None:
        return f"sign in as: admin   password: {password}   (shown this once)"
    return f"sign in as: admin   (no password at hand? inspector people password admin --home {home.root})"


def _address(process: subprocess.Popen[str]) -> str | None:
    """Return the address that the dashboard prints once it is ready to listen."""
    assert process.stdout is not None
    for line in process.stdout:
        if "http://" in line:
            return "http://" + line.split("http://", 1)[1].split()[0]
    return None


def summary(document: dict[str, Any]) -> str:
    """Return what a person wants to know at the end, in a few lines."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in document["outcomes"].items())
    lines = [f"{document['parts']} parts inspected ({document['parts_per_s']:.1f}/s): {counts}"]
    if document["latency_ms"]:
        lines.append(f"verdict after {document['latency_ms']['p50']:.0f} ms (p95 {document['latency_ms']['p95']:.0f} ms)")
    if truth := document.get("truth"):
        auroc, top1 = truth["detection"]["auroc"], truth["causes"]["top1"]
        lines.append(
            f"against the simulator's truth: AUROC {_figure(auroc)}, {truth['escapes']} of {truth['defective']} defective parts passed, "
            f"{truth['false_rejects']} good parts rejected, cause named right {_figure(top1)} of {truth['causes']['parts']}"
        )
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of parts")
    return int(text)


def _sayer(*, quiet: bool) -> Callable[[str], None]:
    """Return what prints for people: nothing where standard output is taken by JSON."""
    return (lambda text: None) if quiet else (lambda text: print(text, flush=True))  # noqa: ARG005
