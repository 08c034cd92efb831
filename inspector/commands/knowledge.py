"""Bring past cases into the memory of fixes, take them out, look at them, say what helped.

examples:
  inspector knowledge import orders.csv --map problem=symptom --map action=action --map "tension=parameter:belt_tension:MPa"
  inspector knowledge import pfmea.xlsx --kind fmea
  inspector knowledge import workorders.xlsx --dry-run        (how its columns would be read; nothing is kept)
  inspector knowledge undo 20260301T101500000000000-a1b2
  inspector knowledge export cases.csv
  inspector knowledge export press-40t.zip --machine "40 t press"      (a pack: fixes and cases, to be imported at another plant)
  inspector knowledge list
  inspector knowledge feedback demo-008 --helped
  inspector knowledge cause demo-press-0042 bearing_wear          (what the true cause was; the diagnosis learns from it)
  inspector knowledge alike demo-press-0042 --by camera          (parts that looked like this, and what was done about them)
  inspector knowledge outcomes --parts 100          (did the defect rate fall? beside what operators said)
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_home_argument, add_json_argument, counted, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.knowledge.outcome import BeforeAfter
    from inspector.parts import Case
    from inspector.store import Store

SUMMARY = "import, export, list and rate past cases and fixes"
KINDS = ("cases", "causes", "fmea")
_MEASURED = "measured"
"""Who says so, where the parts themselves did."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    importing = actions.add_parser("import", help="read past cases or causes from a table, a catalogue or a knowledge pack")
    importing.add_argument("file", metavar="FILE", type=Path)
    importing.add_argument("--kind", choices=KINDS, default="cases", help="what a row of the file is (default: cases)")
    importing.add_argument("--map", metavar="COLUMN=FIELD", action="append", default=[], help="read a column as a field; may be repeated")
    importing.add_argument("--encoding", metavar="NAME", default="utf-8-sig", help="of the file, e.g. gb18030 (default: UTF-8)")
    importing.add_argument("--sheet", metavar="NAME", help="of a workbook (default: the first)")
    importing.add_argument("--dry-run", action="store_true", help="say how the columns are read and which rows are bad; keep nothing")
    undoing = actions.add_parser("undo", help="take an import out again")
    undoing.add_argument("batch", metavar="IMPORT", help="as 'inspector knowledge list' names it")
    exporting = actions.add_parser("export", help="write all cases as CSV, or fixes and cases as a pack (a .zip or a folder)")
    exporting.add_argument("file", metavar="FILE", type=Path)
    exporting.add_argument("--machine", metavar="TYPE", help="of a pack: the type of machine that it is about")
    listing = actions.add_parser("list", help="show the fixes with what they did, and where the cases came from")
    feedback = actions.add_parser("feedback", help="say whether what was done in a case helped")
    feedback.add_argument("case", metavar="CASE", help="id of a case, as suggestions and exports name it")
    outcome = feedback.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--helped", dest="helped", action="store_true")
    outcome.add_argument("--not-helped", dest="helped", action="store_false")
    cause = actions.add_parser("cause", help="say what the true cause of a part was")
    cause.add_argument("part", metavar="PART", help="id of a part")
    cause.add_argument("cause", metavar="CAUSE", help="name of a cause of the catalogue")
    cause.add_argument("--who", metavar="NAME", help="who says so")
    outcomes = actions.add_parser("outcomes", help="compare the defect rate before and after each case with what operators said")
    outcomes.add_argument("--parts", metavar="N", type=int, default=50, help="parts before and after to look at (default: 50)")
    outcomes.add_argument("--apply", action="store_true", help="take the measured outcome where no operator said anything")
    alike = actions.add_parser("alike", help="find the parts that looked or sounded like one")
    alike.add_argument("part", metavar="PART", help="id of a part that did not pass")
    alike.add_argument("--by", metavar="CHANNEL", help="camera, microphone … of its station (default: the first camera or signal)")
    alike.add_argument("--top", metavar="K", type=int, default=5, help="how many parts (default: 5)")
    for action in (importing, undoing, exporting, listing, feedback, cause, outcomes, alike):
        add_home_argument(action)
    for action in (importing, listing, outcomes, alike):
        add_json_argument(action)


def run(arguments: argparse.Namespace) -> int:
    from inspector.commands.installation import open_store

    if arguments.action == "import" and arguments.kind != "cases":
        from inspector.commands.importing_causes import import_causes

        return import_causes(arguments)
    with open_store(arguments.home) as store:
        return _ACTIONS[arguments.action](arguments, store)


def _import(arguments: argparse.Namespace, store: Store) -> int:
    from inspector.commands.importing_cases import import_cases

    return import_cases(arguments, store)


def _undo(arguments: argparse.Namespace, store: Store) -> int:
    print(f"{arguments.batch}: {counted(store.undo_import(arguments.batch), 'case')} taken out")
    return 0


def _export(arguments: argparse.Namespace, store: Store) -> int:
    from inspector.knowledge.packs import PackFile, is_pack, write_pack
    from inspector.knowledge.tables import write_cases

    cases = store.cases()
    if not is_pack(arguments.file):
        if arguments.machine:
            raise UsageError(f"--machine {arguments.machine}: goes with a pack; name a .zip or a folder to write")
        write_cases(arguments.file, cases)
        print(f"{arguments.file}: {counted(len(cases), 'case')} written")
        return 0
    if not arguments.machine:
        raise UsageError(f"{arguments.file}: a pack needs --machine TYPE")
    name = re.sub(r"[^a-z0-9]+", "-", arguments.file.stem.casefold()).strip("-") or "pack"
    fixes = store.fixes()
    write_pack(arguments.file, PackFile(name=name[:60], machine=arguments.machine), fixes, cases)
    print(f"{arguments.file}: {counted(len(fixes), 'fix')} and {counted(len(cases), 'case')} written, without the names of people")
    return 0


def _list(arguments: argparse.Namespace, store: Store) -> int:
    document = _list_document(store)
    if arguments.json != "-":
        for fix in document["fixes"]:
            helped = f"helped {fix['helped']:>3} of {fix['tried']:<3}" if fix["tried"] else "not tried yet"
            print(f"{fix['fix_id']:<26} {helped:<17} {fix['action']['en']} / {fix['action']['zh']}")
        print(f"\n{counted(document['cases'], 'case')}; imports:")
        for batch in document["imports"]:
            print(f"  {batch['import']}   {batch['source']}   {counted(batch['cases'], 'case')}")
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


def _cause(arguments: argparse.Namespace, store: Store) -> int:
    from inspector.commands.installation import open_catalogue
    from inspector.mistakes import unknown

    known = open_catalogue(store, arguments.home).by_name
    if arguments.cause not in known:
        raise UsageError(unknown("cause", arguments.cause, known))
    inspection_id = store.find(arguments.part)
    if inspection_id is None:
        raise UsageError(f"there is no part '{arguments.part}'")
    store.add_feedback(inspection_id, "named", who=arguments.who, detail={"cause": arguments.cause})
    print(f"{arguments.part}: the cause was {known[arguments.cause].title.en} / {known[arguments.cause].title.zh}")
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
        have = "has" if len(measured) == 1 else "have"
        print(f"{counted(len(measured), 'case')} {have} parts before and after")
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


def _alike(arguments: argparse.Namespace, store: Store) -> int:
    if arguments.top < 1:
        raise UsageError(f"--top {arguments.top}: must be 1 or more")
    found = _parts_alike(store, arguments.part, arguments.by, arguments.top)
    if arguments.json != "-":
        for one in found:
            said = ", ".join(f"{answer['fix_id']} {answer['answer'].replace('not_helped', 'did not help')}" for answer in one["answers"])
            print(f"{one['distance']:.2f}  {one['part_id']}  {one['kind'] or '-'}  {one['cause'] or '-'}  {said or 'no fix was noted'}")
        print("distance 1 is that of any two parts" if found else f"{arguments.part}: no other part is kept that can be compared")
    if arguments.json:
        write_json(arguments.json, {"part": arguments.part, "parts": found})
    return 0


def _parts_alike(store: Store, part: str, channel: str | None, top: int) -> list[dict[str, Any]]:
    from inspector.knowledge.alike import nearest

    inspection_id = store.find(part)
    if inspection_id is None:
        raise UsageError(f"there is no part '{part}'")
    looks = store.looks(inspection_id)
    if not looks:
        raise UsageError(f"{part}: it is not kept what it looked like; that is kept of parts that did not pass")
    channel = channel or next(iter(looks))
    if channel not in looks:
        raise UsageError(f"{part}: nothing is kept to compare by {channel}; there is: {', '.join(looks)}")
    ids, vectors = store.newest_looks(channel, len(looks[channel]))
    near = [(ids[row], distance) for row, distance in nearest(vectors, looks[channel], top + 1) if ids[row] != inspection_id]
    return [_alike_document(store, identity, distance) for identity, distance in near[:top]]


def _alike_document(store: Store, inspection_id: str, distance: float) -> dict[str, Any]:
    stored = store.get(inspection_id)
    assert stored is not None  # its vector is deleted with it
    summary = stored.summary
    answers = [{"fix_id": one.fix_id, "answer": one.kind} for one in store.feedback(inspection_id) if one.fix_id]
    known = {name: getattr(summary, name) for name in ("inspection_id", "part_id", "station", "outcome", "kind", "cause")}
    return known | {"distance": distance, "answers": answers}


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


_ACTIONS = {
    "import": _import,
    "undo": _undo,
    "export": _export,
    "list": _list,
    "feedback": _feedback,
    "cause": _cause,
    "outcomes": _outcomes,
    "alike": _alike,
}
