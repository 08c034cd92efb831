"""Write what was found as a report (PDF with page numbers, or HTML that needs nothing else), or check what somebody wrote of a part.

examples:  inspector report part A7-000210 --out part.pdf
           inspector report batch --station press-2 --since 8h --out shift.pdf --lang zh
           inspector report batch --since 2026-11-24T06:00 --until 2026-11-24T14:00 --out shift.html
           inspector report shifts                              (those of ended shifts that are missing, in both languages; for cron)
           inspector report shifts --stay --first 06:00 --hours 8          (goes on and writes each when its shift has ended)
           inspector report check A7-000210 statement.txt        (points out what the record contradicts; exit status 2)
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.commands.output import add_home_argument, add_json_argument, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.diagnosis import Catalogue
    from inspector.store import Store, StoredInspection

SUMMARY = "write a report of a part or a batch, or check one against the record"
_LOOK_EACH_S = 60.0
_SPANS = {"m": 60, "h": 3600, "d": 86_400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    part = kinds.add_parser("part", help="everything of one part")
    part.add_argument("part", metavar="PART_ID", help="its number; of several inspections the last counts")
    part.add_argument("--station", metavar="S", help="where, if several stations have parts of this number")
    batch = kinds.add_parser("batch", help="yield, what was found, escapes and false rejects, what is open")
    batch.add_argument("--station", metavar="S", help="which station (default: the only one)")
    batch.add_argument("--since", default="8h", metavar="WHEN", help="from when: 30m, 8h, 2d ago, or 2026-11-24T06:00 (default: 8h)")
    batch.add_argument("--until", metavar="WHEN", help="until when (default: now)")
    shifts = kinds.add_parser("shifts", help="the reports of shifts that ended and have none yet, into HOME/reports")
    shifts.add_argument("--first", default="06:00", metavar="HH:MM", help="when the first shift of a day begins (default: 06:00)")
    shifts.add_argument("--hours", type=int, default=8, metavar="H", help="how long a shift is (default: 8)")
    shifts.add_argument("--stay", action="store_true", help="go on, and write each report when its shift has ended, until Ctrl-C")
    check = kinds.add_parser("check", help="hold a written statement against the record of a part")
    check.add_argument("part", metavar="PART_ID")
    check.add_argument("statement", metavar="FILE", help="plain text, UTF-8; - for standard input")
    check.add_argument("--station", metavar="S")
    for one in (part, batch):
        one.add_argument("--out", type=Path, required=True, metavar="FILE", help="ends with .pdf or .html")
        one.add_argument("--lang", choices=("en", "zh"), default="en", help="language (default: en)")
    for one in (part, batch, shifts, check):
        add_home_argument(one)
    add_json_argument(check)


def run(arguments: argparse.Namespace) -> int:
    from inspector.commands.installation import open_catalogue, open_store

    if arguments.what == "shifts":
        return _shifts(arguments)
    from inspector.reports import FORMATS, batch_of, batch_report, part_report, write_report

    if arguments.what != "check" and arguments.out.suffix.lower() not in FORMATS:
        raise UsageError(f"--out {arguments.out}: must end with {' or '.join(FORMATS)}")
    now = datetime.now().astimezone()
    with open_store(arguments.home) as store:
        catalogue = open_catalogue(store, arguments.home)
        if arguments.what == "check":
            return _check(arguments, _part(store, arguments), catalogue)
        if arguments.what == "part":
            sheet = part_report(store, _part(store, arguments), catalogue, arguments.lang, now)
        else:
            since, until = instant(arguments.since, now, "--since"), instant(arguments.until or "0m", now, "--until")
            if since >= until:
                raise UsageError(f"--since {arguments.since}: must be before --until")
            batch = batch_of(store, _station(store, arguments.station), _ns(since), _ns(until))
            if not batch.parts:
                raise UsageError(f"{batch.station}: no part between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M}; choose another span")
            sheet = batch_report(batch, catalogue, arguments.lang, now)
    write_report(sheet, arguments.out)
    print(f"{arguments.out}: {sheet.title}")
    return 0


def _shifts(arguments: argparse.Namespace) -> int:
    """Write the reports of ended shifts; with `--stay` again and again."""
    from inspector.commands.installation import open_catalogue, open_store
    from inspector.home import Home
    from inspector.reports.shifts import parse_plan, write_missing

    plan = parse_plan(arguments.first, arguments.hours)
    with open_store(arguments.home) as store:
        while True:
            now = datetime.now().astimezone()
            for path in write_missing(store, Home.at(arguments.home), open_catalogue(store, arguments.home), plan, now):
                print(path, flush=True)
            if not arguments.stay:
                return 0
            time.sleep(_LOOK_EACH_S)


def instant(text: str, now: datetime, option: str) -> datetime:
    """Return the instant that a person wrote: `30m`, `8h`, `2d` ago, or an ISO time in the plant's own zone. Raises UsageError."""
    if ago := re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text.strip()):
        return now - timedelta(seconds=float(ago[1]) * _SPANS[ago[2]])
    try:
        written = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"{option} {text}: write how long ago (30m, 8h, 2d) or a time such as 2026-11-24T06:00") from error
    return written if written.tzinfo else written.astimezone()


def _ns(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp()) * 1_000_000_000


def _part(store: Store, arguments: argparse.Namespace) -> StoredInspection:
    found = store.find(arguments.part, arguments.station)
    stored = store.get(found) if found else None
    if stored is None:
        place = f" at {arguments.station}" if arguments.station else ""
        raise UsageError(f"there is no part '{arguments.part}'{place} in this installation; --home names another")
    return stored


def _station(store: Store, asked: str | None) -> str:
    known = store.stations()
    if asked is not None and asked in known:
        return asked
    if asked is None and len(known) == 1:
        return known[0]
    wrong = f"--station {asked}: is not known" if asked else "--station is needed"
    raise UsageError(f"{wrong}; stations with parts: {', '.join(known) or 'none'}")


def _check(arguments: argparse.Namespace, stored: StoredInspection, catalogue: Catalogue) -> int:
    from inspector.reports import check_statement

    try:
        text = sys.stdin.read() if arguments.statement == "-" else Path(arguments.statement).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{arguments.statement}: cannot be read as text: {getattr(error, 'strerror', None) or error}") from error
    remarks = check_statement(text, stored.document, catalogue)
    wrong = [remark for remark in remarks if remark.finding == "contradicts"]
    if arguments.json != "-":
        for remark in remarks:
            print(f"{remark.finding:11}  {remark.said}\n             {remark.record.en}")
        print(f"{len(wrong)} contradictions, {sum(r.finding == 'unsupported' for r in remarks)} not in the record")
    if arguments.json:
        write_json(arguments.json, {"part_id": stored.summary.part_id, "remarks": [remark.document() for remark in remarks]})
    return 2 if wrong else 0
