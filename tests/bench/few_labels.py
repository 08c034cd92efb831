"""How much labels help, and what pretraining on unlabelled parts adds where they are few. Slow.

    python -m tests.bench.few_labels DATA [--labels 1 5 10 50] [--epochs 0 30] [--seeds 3] [--learn 50] [--without-pictures]

From split train, so many parts of each label (`ok` is one of them) keep it, the others lose theirs; what is learned is watched on split
val. `--epochs` are those of pretraining, 0 being none. AUROC and kind F1 are those of the members' own logits, mean ± sd over seeds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from inspector.training.ensemble_fitting import fit
from inspector.training.parts_folder import load_parts_folder
from inspector.training.preparing import Prepared, prepare
from inspector.training.recipe import OptimizerRecipe, PictureRecipe, PretrainingRecipe, Recipe, SignalRecipe

FIGURES = {"held_out_auroc": "AUROC", "held_out_kind_f1": "kind F1"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 5, 10, 50])
    parser.add_argument("--epochs", type=int, nargs="+", default=[0, 30])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--learn", type=int, default=50, help="epochs of the learning proper")
    parser.add_argument("--without-pictures", action="store_true")
    arguments = parser.parse_args()
    folder = load_parts_folder(arguments.data)
    if arguments.without_pictures:
        paths = [{column: path for column, path in part.paths.items() if not column.startswith(("image", "mask"))} for part in folder.parts]
        folder = replace(folder, parts=[replace(part, paths=left) for part, left in zip(folder.parts, paths, strict=True)])
    prepared = prepare(
        folder, picture=PictureRecipe(area_px=32_768, views=1, transplants=0), signal=SignalRecipe(), unlabelled=True, seed=0
    )
    print("| labels per kind | pretraining epochs | " + " | ".join(FIGURES.values()) + " |")
    print("|---" * (2 + len(FIGURES)) + "|")
    for labels in arguments.labels:
        for epochs in arguments.epochs:
            rows = [_figures(_with_labels(prepared, labels, seed), epochs, arguments.learn, seed) for seed in range(arguments.seeds)]
            cells = [_mean_sd([row.get(name) for row in rows]) for name in FIGURES]
            print(f"| {labels} | {epochs} | {' | '.join(cells)} |", flush=True)
    return 0


def _with_labels(prepared: Prepared, labels: int, seed: int) -> Prepared:
    random = np.random.default_rng(seed)
    kept: dict[str, int] = {}
    train, unlabelled = [], list(prepared.unlabelled)
    for row in random.permutation(len(prepared.train)):
        sample = prepared.train[row]
        kept[sample.part.label] = kept.get(sample.part.label, 0) + 1
        (train if kept[sample.part.label] <= labels else unlabelled).append(sample)
    return replace(prepared, train=train, unlabelled=unlabelled)


def _figures(prepared: Prepared, epochs: int, learn: int, seed: int) -> dict[str, float | None]:
    recipe = Recipe(
        name="few",
        members_with_pictures=1,
        members_without_pictures=1,
        # As many steps as a set of 320 parts would take in so many epochs: few parts make few batches.
        optimizer=OptimizerRecipe(
            epochs_with_pictures=learn, epochs_without_pictures=learn, batch=max(2, min(32, len(prepared.train) // 4))
        ),
        pretraining=PretrainingRecipe(epochs=epochs),
    )
    trained = fit(prepared, recipe, seed=seed)
    return {name: _mean([history[-1].get(name) for history in trained.histories]) for name in FIGURES}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


def _mean_sd(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    return f"{statistics.mean(known):.3f}" + (f" ± {statistics.stdev(known):.3f}" if len(known) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
