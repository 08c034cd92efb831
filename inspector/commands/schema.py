"""Print the JSON Schema of a file that people write, for an editor's completion and checks.

example:  inspector schema station > station.schema.json
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

SUMMARY = "print the JSON Schema of a station file, a recipe or a catalogue of causes"
KINDS = ("station", "recipe", "causes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=KINDS, help="which file the schema describes")


def run(arguments: argparse.Namespace) -> int:
    print(schema_text(arguments.kind), end="")
    return 0


def schema_text(kind: str) -> str:
    """Return the schema as the text that ships under data/schema/."""
    schema: dict[str, Any] = _model(kind).model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2, ensure_ascii=False) + "\n"


def _model(kind: str) -> type[BaseModel]:
    if kind == "station":
        from inspector.config import Station

        return Station
    if kind == "recipe":
        from inspector.training.recipe import Recipe

        return Recipe
    from inspector.diagnosis import Catalogue

    return Catalogue
