"""Train a model on a labelled parts folder; the recipe `line` serves any subset of picture, sound, vibration and series.

example:
  inspector train models/recipes/line.yaml --data parts/line-a --out models/line-a
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inspector.commands.output import add_json_argument, progress, write_json
from inspector.errors import UsageError

SUMMARY = "train a model on labelled parts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", type=Path, help="YAML file, e.g. models/recipes/line.yaml")
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="labelled parts folder; its test split is not looked at")
    parser.add_argument("--out", metavar="MODEL_DIR", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="start of all chance (default: 0)")
    parser.add_argument("--progress", metavar="FILE", type=Path, help="also write how far it is, as JSON, for who watches from elsewhere")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.out.exists() and not arguments.out.is_dir():
        raise UsageError(f"--out {arguments.out}: is a file, give a folder")
    from inspector.training import train
    from inspector.training.parts_folder import load_parts_folder
    from inspector.trainings import Told

    folder = load_parts_folder(arguments.data)
    told = Told(arguments.progress) if arguments.progress and _speaks() else None
    summary = train(_recipe(arguments.recipe), folder, arguments.out, seed=arguments.seed, progress=told or progress)
    if told is not None:
        told.finish(summary)
    if not _speaks():
        return 0
    if arguments.json != "-":
        print("\n".join(_report(summary)))
    if arguments.json:
        write_json(arguments.json, summary)
    return 0


def _speaks() -> bool:
    """Tell whether this process speaks: of the workers that torchrun starts, the first alone does."""
    return os.environ.get("RANK", "0") == "0"


def _recipe(path: Path) -> Path:
    """Return the recipe, looking where the product's own recipes lie if there is none at `path`."""
    from inspector.home import shipped

    own = shipped(f"models/recipes/{path.name}")
    return own if not path.exists() and path.as_posix() in (f"models/recipes/{path.name}", path.name) and own.is_file() else path


def _report(summary: dict[str, Any]) -> Iterator[str]:
    model, data = summary["model"], summary["data"]
    parts = ", ".join(f"{count} {split}" for split, count in data["parts"].items())
    source = f"{data['name']} ({parts} parts; {', '.join(data['modalities'])})"
    yield f"{model['name']} {model['version']} from {source} in {summary['seconds']:.0f} s"
    yield f"  {'threshold':<34} {summary['threshold']:>9.3f}   {summary['rule']}"
    for name, value in summary["figures"].items():
        if isinstance(value, dict):
            yield from (f"  {_words(name) + ', ' + key:<34} {_figure(item)}" for key, item in value.items())
        else:
            yield f"  {_words(name):<34} {_figure(value)}"
    yield f"  written to {summary['folder']}"


def _words(key: str) -> str:
    return key.replace("_", " ").replace("auroc", "AUROC")


def _figure(value: float | int | None) -> str:
    return f"{'–':>9}" if value is None else f"{value:>9}" if isinstance(value, int) else f"{value:>9.3f}"
