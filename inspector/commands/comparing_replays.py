"""What `inspector replay` needs to compare two ways of judging, and to keep what it found."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from inspector.config import Station
    from inspector.parts import Inspection
    from inspector.replay import Comparison, Setting
    from inspector.store import Store
    from inspector.store.replays import ReplayWriter

MODALITIES = ("image", "audio", "vibration", "series")  # inspector.parts would cost `--help` its numpy


def add_comparing_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a second way of judging, and what mistakes cost."""
    group = parser.add_argument_group("compare with another way of judging (any of these, together one way)")
    group.add_argument("--compare", type=Path, metavar="MODEL_DIR2", help="with another model")
    group.add_argument("--compare-threshold", metavar="SCORE", help="with another threshold: from this score on a part fails")
    group.add_argument("--compare-costs", metavar="COSTS", help="decided by other costs, written as --prices is")
    group.add_argument("--compare-defect-rate", metavar="SHARE", help="decided for a line of which this share is defective")
    group.add_argument("--compare-catalogue", type=Path, metavar="FILE", help="explained by another catalogue of causes")
    group.add_argument("--compare-without", choices=MODALITIES, action="append", default=[], help="without a sense; may be repeated")
    group.add_argument(
        "--prices",
        metavar="COSTS",
        help="what a mistake costs, as escape=200,reject=8,review=2 (default: the station's decision.costs, else 1 each)",
    )


def settings(arguments: argparse.Namespace) -> tuple[Setting, Setting | None]:
    """Return how the recording is judged, and how else; None where nothing is compared. Raises UsageError."""
    from inspector.home import DEMO_MODEL, newest_version
    from inspector.replay import Setting, parse_costs, parse_share

    first = Setting(arguments.model or newest_version(DEMO_MODEL))
    threshold, rate, costs = arguments.compare_threshold, arguments.compare_defect_rate, arguments.compare_costs
    second = first.changed(
        model=arguments.compare,
        threshold=parse_share(threshold, "--compare-threshold") if threshold else None,
        costs=parse_costs(costs, "--compare-costs") if costs else None,
        defect_rate=parse_share(rate, "--compare-defect-rate") if rate else None,
        catalogue=arguments.compare_catalogue,
        without=tuple(dict.fromkeys(arguments.compare_without)),
    )
    return first, second if second != first or arguments.compare is not None else None


def comparison(arguments: argparse.Namespace, station: Station) -> Comparison:
    """Return an empty comparison that knows what mistakes cost. Raises UsageError."""
    from inspector.replay import Comparison, parse_costs

    if arguments.prices:
        return Comparison(parse_costs(arguments.prices, "--prices"))
    return Comparison(station.decision.costs) if station.decision.costs else Comparison()


class Truths:
    """What the parts of a recording really were: as it was recorded, else as people of the installation said."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from inspector.commands.installation import open_store
        from inspector.replay import recorded_truths

        self._recorded = recorded_truths(arguments.recording, arguments.first, arguments.parts)
        self._store: Store | None = open_store(arguments.home) if arguments.home else None

    def of(self, index: int, inspection: Inspection) -> str | None:
        """Return `ok`, a defect, or None where nobody knows; `index` counts from the first part that is judged."""
        known = self._recorded[index] if index < len(self._recorded) else None
        if known is not None or self._store is None:
            return known
        record = inspection.record
        return self._store.confirmed_label(record.trigger.part_id, record.trigger.station, record.wall_utc_ns)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()


class Keeper:
    """Keeps a replay in the installation where that was asked for; nothing of one that is broken off."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from inspector.home import Home
        from inspector.store.replays import ReplayWriter

        self._writer: ReplayWriter | None = None
        if arguments.keep is not None:
            name = arguments.keep or f"{arguments.recording.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
            self._writer = ReplayWriter(Home.at(arguments.home).replays, name)

    def add(self, number: int, before: Inspection, after: Inspection | None) -> None:
        from inspector.document import inspection_document

        if self._writer is not None:
            self._writer.add(number, before)
            if after is not None:
                self._writer.add_after(number, after, inspection_document(after))

    def finish(self, document: dict[str, Any]) -> Path | None:
        """Let the replay appear; return its folder, None where none was to be kept."""
        return self._writer.finish(document) if self._writer is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._writer is not None and error is not None:
            self._writer.discard()


def comparison_lines(compared: Comparison) -> list[str]:
    """Return what a comparison found, for people."""
    document = compared.document()
    costs = document["costs"]
    lines = [f"{len(compared.changed)} parts judged otherwise the second way"]
    for change in compared.changed:
        truth = f"  (is {change.truth})" if change.truth is not None else ""
        was, now = change.outcome
        lines.append(f"  {change.part_id}  {was} -> {now}  score {change.score[0]:.6f} -> {change.score[1]:.6f}{truth}")
    recaused = sum("cause" in change.differs for change in compared.changes)
    lines.append(f"{recaused} parts with another first cause")
    for side in ("before", "after"):
        one = costs[side]
        lines.append(f"{side:6}  escapes {one['escapes']}, overkill {one['overkill']}, reviews {one['reviews']}: cost {one['cost']:g}")
    known = f"truth known of {costs['known']} of {len(compared.changes)} parts"
    return [*lines, f"saved {costs['saved']:g}  ({known})"]
