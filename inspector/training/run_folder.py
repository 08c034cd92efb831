"""`run/` in a model's folder: how it was trained, for people who ask later.

recipe.yaml      every key, defaults included
run.yaml         data hash, seed, what was chosen, versions
metrics.csv      a row per member and epoch: losses, and what held-out parts say
curves.png       the same, drawn
review.csv       held-out parts, first those whose label the model doubts most: a person should look at them
checkpoints/     only while training runs
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from inspector.errors import ModelError
from inspector.fusion import spec as fusion
from inspector.training.recipe import Recipe

FOLDER = "run"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A held-out part beside its label: `loss` is −log of the probability that the model gives to the label's side."""

    part_id: str
    label: str
    score: float
    proposed: str
    loss: float


class RunFolder:
    """The records of one run; `key` is of everything that decides what the run comes to."""

    def __init__(self, model_dir: Path, recipe: Recipe, *, data_sha256: str, seed: int, workers: int = 1) -> None:
        self._folder = model_dir / FOLDER
        self._recipe = recipe.model_dump(mode="json")
        self._facts = {
            "data_sha256": data_sha256,
            "seed": seed,
            "workers": workers,
            "network": f"{fusion.NAME} {fusion.VERSION}",
            "torch": str(torch.__version__),
        }
        self.key = hashlib.sha256(json.dumps([self._recipe, self._facts]).encode()).hexdigest()

    def checkpoint(self, member: int) -> Path:
        return self._folder / "checkpoints" / f"member-{member + 1}.safetensors"

    def finish(self, chosen: Mapping[str, Any], histories: Sequence[Sequence[Mapping[str, Any]]], doubts: Sequence[Doubt]) -> None:
        """Write all records; checkpoints are no longer needed. Raises ModelError where the folder cannot be written."""
        rows = [{"member": member + 1, **row} for member, history in enumerate(histories) for row in history]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write_yaml("recipe.yaml", self._recipe)
            self._write_yaml("run.yaml", self._facts | {"chosen": dict(chosen)})
            _write_table(self._folder / "metrics.csv", rows)
            _write_table(self._folder / "review.csv", [asdict(doubt) for doubt in sorted(doubts, key=lambda d: -d.loss)])
            draw_curves(self._folder / "curves.png", rows)
            shutil.rmtree(self._folder / "checkpoints", ignore_errors=True)
        except OSError as error:
            raise ModelError(f"{self._folder}: records of the run cannot be written: {error.strerror}; choose another folder") from error

    def _write_yaml(self, name: str, document: Mapping[str, Any]) -> None:
        (self._folder / name).write_text(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True), encoding="utf-8")


def _write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows({name: _shown(value) for name, value in row.items()} for row in rows)


def _shown(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else value


def draw_curves(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw losses and held-out figures over the epochs, a line per member."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        ("loss", "loss"),
        ("held_out_loss", "held-out loss"),
        ("held_out_auroc", "held-out AUROC"),
        ("held_out_kind_f1", "held-out kind F1"),
    ]
    drawn = [(name, title) for name, title in panels if any(row.get(name) is not None for row in rows)]
    if not drawn:
        return
    figure = Figure(figsize=(4 * len(drawn), 3), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn, strict=True):
        for member in sorted({row["member"] for row in rows}):
            points = [(row["epoch"], row[name]) for row in rows if row["member"] == member and row.get(name) is not None]
            axes.plot([epoch for epoch, _ in points], [value for _, value in points], marker=".", label=f"member {member}")
        axes.set(title=title, xlabel="epoch")
    axes.legend(frameon=False)
    FigureCanvasAgg(figure)  # no window, wherever this runs
    figure.savefig(path)
