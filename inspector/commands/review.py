"""List the parts that a person should look at next, or write what people said as a labelled parts folder to train on.

examples:  inspector review list --station press-2 --top 20
           inspector review export --out press-labels        then: inspector train models/recipes/line.yaml --data press-labels --out …
"""

from __future__ import annotations

import argparse
from pathlib import Path

from inspector.commands.output import add_home_argument, add_json_argument, write_json
from inspector.errors import UsageError

SUMMARY = "list the parts to look at next, or export what people said of parts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listed = kinds.add_parser("list", help="the parts of which the model would learn most, the first first")
    listed.add_argument("--station", metavar="S", help="of this station only")
    listed.add_argument("--top", type=int, default=20, metavar="K", help="how many (default: 20)")
    exported = kinds.add_parser("export", help="all parts whose label people agree on, as a labelled parts folder")
    exported.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    exported.add_argument("--station-file", type=Path, metavar="FILE", help="names, units and windows of the channels (default: as kept)")
    exported.add_argument("--station", metavar="S", help="parts of this station only")
    for one in (listed, exported):
        add_home_argument(one)
        add_json_argument(one)


def run(arguments: argparse.Namespace) -> int:
    from inspector.commands.installation import open_store
    from inspector.config import load_station
    from inspector.review import export, queue

    with open_store(arguments.home) as store:
        if arguments.what == "export":
            station = load_station(arguments.station_file) if arguments.station_file else None
            document = {"folder": str(arguments.out), "parts": export(store, arguments.out, station, arguments.station)}
            told = f"{document['parts']} parts written to {arguments.out}"
        else:
            if arguments.top < 1:
                raise UsageError(f"--top {arguments.top}: must be 1 or more")
            found = queue(store, arguments.station, arguments.top)
            named = ("part_id", "station", "outcome", "score", "kind", "inspection_id")
            rows = [{name: getattr(one.summary, name) for name in named} | {"worth": one.worth, "reasons": one.reasons} for one in found]
            document = {"parts": rows}
            lines = [
                f"{row['worth']:.2f}  {row['part_id']}  {row['outcome']:6}  score {row['score']:.3f}  {', '.join(row['reasons'])}"
                for row in rows
            ]
            told = "\n".join(lines) or "nothing to look at"
    if arguments.json != "-":
        print(told)
    if arguments.json:
        write_json(arguments.json, document)
    return 0
