"""Make, check, calibrate, record and run stations.

examples:  inspector station list
           inspector station find
           inspector station new press-2
           inspector station new scales --series weight=serial-lines:port=/dev/ttyUSB0 --unit weight=kg --trigger timer:interval_s=2
           inspector station check press-2.yaml
           inspector station calibrate press-2.yaml
           inspector station calibrate press-2.yaml --lag
           inspector station record stations/definitions/demo-press.yaml --parts 600 --out press.mcap
           inspector station run press-2.yaml --model models/demo-press
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from inspector.commands.output import add_home_argument, add_json_argument

SUMMARY = "find devices; make, check, calibrate, record or run a station"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="write a station file to start from")
    new.add_argument("name", help="lower case letters, digits and '-'")
    new.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: NAME.yaml)")
    _add_design_arguments(new)
    find = actions.add_parser("find", help="list the cameras, microphones, serial ports … that installed drivers find")
    check = actions.add_parser("check", help="report every mistake at once, then open each device for three seconds")
    check.add_argument("file", type=Path)
    check.add_argument("--seconds", type=float, default=3.0, help="how long each device is read (default: 3)")
    check.add_argument("--pictures", type=Path, metavar="DIR", help="save a picture of each camera as PNG")
    check.add_argument(
        "--faults",
        nargs="*",
        metavar="CHANNEL",
        help="then break each device on purpose (unplugged, hanging, frozen …) and see that the station notices, goes on and recovers; "
        "about 6 seconds a fault; default: one channel per driver",
    )
    check.add_argument("--model", type=Path, metavar="MODEL_DIR", help="also tell whether this model fits the station, and its promise")
    calibrate = actions.add_parser("calibrate", help="measure by how much each channel's stamps come late, or how long parts travel to it")
    calibrate.add_argument("file", type=Path)
    calibrate.add_argument("--seconds", type=float, metavar="S", help="how long it listens (default: 30; with --lag 60)")
    calibrate.add_argument("--events", type=int, default=10, metavar="N", help="how many flashes and knocks it asks for (default: 10)")
    calibrate.add_argument("--reference", metavar="CHANNEL", help="latencies are against this one (default: the fastest waveform)")
    calibrate.add_argument("--lag", action="store_true", help="find how long after the trigger a part passes each channel")
    calibrate.add_argument("--from", type=Path, dest="recording", metavar="RECORDING", help="with --lag: from a recording, no devices")
    calibrate.add_argument("--min-lag", type=float, default=-1.0, metavar="S", help="the shortest lag that is looked for (default: -1)")
    calibrate.add_argument("--max-lag", type=float, default=10.0, metavar="S", help="the longest lag that is looked for (default: 10)")
    record = actions.add_parser("record", help="capture parts into a recording; with known truth also into a labelled parts folder")
    record.add_argument("file", type=Path)
    record.add_argument("--parts", type=int, required=True, metavar="N")
    record.add_argument("--out", type=Path, required=True, metavar="RECORDING")
    record.add_argument("--live", action="store_true", help="in real time, even where all sources are simulated or files")
    record.add_argument("--pictures", choices=("png", "jpeg", "raw"), default="png", help="png and raw keep every bit (default: png)")
    run = actions.add_parser("run", help="judge parts as they come, until Ctrl-C")
    run.add_argument("files", type=Path, nargs="+", metavar="FILE")
    run.add_argument("--model", type=Path, metavar="MODEL_DIR", help="(default: the model in service, also when it changes)")
    run.add_argument("--parts", type=int, metavar="N", help="stop after N parts per station")
    run.add_argument("--no-recording", dest="recording", action="store_false", help="record nothing, whatever the station files say")
    add_home_argument(run)
    listing = actions.add_parser("list", help="name the station files that ship, or those of a folder")
    listing.add_argument("folder", type=Path, nargs="?")
    for action in (find, check, calibrate, record, run, listing):
        add_json_argument(action)


def _add_design_arguments(new: argparse.ArgumentParser) -> None:
    """Add what describes a station without questions; SPEC is [NAME=]DRIVER[:KEY=VALUE,...]."""
    design = new.add_argument_group(
        "without questions",
        "On a terminal, and without any of these, it asks. SPEC is [NAME=]DRIVER[:KEY=VALUE,...], or [NAME=]found for the first device "
        "that is found; each may be given several times. In a pipe and without any of these the station is simulated.",
    )
    for flag, what in (
        ("camera", "a camera"),
        ("microphone", "a microphone"),
        ("vibration", "a vibration sensor"),
        ("series", "slow values"),
    ):
        design.add_argument(f"--{flag}", action="append", metavar="SPEC", nargs="?", const="found", help=f"{what} (no SPEC: found)")
    design.add_argument("--channel", action="append", metavar="SPEC", help="any of them: the driver says which")
    design.add_argument("--unit", action="append", metavar="CHANNEL=UNIT", help="unit of a channel's values, e.g. weight=kg")
    design.add_argument("--trigger", metavar="SPEC", help="what says that a part is in place (default: timer:interval_s=1.0)")
    design.add_argument("--sink", action="append", metavar="SPEC", help="who is told the outcome (default: log-sink)")
    design.add_argument("--title", help="its name for people")
    design.add_argument("--title-zh", help="the same in Chinese")
    design.add_argument("--product", help="what it inspects")
    design.add_argument("--simulated", action="store_true", help="the simulated station, on a terminal too")


MODULES = {"check": "check_actions", "new": "new_actions", "find": "new_actions"}


def run(arguments: argparse.Namespace) -> int:
    module = importlib.import_module(f"stations.{MODULES.get(arguments.action, 'command_actions')}")
    action = getattr(module, f"run_{arguments.action}")
    return int(action(arguments))
