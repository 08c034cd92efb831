"""Look into recordings, mend them, and turn them into other files.

examples:  inspector recording info press.mcap
           inspector recording recover broken.mcap --out mended.mcap
           inspector recording export press.mcap --as parts --out press-parts
           inspector recording export press.mcap --as flac --whole --out press-sound
           inspector recording import line.mp4 --out line.mcap --every 0.5
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from inspector.commands.output import add_json_argument, write_json

SUMMARY = "look into, mend, export or import recordings"
FORMATS = ("parts", "parquet", "wav", "flac", "images", "jpeg")
WHOLE_FORMATS = ("parquet", "wav", "flac")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    info = actions.add_parser("info", help="what a recording holds")
    check = actions.add_parser("check", help="read everything and compare all checksums; exit 2 where something is lost")
    recover = actions.add_parser("recover", help="save what can be read of a damaged recording into a new one")
    export = actions.add_parser("export", help="write a recording as other files")
    for action in (info, check, recover, export):
        action.add_argument("recording", type=Path, metavar="RECORDING")
    recover.add_argument("--out", type=Path, required=True, metavar="RECORDING2")
    export.add_argument("--as", dest="as_", choices=FORMATS, required=True, help="labelled parts folder, tables, sound or pictures")
    export.add_argument("--whole", action="store_true", help="one file a channel over the whole time, for parquet, wav and flac")
    export.add_argument("--out", type=Path, required=True, metavar="DIR")
    video = actions.add_parser("import", help="make a recording of a video file with its sound, with the file's own time stamps")
    video.add_argument("video", type=Path, metavar="VIDEO")
    video.add_argument("--out", type=Path, required=True, metavar="RECORDING")
    video.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="one part every so often (default: 1)")
    for action in (info, check, recover, export, video):
        add_json_argument(action)


def run(arguments: argparse.Namespace) -> int:
    document, words = _ACTIONS[arguments.action](arguments)
    if arguments.json != "-":
        print(words)
    if arguments.json:
        write_json(arguments.json, document)
    return 0


def _info(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from inspector.store.recordings import info

    told = info(arguments.recording)
    whole = "complete" if told["complete"] else f"NOT COMPLETE, try 'inspector recording recover {arguments.recording} --out FILE'"
    lines = [f"{told['parts']} parts from {told['start']}, {told['duration_s']:.1f} s, {told['bytes'] / 1e6:.1f} MB, {whole}"]
    for name, channel in told["channels"].items():
        rate = "" if channel["rate_hz"] is None else f"{channel['rate_hz']:.6g} Hz"
        span = f"{channel['first_s']:.2f} to {channel['last_s']:.2f} s"
        lines.append(f"  {name:20} {channel['kind']:9} {rate:>12} {channel['unit']:6} {span}, {channel['drops']} drops")
    return told, "\n".join(lines)


def _check(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from inspector.errors import RecordingError
    from inspector.store.recordings import check

    told = check(arguments.recording)
    if told["problems"]:
        if arguments.json:
            write_json(arguments.json, told)
        found = ", ".join(told["problems"])
        advice = f"try 'inspector recording recover {arguments.recording} --out FILE'"
        raise RecordingError(f"{arguments.recording}: {found}; {told['parts']} parts can be read, {advice}")
    return told, f"{told['parts']} parts, all whole"


def _recover(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from inspector.store.recordings import recover

    told = recover(arguments.recording, arguments.out)
    return told, f"{told['parts']} parts saved in {arguments.out}" + "".join(f"; {problem}" for problem in told["problems"])


def _export(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    if arguments.whole:
        from inspector.errors import UsageError
        from inspector.store.recording_export_whole import export_whole

        if arguments.as_ not in WHOLE_FORMATS:
            raise UsageError(f"--whole: goes with --as {', '.join(WHOLE_FORMATS)}, not with {arguments.as_}")
        count = export_whole(arguments.recording, arguments.as_, arguments.out)
        what = "files"
    elif arguments.as_ == "parts":
        from inspector.replay import export_parts

        count = export_parts(arguments.recording, arguments.out)
        what = "parts"
    else:
        from inspector.store.recording_export import export

        count = export(arguments.recording, arguments.as_, arguments.out)
        what = "files"
    document = {"recording": str(arguments.recording), "as": arguments.as_, "out": str(arguments.out), what: count}
    return document, f"{count} {what} in {arguments.out}"


def _import(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from inspector.errors import UsageError
    from inspector.store.recording_import import import_video

    if arguments.every <= 0:
        raise UsageError(f"--every {arguments.every:g}: must be above 0")
    parts = import_video(arguments.video, arguments.out, every_s=arguments.every)
    return {"recording": str(arguments.out), "parts": parts}, f"{parts} parts in {arguments.out}"


_ACTIONS = {"info": _info, "check": _check, "recover": _recover, "export": _export, "import": _import}
