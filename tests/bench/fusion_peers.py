"""What else could be done with several senses, on the same folder, split and features: the fused model against its peers. Slow.

    python -m tests.bench.fusion_peers --data DIR [--seeds 3] [--split val] [--recipe RECIPE] [--models FOLDER]

Peers share one classifier per modality (gradient boosting on its summaries; pictures as pooled maps of the same backbone), fitted on
`train`: each alone; AND and OR of bits, each at 5 % false rejects on val; mean of confidences; stacking by a logistic regression on
out-of-fold scores; and one booster on everything side by side. All are asked with every sense there, and with each missing and each
degraded. `ours` is `inspector train` by the recipe; trained models are kept in FOLDER by seed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from inspector.degradations import DEGRADATIONS
from inspector.features import Features, extract
from inspector.fusion import Judge
from inspector.fusion.backbone import Backbone
from inspector.fusion.vision import network_size, to_input
from inspector.parts import OK_LABEL, Modality, PartRecord
from inspector.training.evaluation import leave_out
from inspector.training.metrics import auroc, miss_rate_at_false_reject
from inspector.training.parts_folder import LabelledPart, load_parts_folder
from tests.bench.datasets import RECIPE, mean_sd
from tests.bench.degradations import worse

BUDGET = 0.05
FOLDS = 5
SEVERITY = 0.75
"""Where between mild and severe a degraded sense lies."""

Scores = np.ndarray
Tables = dict[Modality, np.ndarray]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", default="val", choices=("val", "test"))
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--models", type=Path, default=Path("build") / "fusion-peers")
    arguments = parser.parse_args(argv)
    folder = load_parts_folder(arguments.data)
    pooled, modalities = Pooled(), folder.modalities
    train, val, asked = (folder.split(split) for split in ("train", "val", arguments.split))
    records = [part.record(tolerant=True) for part in asked]
    conditions = _conditions(records, modalities)
    tables = Tabulator(folder.channels, pooled)
    of_train, of_val = tables.table([part.record() for part in train]), tables.table([part.record() for part in val])
    of_conditions = {name: tables.table(changed) for name, changed in conditions.items()}
    results: dict[tuple[str, str], list[tuple[float, float]]] = {}
    escapes: list[float] = []
    for seed in range(arguments.seeds):
        peers = Peers.fit(of_train, _bad(train), [part.group for part in train], of_val, _bad(val), seed)
        judge = _ours(arguments, seed)
        alone = ours_alone = None
        for name, changed in conditions.items():
            scores = peers.scores(of_conditions[name])
            scores["ours"] = _judged(judge, changed)
            if name == "all present":
                scores |= {
                    f"ours, {m} alone": _judged(judge, [leave_out(r, [o for o in modalities if o != m]) for r in changed])
                    for m in modalities
                }
                alone, ours_alone = scores.get("ours, image alone"), scores["ours"]
            for peer, found in scores.items():
                figures = auroc(_bad(asked), found), miss_rate_at_false_reject(_bad(asked), found, BUDGET)
                results.setdefault((name, peer), []).append((figures[0] or np.nan, figures[1] if figures[1] is not None else np.nan))
        if alone is not None and ours_alone is not None:
            escapes.append(_escapes_left(_bad(asked), alone, ours_alone))
    _print(results)
    if escapes:
        print(f"\nboth at 5 % false rejects, the fused model lets through {mean_sd(escapes)} of what slips past our picture alone")
    return 0


def _conditions(records: Sequence[PartRecord], modalities: Sequence[Modality]) -> dict[str, list[PartRecord]]:
    found = {"all present": list(records)}
    for modality in modalities:
        found[f"without {modality}"] = [leave_out(record, (modality,)) for record in records]
    for modality in modalities:
        random, ways = np.random.default_rng(0), [way for way in DEGRADATIONS if modality in way.modalities]
        found[f"{modality} degraded"] = [
            worse(record, modality, way, way.mild + SEVERITY * (way.severe - way.mild), random)
            for record, way in ((record, ways[int(random.integers(len(ways)))]) for record in records)
        ]
    return found


# --- features for the peers ----------------------------------------------------------------------------------------------------


class Pooled:
    """Mean and maximum of the backbone's maps of a picture."""

    def __init__(self) -> None:
        self._backbone = Backbone()
        self._size = network_size([1.0], 81_920)

    @torch.inference_mode()
    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        maps = self._backbone(torch.from_numpy(to_input(pixels, self._size))[None])
        return torch.cat([pool for m in maps for pool in (m.mean(dim=(2, 3))[0], m.amax(dim=(2, 3))[0])]).numpy()


class Tabulator:
    """Parts -> one table per modality, NaN where a channel is absent."""

    def __init__(self, channels, pooled: Pooled) -> None:
        self._channels, self._pooled = channels, pooled
        self._sizes: dict[str, int] = {}

    def table(self, records: Sequence[PartRecord]) -> Tables:
        rows = [self._row(extract(record)) for record in records]
        for row in rows:
            self._sizes |= {name: len(values) for name, values in row.items()}
        tables: dict[Modality, list[np.ndarray]] = {}
        for name, size in self._sizes.items():
            column = np.stack([row.get(name, np.full(size, np.nan)) for row in rows])
            tables.setdefault(self._channels[name].modality, []).append(column)
        return {modality: np.concatenate(columns, axis=1) for modality, columns in tables.items()}

    def _row(self, features: Features) -> dict[str, np.ndarray]:
        pictures = {name: self._pooled(picture.pixels) for name, picture in features.pictures.items()}
        return pictures | {name: vectors.summary for name, vectors in features.vectors.items()}


# --- the peers -----------------------------------------------------------------------------------------------------------------


@dataclass
class Peers:
    """Everything that is fitted once per seed."""

    alone: dict[Modality, HistGradientBoostingClassifier]
    limits: dict[Modality, float]
    stacker: LogisticRegression
    early: HistGradientBoostingClassifier

    @classmethod
    def fit(cls, table: Tables, bad: np.ndarray, groups: Sequence[str], val: Tables, val_bad: np.ndarray, seed: int) -> Peers:
        def new() -> HistGradientBoostingClassifier:
            return HistGradientBoostingClassifier(max_iter=150, learning_rate=0.06, max_features=0.3, random_state=seed)

        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        held = np.zeros((len(bad), len(table)))
        for rows, others in folds.split(bad, bad, groups):
            for place, values in enumerate(table.values()):
                held[others, place] = _chance(new().fit(_fit_for_bins(values[rows]), bad[rows]), values[others])
        held[_absent(table)] = 0.5
        alone = {modality: new().fit(_fit_for_bins(values), bad) for modality, values in table.items()}
        limits = {m: float(np.quantile(_chance(alone[m], values)[~val_bad], 1 - BUDGET)) for m, values in val.items()}
        early = new().fit(_fit_for_bins(np.concatenate(list(table.values()), axis=1)), bad)
        return cls(alone, limits, LogisticRegression().fit(_odds(held), bad), early)

    def scores(self, table: Tables) -> dict[str, Scores]:
        """Return the score of every peer; a sense that is absent has no say."""
        each = np.stack([_chance(self.alone[modality], values) for modality, values in table.items()], axis=1)
        absent = _absent(table)
        known = np.where(absent, np.nan, each)
        bits = np.where(absent, np.nan, each > np.array([self.limits[modality] for modality in table]))
        found: dict[str, Scores] = {
            f"{modality} alone": np.where(absent[:, place], 0.5, each[:, place]) for place, modality in enumerate(table)
        }
        found["AND of bits"] = _over_known(np.nanmin, bits, 0.0)
        found["OR of bits"] = _over_known(np.nanmax, bits, 0.0)
        found["mean of confidences"] = _over_known(np.nanmean, known, 0.5)
        found["stacking"] = self.stacker.predict_proba(_odds(np.where(absent, 0.5, each)))[:, 1]
        found["early concatenation"] = _chance(self.early, np.concatenate(list(table.values()), axis=1))
        return found


def _chance(model: HistGradientBoostingClassifier, values: np.ndarray) -> Scores:
    return model.predict_proba(values)[:, 1]


def _fit_for_bins(values: np.ndarray) -> np.ndarray:
    # The booster cannot bin a column without any number, e.g. a band above the Nyquist frequency: as a constant it is never split on.
    return np.where(np.isnan(values).all(axis=0), 0.0, values)


def _absent(table: Tables) -> np.ndarray:
    return np.stack([np.isnan(values).all(axis=1) for values in table.values()], axis=1)


def _over_known(take: Callable[..., np.ndarray], values: np.ndarray, otherwise: float) -> Scores:
    found, some = np.full(len(values), otherwise), ~np.isnan(values).all(axis=1)
    found[some] = take(values[some], axis=1)
    return found


def _odds(chances: np.ndarray) -> np.ndarray:
    inside = np.clip(chances, 1e-4, 1 - 1e-4)
    return np.log(inside / (1 - inside))


# --- ours ----------------------------------------------------------------------------------------------------------------------


def _ours(arguments: argparse.Namespace, seed: int) -> Judge:
    out = arguments.models / f"{arguments.data.resolve().name}-{seed}"
    if not (out / "manifest.yaml").is_file():
        command = [str(Path(sys.executable).with_name("inspector")), "train", str(arguments.recipe), "--data", str(arguments.data)]
        subprocess.run([*command, "--out", str(out), "--seed", str(seed)], check=True, stdout=subprocess.DEVNULL)
    return Judge.load(out)


def _judged(judge: Judge, records: Sequence[PartRecord]) -> Scores:
    return np.array([judge.judge(extract(record)).score for record in records])


def _bad(parts: Sequence[LabelledPart]) -> np.ndarray:
    return np.array([part.label != OK_LABEL for part in parts], dtype=bool)


def _escapes_left(bad: np.ndarray, picture: Scores, fused: Scores) -> float:
    """Return the share of a picture's escapes that the fused model lets through, both rejecting at most 5 % of good parts."""
    missed_by_picture = miss_rate_at_false_reject(bad, picture, BUDGET)
    missed = miss_rate_at_false_reject(bad, fused, BUDGET)
    return float("nan") if not missed_by_picture or missed is None else missed / missed_by_picture


def _print(results: dict[tuple[str, str], list[tuple[float, float]]]) -> None:
    print("| condition | who | AUROC | miss at 5 % FR |\n|---|---|---|---|")
    for (condition, peer), figures in results.items():
        print(f"| {condition} | {peer} | {mean_sd([f[0] for f in figures])} | {mean_sd([f[1] for f in figures])} |")


if __name__ == "__main__":
    sys.exit(main())
