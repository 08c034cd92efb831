"""Look at the log of who changed what, and make sure that nobody touched it.

examples:
  inspector audit list --action overruled --limit 20
  inspector audit verify                                     (every row, and every verdict against its inspection; prints the log's end)
  inspector audit verify --end 1042:5f3a…                    (also against an end that was noted earlier, away from this computer)
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_home_argument, add_json_argument, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.store import AuditCheck, AuditEntry, Store

SUMMARY = "list and verify the log of who changed what"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verifying = actions.add_parser("verify", help="find every row that was changed, taken out or moved (exit status 2 if any)")
    verifying.add_argument("--end", metavar="ROW:HASH", type=_end, help="end of the log as an earlier 'verify' printed it")
    listing = actions.add_parser("list", help="show the newest rows")
    listing.add_argument("--action", dest="only", metavar="ACTION", help="only this one, e.g. overruled, verdict, model, 'role granted'")
    listing.add_argument("--subject", metavar="S", help="only about this inspection, station, person or import")
    listing.add_argument("--who", metavar="NAME", help="only signed by this person")
    listing.add_argument("--limit", metavar="N", type=int, default=50, help="at most N rows (default: 50)")
    for action in (verifying, listing):
        add_home_argument(action)
        add_json_argument(action)


def run(arguments: argparse.Namespace) -> int:
    from inspector.home import Home
    from inspector.store import Store

    with Store.open(Home.at(arguments.home)) as store:
        return _verify(arguments, store) if arguments.action == "verify" else _list(arguments, store)


def _verify(arguments: argparse.Namespace, store: Store) -> int:
    check = store.audit.check(arguments.end)
    if arguments.json != "-":
        print("\n".join(_check_words(check)))
    if arguments.json:
        write_json(arguments.json, _check_document(check))
    return 2 if check.findings else 0


def _check_words(check: AuditCheck) -> list[str]:
    gone = f", {check.verdicts_gone} of them about inspections that are no longer kept" if check.verdicts_gone else ""
    ended = f"{check.entries} rows{gone}; end {check.end[0]}:{check.end[1]}"
    if not check.findings:
        return [f"the log is whole: {ended}"]
    return [*check.findings, f"the log was tampered with, or damaged: {len(check.findings)} findings in {ended}"]


def _check_document(check: AuditCheck) -> dict[str, Any]:
    end = {"row": check.end[0], "hash": check.end[1]}
    return {
        "whole": not check.findings,
        "rows": check.entries,
        "end": end,
        "findings": list(check.findings),
        "verdicts_gone": check.verdicts_gone,
    }


def _list(arguments: argparse.Namespace, store: Store) -> int:
    if arguments.limit < 1:
        raise UsageError(f"--limit {arguments.limit}: must be 1 or more")
    entries = store.audit.entries(action=arguments.only, subject=arguments.subject, who=arguments.who, limit=arguments.limit)
    if arguments.json != "-":
        print("\n".join(_words(entry) for entry in entries) or "no row")
    if arguments.json:
        write_json(arguments.json, {"rows": [_document(entry) for entry in entries]})
    return 0


def _words(entry: AuditEntry) -> str:
    detail = ", ".join(f"{name} {value!r}" for name, value in entry.detail.items() if name != "document_sha256")
    return f"{entry.sequence:>7}  {_time(entry)}  {entry.who!r}  {entry.action}  {entry.subject!r}  {detail}"


def _document(entry: AuditEntry) -> dict[str, Any]:
    said = {"row": entry.sequence, "time": _time(entry), "who": entry.who, "action": entry.action, "subject": entry.subject}
    return said | {"detail": dict(entry.detail), "hash": entry.hash}


def _time(entry: AuditEntry) -> str:
    return datetime.fromtimestamp(entry.wall_utc_ns / 1e9, UTC).isoformat(timespec="milliseconds")


def _end(text: str) -> tuple[int, str]:
    row, _, digest = text.partition(":")
    if not row.isdecimal() or len(digest) != 64:
        raise argparse.ArgumentTypeError(f"'{text}' is not ROW:HASH as 'inspector audit verify' prints it")
    return int(row), digest
