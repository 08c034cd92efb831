"""Bring past cases into the memory of fixes, take them out, look at them, say what helped.

examples:
  inspector knowledge import orders.csv --map problem=symptom --map action=action --map "tension=parameter:belt_tension:MPa"
  inspector knowledge export cases.csv
  inspector knowledge list
  inspector knowledge feedback demo-008 --helped
  inspector knowledge outcomes --parts 100          (did the defect rate fall? beside what operators said)
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_home_argument, add_json_argument, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.knowledge.outcome import BeforeAfter
    from inspector.knowledge.tables import CaseTable
    from inspector.parts import Case
    from inspector.store import ImportResult, Store

SUMMARY = "import, export, list and rate past cases and fixes"
KINDS = ("cases", "causes", "fmea")
_BAD_ROWS_SHOWN = 20
_MEASURED = "measured"
"""Who says so, where the parts themselves did."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    importing = actions.add_parser("import", help="read past cases from a CSV file")
    importing.add_argument("file", metavar="FILE", type=Path)
    importing.add_argument("--kind", choices=KINDS, default="cases", help="what a row of the file is (default: cases)")
    importing.add_argument("--map", metavar="COLUMN=FIELD", action="append", default=[], help="read a column as a field; may be repeated")
    importing.add_argument("--encoding", metavar="NAME", default="utf-8-sig", help="of the file, e.g. gb18030 (default: UTF-8)")
    exporting = actions.add_parser("export", help="write all cases as CSV that can be imported again")
    exporting.add_argument("file", metavar="FILE", type=Path)
    listing = actions.add_parser("list", help="show the fixes with what they did, and where the cases came from")
    feedback = actions.add_parser("feedback", help="say whether what was done in a case helped")
    feedback.add_argument("case", metavar="CASE", help="id of a case, as suggestions and exports name it")
    outcome = feedback.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--helped", dest="helped", action="store_true")
    outcome.add_argument("--not-helped", dest="helped", action="store_false")
    outcomes = actions.add_parser("outcomes", help="compare the defect rate before and after each case with what operators said")
    outcomes.add_argument("--parts", metavar="N", type=int, default=50, help="parts before and after to look at (default: 50)")
    outcomes.add_argument("--apply", action="store_true", help="take the measured outcome where no operator said anything")
    for action in (importing, exporting, listing, feedback, outcomes):
        add_home_argument(action)
    for action in (importing, listing, outcomes):
        add_json_argument(action)


def run(arguments: argparse.Namespace) -> int:
    from inspector.commands.installation import open_store

    with open_store(arguments.home) as store:
        return _ACTIONS[arguments.action](arguments, store)


def _import(arguments: argparse.Namespace, store: Store) -> int:
    from inspector.knowledge.tables import parse_mapping, read_cases

    if arguments.kind != "cases":
        raise UsageError(f"--kind {arguments.kind}: cannot be imported yet; import the rows as cases with --map COLUMN=FIELD")
    if arguments.file.suffix.casefold() in (".xlsx", ".xls", ".ods"):
        raise UsageError(f"{arguments.file}: is a spreadsheet; save it as CSV (UTF-8) and import that")
    table = read_cases(arguments.file, parse_mapping(arguments.map), arguments.encoding)
    result = store.add_cases(table.cases, arguments.file.name)
    if arguments.json != "-":
        print(_import_words(arguments.file, table, result))
    if arguments.json:
        write_json(arguments.json, _import_document(arguments.file, table, result))
    return 0


def _import_words(path: Path, table: CaseTable, result: ImportResult) -> str:
    lines = [f"{path}: {result.added} cases added, {result.duplicates} duplicates merged, {len(table.bad_rows)} bad rows left out"]
    if table.unknown_outcomes:
        lines.append(f"  {table.unknown_outcomes} rows have an outcome in words that are not known: kept without an outcome")
    lines += [f"  row {bad.row}: {bad.reason}" for bad in table.bad_rows[:_BAD_ROWS_SHOWN]]
    if len(table.bad_rows) > _BAD_ROWS_SHOWN:
        lines.append(f"  … and {len(table.bad_rows) - _BAD_ROWS_SHOWN} more; --json FILE writes them all")
    return "\n".join(lines)


def _import_document(path: Path, table: CaseTable, result: ImportResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "file": str(path),
        "added": result.added,
        "duplicates": result.duplicates,
        "unknown_outcomes": table.unknown_outcomes,
        "bad_rows": [{"row": bad.row, "reason": bad.reason} for bad in table.bad_rows],
    }
    return document | ({"import": result.batch_id} if result.batch_id else {})


def _export(arguments: argparse.Namespace, store: Store) -> int:
    from inspector.knowledge.tables import write_cases

    cases = store.cases()
    write_cases(arguments.file, cases)
    print(f"{arguments.file}: {len(cases)} cases written")
    return 0


def _list(arguments: argparse.Namespace, store: Store) -> int:
    document = _list_document(store)
    if arguments.json != "-":
        for fix in document["fixes"]:
            print(f"{fix['fix_id']:<26} helped {fix['helped']:>3} of {fix['tried']:<3} {fix['action']['en']} / {fix['action']['zh']}")
        print(f"\n{document['cases']} cases; imports:")
        for batch in document["imports"]:
            print(f"  {batch['import']}   {batch['cases']:>6} cases   {batch['source']}")
    if arguments.json:
        write_json(arguments.json, document)
    return 0


def _list_document(store: Store) -> dict[str, Any]:
    from inspector.document import suggestion_document
    from inspector.knowledge import Memory

    cases = store.cases()
    known = [suggestion_document(entry) for entry in Memory(store.fixes(), cases).overview() if entry.original is None]
    shown = ("fix_id", "action", "parameters", "tried", "helped")
    return {
        "fixes": [{key: entry[key] for key in shown} for entry in known],
        "cases": len(cases),
        "imports": [{"import": batch.batch_id, "source": batch.source, "cases": batch.cases} for batch in store.imports()],
    }


def _feedback(arguments: argparse.Namespace, store: Store) -> int:
    store.set_case_outcome(arguments.case, arguments.helped)
    print(f"{arguments.case}: {'helped' if arguments.helped else 'did not help'}")
    return 0


def _outcomes(arguments: argparse.Namespace, store: Store) -> int:
    if arguments.parts < 1:
        raise UsageError(f"--parts {arguments.parts}: must be 1 or more")
    measured = [(case, known) for case in store.cases() if (known := _measured(case, store, arguments.parts)) is not None]
    for case, known in measured if arguments.apply else ():
        if case.helped is None and known.helped is not None:
            store.set_case_outcome(case.case_id, known.helped, _MEASURED)
    if arguments.json != "-":
        words = {True: "helped", False: "did not help", None: "said nothing"}
        print("\n".join(f"{case.case_id}: operator {words[case.helped]}; {known.text.en} / {known.text.zh}" for case, known in measured))
        print(f"{len(measured)} cases have parts before and after them")
    if arguments.json:
        write_json(arguments.json, {"cases": [_outcome_document(case, known) for case, known in measured]})
    return 0


def _measured(case: Case, store: Store, parts: int) -> BeforeAfter | None:
    """Return what the parts say of a case; None where nobody knows when and where it was, or no part was inspected on one side of it."""
    from datetime import datetime

    from inspector.knowledge.outcome import before_and_after

    if not case.when or not case.station:
        return None
    wall_utc_ns = round(datetime.fromisoformat(case.when).timestamp() * 1e9)
    before, after = ([outcome == "fail" for outcome in side] for side in store.outcomes_around(case.station, wall_utc_ns, parts))
    return before_and_after(before, after) if before and after else None


def _outcome_document(case: Case, known: BeforeAfter) -> dict[str, Any]:
    return {
        "case": case.case_id,
        "operator": case.helped,
        "measured": known.helped,
        "before": {"defective": known.before[0], "parts": known.before[1]},
        "after": {"defective": known.after[0], "parts": known.after[1]},
        "probability_fell": known.fell,
        "text": {"en": known.text.en, "zh": known.text.zh},
    }


_ACTIONS = {"import": _import, "export": _export, "list": _list, "feedback": _feedback, "outcomes": _outcomes}
