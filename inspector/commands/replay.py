"""Judge the parts of a recording again, as fast as possible or at its own pace, and compare two models.

examples:  inspector replay press.mcap --model models/demo-press/1.0.0 --digest
           inspector replay press.mcap --model models/old --compare models/new --json -
           inspector replay press.mcap --fault microphone=unplugged --fault camera=frozen@10-20
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_json_argument, progress, write_json

if TYPE_CHECKING:
    from inspector.config import Station
    from inspector.parts import Capture
    from inspector.pipeline import Judged, Pipeline
    from inspector.replay import Comparison

SUMMARY = "judge the parts of a recording again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, metavar="RECORDING")
    parser.add_argument("--model", type=Path, metavar="MODEL_DIR", help="which model judges (default: that of the demo)")
    parser.add_argument("--compare", type=Path, metavar="MODEL_DIR2", help="a second model; the parts that it judges otherwise are named")
    parser.add_argument("--speed", default="max", metavar="X|max", help="1 is the pace of the recording (default: max)")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="CHANNEL=KIND[@FROM-TO]",
        help="judge as if a device had been broken from FROM to TO seconds, e.g. camera=frozen or microphone=nan@10-20; may be repeated",
    )
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="K", help="begin with part K, counted from 0")
    parser.add_argument("--parts", type=int, metavar="N", help="judge N parts only")
    parser.add_argument("--realign", action="store_true", help="learn the devices' clocks anew from when their readings arrived")
    parser.add_argument("--digest", action="store_true", help="print only the digest over all verdicts")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from inspector.document import inspection_document
    from inspector.faults import parse_fault
    from inspector.replay import Comparison, Digest, parse_speed, replay
    from inspector.store.recordings import count_parts, read_station

    speed = parse_speed(arguments.speed)
    faults = [parse_fault(text) for text in arguments.fault]
    there, station = count_parts(arguments.recording), read_station(arguments.recording)
    total = _chosen(arguments, there)
    pipeline = _open(arguments.model, station)
    second = _open(arguments.compare, station) if arguments.compare else None
    digest, comparison = Digest(), Comparison()

    def on_judged(capture: Capture, judged: Judged) -> None:
        digest.add(capture.trigger.part_id, judged.verdict)
        if second is not None:
            comparison.add(capture.trigger.part_id, judged.verdict, second.judge(capture, station).verdict)

    inspections = replay(
        arguments.recording,
        pipeline,
        speed=speed,
        first=arguments.first,
        parts=arguments.parts,
        faults=faults,
        realign=arguments.realign,
        on_judged=on_judged,
    )
    parts = [inspection_document(inspection) for inspection in progress(inspections, total=total, label="replay")]
    if arguments.json != "-":
        _tell(parts, digest.hexdigest(), comparison if second else None, only_digest=arguments.digest)
    if arguments.json:
        document: dict[str, Any] = {"recording": str(arguments.recording), "parts": parts, "digest": digest.hexdigest()}
        document["speed"] = "max" if speed is None else speed
        write_json(arguments.json, document | ({"compare": _comparison(comparison)} if second else {}))
    return 0


def _chosen(arguments: argparse.Namespace, there: int) -> int:
    """Return how many parts will be judged. Raises UsageError."""
    from inspector.errors import UsageError

    if arguments.parts is not None and arguments.parts < 1:
        raise UsageError(f"--parts {arguments.parts}: must be 1 or more")
    if not 0 <= arguments.first < max(1, there):
        raise UsageError(f"--from {arguments.first}: the recording has {there} parts, counted from 0")
    return min(there - int(arguments.first), int(arguments.parts or there))


def _open(model: Path | None, station: Station) -> Pipeline:
    from inspector.home import DEMO_MODEL, newest_version
    from inspector.pipeline import open_pipeline

    return open_pipeline(model or newest_version(DEMO_MODEL), station=station)


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {"changed": comparison.changed, "table": comparison.table}


def _tell(parts: list[dict[str, Any]], digest: str, comparison: Comparison | None, *, only_digest: bool) -> None:
    if only_digest:
        print(digest)
        return
    counts = {outcome: sum(part["outcome"] == outcome for part in parts) for outcome in ("pass", "fail", "review")}
    print(f"{len(parts)} parts: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    for part in parts:
        if part["outcome"] != "pass":
            cause = part["causes"][0]["name"] if part.get("causes") else "-"
            kind = part["defects"][0]["kind"] if part["defects"] else "-"
            print(f"  {part['part_id']}  {part['outcome']:6}  score {part['score']:.3f}  {kind}  {cause}")
    print(f"digest {digest}")
    if comparison is not None:
        print(f"{len(comparison.changed)} parts judged otherwise by the second model")
        for change in comparison.changed:
            (was, now), (low, high) = change["outcome"], change["score"]
            print(f"  {change['part_id']}  {was} -> {now}  score {low} -> {high}")
