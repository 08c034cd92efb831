"""Ask the memory of fixes what is likely to help.

examples:
  inspector suggest --cause belt_slip --defect scratch --station demo-press
  inspector suggest --text "传送带卡顿" --top 5
  inspector suggest --batch troubles.csv --json suggestions.json      (columns text, defect, cause, station; any of them)
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_home_argument, add_json_argument, progress, write_json
from inspector.errors import DataError, UsageError

if TYPE_CHECKING:
    from inspector.config import Station
    from inspector.knowledge import Query
    from inspector.knowledge.recurrence import Recurrence
    from inspector.parts import Suggestion

SUMMARY = "ask the memory of fixes what is likely to help"
FIELDS = ("text", "defect", "cause", "station")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--defect", metavar="KIND", help="kind of defect, e.g. scratch")
    parser.add_argument("--cause", metavar="NAME", help="cause, e.g. belt_slip")
    parser.add_argument("--text", help="the trouble in words, in any language")
    parser.add_argument("--station", metavar="S", help="where it is: a station's name, or its file (.yaml)")
    parser.add_argument("--top", metavar="K", type=int, default=3, help="how many suggestions (default: 3)")
    parser.add_argument("--batch", metavar="CSV", type=Path, help="one query per row; columns text, defect, cause, station, any subset")
    add_home_argument(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from inspector.commands.installation import open_memory, open_store

    if arguments.top < 1:
        raise UsageError(f"--top {arguments.top}: must be 1 or more")
    station = _station(arguments)
    queries = _queries(arguments)
    with open_store(arguments.home) as store:
        memory = open_memory(store, arguments.home, station)
    answers = list(progress(memory.suggest_all(queries, arguments.top), total=len(queries), label="searching"))
    recurring = [memory.recurrence(query) for query in queries]
    if arguments.json != "-":
        print("\n\n".join(_words(*asked) for asked in zip(queries, answers, recurring, strict=True)))
    if arguments.json:
        write_json(arguments.json, _document(queries, answers, recurring))
    return 0


def _station(arguments: argparse.Namespace) -> Station | None:
    """Return the station whose file was named in place of its name, which then takes the file's place. Raises ConfigError."""
    from inspector.config import load_station

    if not (arguments.station or "").endswith((".yaml", ".yml")):
        return None
    station = load_station(arguments.station)
    arguments.station = station.station
    return station


def _queries(arguments: argparse.Namespace) -> list[Query]:
    from inspector.knowledge import Query

    given = {name: getattr(arguments, name) for name in FIELDS}
    if arguments.batch is not None:
        if any(given.values()):
            raise UsageError("--batch names the queries; give no other query beside it")
        return _batch(arguments.batch)
    query = Query(**given)
    if query.is_empty:
        raise UsageError("nothing to go by; give --cause, --defect or --text")
    return [query]


def _batch(path: Path) -> list[Query]:
    from inspector.knowledge import Query

    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8 text; save it as UTF-8", path=path) from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    columns = [name for name in rows.fieldnames or () if name in FIELDS]
    if not columns:
        raise DataError(f"must have one of the columns {', '.join(FIELDS)}", path=path, row=1)
    try:
        return [Query(**{name: (row[name] or "").strip() or None for name in columns}) for row in rows]
    except csv.Error as error:
        raise DataError(f"is not a CSV file from here on: {error}", path=path, row=rows.line_num) from error


def _recurrence_document(again: Recurrence) -> dict[str, Any]:
    return {"times": again.times, "days": again.days, "text": {"en": again.text.en, "zh": again.text.zh}}


def _document(queries: list[Query], answers: list[tuple[Suggestion, ...]], recurring: list[Recurrence | None]) -> dict[str, Any]:
    from inspector.document import suggestion_document

    return {
        "results": [
            {
                "query": {name: value for name in FIELDS if (value := getattr(query, name)) is not None},
                "suggestions": [suggestion_document(suggestion) for suggestion in answer],
                **({"recurrence": _recurrence_document(again)} if again else {}),
            }
            for query, answer, again in zip(queries, answers, recurring, strict=True)
        ]
    }


# --- words for people ----------------------------------------------------------------------------------------------------------


def _words(query: Query, answer: tuple[Suggestion, ...], again: Recurrence | None) -> str:
    asked = ", ".join(f"{name} {value}" for name in FIELDS if (value := getattr(query, name)))
    lines = [f"{asked}:"] + [line for rank, suggestion in enumerate(answer, start=1) for line in _lines(rank, suggestion)]
    lines = lines if answer else [f"{asked}: nothing like it is known"]
    return "\n".join(lines + ([f"  ! {again.text.en} / {again.text.zh}"] if again else []))


def _lines(rank: int, suggestion: Suggestion) -> list[str]:
    action = suggestion.action
    words = action.en if action.en == action.zh else f"{action.en} / {action.zh}"
    untried = "outcome not known" if suggestion.cases else "not tried yet"
    helped = f"helped {suggestion.helped} of {suggestion.tried}" if suggestion.tried else untried
    lines = [f"  {rank}. {words}", f"     {suggestion.fix_id}   {helped}   score {suggestion.score:.2f}"]
    if suggestion.chance is not None and suggestion.chance_interval is not None:
        low, high = suggestion.chance_interval
        effort = [] if suggestion.minutes is None else [f"{suggestion.minutes:g} min"]
        effort += [] if suggestion.cost is None else [f"cost {suggestion.cost:g}"]
        lines.append("     " + "   ".join([f"chance to help {suggestion.chance:.0%} ({low:.0%} to {high:.0%})", *effort]))
    if suggestion.warning:
        lines.append(f"     ! {suggestion.warning.en} / {suggestion.warning.zh}")
    for parameter in suggestion.parameters:
        limits = "" if parameter.low is None or parameter.high is None else f"   (safe: {parameter.low:g} to {parameter.high:g})"
        lines.append(f"     {parameter.name}: {parameter.value:g} {parameter.unit}{limits}")
    lines += [f"     {one.name} worked at {one.low:g}–{one.high:g} {one.unit}, last {one.successes} successes" for one in suggestion.worked]
    if suggestion.cases:
        lines.append(f"     cases: {', '.join(suggestion.cases)}")
    return lines
