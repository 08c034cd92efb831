"""`inspector knowledge import --kind causes|fmea`: causes from a catalogue file or a table into an installation's own catalogue."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import counted, row_lines, write_json
from inspector.errors import DataError, UsageError
from inspector.home import Home

if TYPE_CHECKING:
    from inspector.diagnosis.fmea import Imported

HEAD = "What was imported (inspector knowledge import). Changes by hand belong into causes.yaml beside this file, which counts for more."


def import_causes(arguments: argparse.Namespace) -> int:
    """Read a file of causes and keep them; say what became of each row. Raises ConfigError, DataError, UsageError."""
    from inspector.config import read_yaml
    from inspector.diagnosis.catalogue_file import CATALOGUE_FILE, joined, load_catalogue, mistakes_of, write_catalogue
    from inspector.home import shipped
    from inspector.store import Store

    place = Home.at(arguments.home)
    catalogue, over = load_catalogue(None, place.imported_causes, place.causes), read_yaml(shipped(CATALOGUE_FILE))
    before = read_yaml(place.imported_causes) if place.imported_causes.is_file() else {}
    imported = _read(arguments, catalogue)
    if found := mistakes_of(imported.content, joined(over, before)):
        raise DataError("; ".join(map(str, found)), path=arguments.file)
    if not arguments.dry_run:
        write_catalogue(place.imported_causes, joined(before, imported.content), over, HEAD)
        with Store.open(place) as store:
            store.audit.note("causes imported", arguments.file.name, {"rows": imported.rows})
    kept_in = None if arguments.dry_run else place.imported_causes
    document = _document(arguments.file, imported, kept_in, set(catalogue.by_name))
    if arguments.json != "-":
        print(_words(document))
    if arguments.json:
        write_json(arguments.json, document)
    return 0


def _read(arguments: argparse.Namespace, catalogue: Any) -> Imported:
    from inspector.config import read_yaml
    from inspector.diagnosis.fmea import Imported, causes_from_rows
    from inspector.knowledge.columns import split_pairs
    from inspector.knowledge.sheets import rows

    path: Path = arguments.file
    if path.suffix.casefold() in (".yaml", ".yml"):
        if arguments.map:
            raise UsageError("--map: a catalogue file has keys and no columns; leave it out")
        content = read_yaml(path)
        names = [cause.get("name", "") for cause in content.get("causes", ()) if isinstance(cause, dict)]
        without = [c["name"] for c in content.get("causes", ()) if isinstance(c, dict) and "name" in c and not c.get("symptoms")]
        return Imported(content, rows=len(names), without_symptoms=without)
    mapping = split_pairs(arguments.map, "'Failure cause=cause'")
    return causes_from_rows(rows(path, arguments.encoding, arguments.sheet), catalogue, mapping, worksheet=arguments.kind == "fmea")


def _document(path: Path, imported: Imported, kept_in: Path | None, known: set[str]) -> dict[str, Any]:
    names = [str(cause["name"]) for cause in imported.content.get("causes", ())]
    document = {
        "file": str(path),
        "rows": imported.rows,
        "added": [name for name in names if name not in known],
        "changed": [name for name in names if name in known],
        "without_symptoms": imported.without_symptoms,
        "unused_columns": imported.unused_columns,
        "bad_rows": [asdict(bad) for bad in imported.bad_rows],
    }
    return document if kept_in is None else document | {"kept_in": str(kept_in)}


def _words(document: dict[str, Any]) -> str:
    added, changed, bad = document["added"], document["changed"], document["bad_rows"]
    done = f"{counted(len(added), 'cause')} added, {len(changed)} changed, {counted(len(bad), 'bad row')} left out"
    kept = f"kept in {document['kept_in']}" if "kept_in" in document else "nothing is kept"
    lines = [f"{document['file']}: {done}; {kept}"]
    if waiting := document["without_symptoms"]:
        lines.append(f"  no symptom yet, so they wait: {', '.join(waiting)}; write how they show into that file (data/README.md)")
    if unused := document["unused_columns"]:
        lines.append(f"  columns that were not read: {', '.join(unused)}")
    return "\n".join(lines + row_lines([(one["row"], one["reason"]) for one in bad]))
