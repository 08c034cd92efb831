"""What `inspector station …` does; apart from `commands.py`, so that `inspector --help` need not load it."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inspector.commands.output import write_json
from inspector.config import load_station
from inspector.errors import UsageError
from stations.agent import Agent
from stations.recording import clock_for, record, refuse_existing

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
