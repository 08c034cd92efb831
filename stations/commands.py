"""Make, check, calibrate, record and run stations.

examples:  inspector station list
           inspector station new press-2
           inspector station check press-2.yaml
           inspector station calibrate press-2.yaml
           inspector station calibrate press-2.yaml --lag
           inspector station record stations/definitions/demo-press.yaml --parts 600 --out press.mcap
           inspector station run press-2.yaml --model models/demo-press
"""

from __future__ import annotations

import argparse
from pathlib import Path

from inspector.commands.output import add_home_argument, add_json_argument

SUMMARY = "make, check, calibrate, record or run a station"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="write a station file to start from")
    new.add_argument("name", help="lower case letters, digits and '-'")
    new.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: NAME.yaml)")
    check = actions.add_parser("check", help="report every mistake at once, then open each device for three seconds")
    check.add_argument("file", type=Path)
    check.add_argument("--seconds", type=float, default=3.0, help="how long each device is read (default: 3)")
    check.add_argument(
        "--faults",
        nargs="*",
        metavar="CHANNEL",
        help="then break each device on purpose (unplugged, hanging, frozen …) and see that the station notices, goes on and recovers; "
        "about 6 seconds a fault; default: one channel per driver",
    )
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
    run.add_argument("--model", type=Path, required=True, metavar="MODEL_DIR")
    run.add_argument("--parts", type=int, metavar="N", help="stop after N parts per station")
    run.add_argument("--no-recording", dest="recording", action="store_false", help="record nothing, whatever the station files say")
    add_home_argument(run)
    listing = actions.add_parser("list", help="name the station files that ship, or those of a folder")
    listing.add_argument("folder", type=Path, nargs="?")
    for action in (check, calibrate, record, run, listing):
        add_json_argument(action)


def run(arguments: argparse.Namespace) -> int:
    from stations import command_actions

    action = getattr(command_actions, f"run_{arguments.action}")
    return int(action(arguments))
