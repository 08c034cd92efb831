"""Judge the parts of a recording again, as fast as possible or at its own pace, and compare two ways of judging.

examples:  inspector replay press.mcap --model models/demo-press/1.0.0 --digest
           inspector replay press.mcap --model models/old --compare models/new --json -
           inspector replay press.mcap --compare-threshold 0.3 --prices escape=200,reject=8,review=2
           inspector replay press.mcap --compare-without audio --keep no-microphone     (to look at in the dashboard)
           inspector replay press.mcap --fault microphone=unplugged --fault camera=frozen@10-20
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.comparing_replays import add_comparing_arguments, comparison_lines
from inspector.commands.output import add_home_argument, add_json_argument, progress, write_json

if TYPE_CHECKING:
    from inspector.commands.comparing_replays import Keeper
    from inspector.config import Station
    from inspector.parts import Inspection
    from inspector.replay import Comparison, Digest, Setting

SUMMARY = "judge the parts of a recording again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, metavar="RECORDING")
    parser.add_argument("--model", type=Path, metavar="MODEL_DIR", help="which model judges (default: that of the demo)")
    add_comparing_arguments(parser)
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
    parser.add_argument(
        "--keep", nargs="?", const="", metavar="NAME", help="keep it in the installation, to look at it part by part in the dashboard"
    )
    add_home_argument(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from inspector.commands.comparing_replays import Keeper, settings
    from inspector.replay import Digest, parse_speed
    from inspector.store.recordings import count_parts, read_station

    speed = parse_speed(arguments.speed)
    there, station = count_parts(arguments.recording), read_station(arguments.recording)
    total = _chosen(arguments, there)
    both, digest = settings(arguments), Digest()
    with Keeper(arguments) as keeper:
        inspections = progress(_inspections(arguments, station, both, speed, digest), total=total, label="replay")
        parts, compared = _gathered(arguments, station, both[1] is not None, inspections, keeper)
        document: dict[str, Any] = {"recording": str(arguments.recording), "parts": parts, "digest": digest.hexdigest()}
        document["speed"] = "max" if speed is None else speed
        if compared is not None and both[1] is not None:
            document["compare"] = {"before": both[0].words(), "after": both[1].words(), **compared.document()}
        place = keeper.finish(document)
    if arguments.json != "-":
        _tell(parts, digest.hexdigest(), compared, place, only_digest=arguments.digest)
    if arguments.json:
        write_json(arguments.json, document)
    return 0


def _inspections(
    arguments: argparse.Namespace, station: Station, both: tuple[Setting, Setting | None], speed: float | None, digest: Digest
) -> Iterator[tuple[Inspection, Inspection | None]]:
    """Yield each part as the one way has it, and as the other: two replays, so that neither can disturb the other."""
    from inspector.faults import parse_fault
    from inspector.replay import replay

    faults = [parse_fault(text) for text in arguments.fault]

    def run_of(setting: Setting, **more: Any) -> Iterator[Inspection]:
        return replay(
            arguments.recording,
            setting.open(station),
            station=setting.station(station),
            faults=[*faults, *setting.faults(station)],
            first=arguments.first,
            parts=arguments.parts,
            realign=arguments.realign,
            **more,
        )

    first, second = both
    before = run_of(first, speed=speed, on_judged=lambda capture, judged: digest.add(capture.trigger.part_id, judged.verdict))
    after: Iterator[Inspection | None] = repeat(None) if second is None else run_of(second)
    return zip(before, after, strict=False)


def _gathered(
    arguments: argparse.Namespace,
    station: Station,
    comparing: bool,
    inspections: Iterable[tuple[Inspection, Inspection | None]],
    keeper: Keeper,
) -> tuple[list[dict[str, Any]], Comparison | None]:
    """Return the parts as plain values, and the comparison where two ways are compared."""
    from inspector.commands.comparing_replays import Truths, comparison
    from inspector.document import inspection_document

    parts: list[dict[str, Any]] = []
    compared, truths = (comparison(arguments, station), Truths(arguments)) if comparing else (None, None)
    for number, (before, after) in enumerate(inspections, arguments.first):
        if compared is not None and truths is not None and after is not None:
            compared.add(number, before, after, truths.of(len(parts), before))
        parts.append(inspection_document(before))
        keeper.add(number, before, after)
    if truths is not None:
        truths.close()
    return parts, compared


def _chosen(arguments: argparse.Namespace, there: int) -> int:
    """Return how many parts will be judged. Raises UsageError."""
    from inspector.errors import UsageError

    if arguments.parts is not None and arguments.parts < 1:
        raise UsageError(f"--parts {arguments.parts}: must be 1 or more")
    if not 0 <= arguments.first < max(1, there):
        raise UsageError(f"--from {arguments.first}: the recording has {there} parts, counted from 0")
    return min(there - int(arguments.first), int(arguments.parts or there))


def _tell(parts: list[dict[str, Any]], digest: str, compared: Comparison | None, place: Path | None, *, only_digest: bool) -> None:
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
    if compared is not None:
        print("\n".join(comparison_lines(compared)))
    if place is not None:
        print(f"kept as {place.name}, to be looked at in the dashboard")
