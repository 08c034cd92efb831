"""Is a heat map that is called reliable on the defect, and one that knows nothing of the part called not reliable?

    python -m tests.bench.heat_trust MODEL --data PARTS [--split val] [--parts 60] [--shares 0.01 0.02 0.05]

For every share of places taken away (`inspector.fusion.faithfulness`): how well faithfulness tells a part's own heat from the same heat
laid elsewhere (AUROC), the limit that training would set, and what share of maps reaches it, of those whose peak lies in the drawn defect
and of those whose peak does not. Test is left to `inspector evaluate`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from inspector.features import extract
from inspector.fusion import Judge
from inspector.fusion.localization import COMBINED, Localizer
from inspector.fusion.runtime import Read
from inspector.training.locating import KNOWS_NOTHING_BELOW, laid_elsewhere
from inspector.training.metrics import auroc
from inspector.training.parts_folder import LabelledPart, load_parts_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("train", "val"), default="val")
    parser.add_argument("--parts", type=int, default=60, help="at most this many defective parts, at random")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.02, 0.05])
    arguments = parser.parse_args()
    judge = Judge.load(arguments.model)
    judge.warm_up()
    localizer = Localizer(judge.runtime, judge.manifest.network.image_size, judge.manifest.calibration, judge.manifest.heat)
    parts = drawn(arguments.data, arguments.split, arguments.parts)
    failed = [one for part in parts if (one := looked(judge, localizer, part)) is not None]
    hits = np.array([hit for _, _, _, hit in failed])
    print(f"{judge.ref.name}: {len(failed)} failed parts of {arguments.split} with a drawn defect, peak in it {hits.mean():.3f}\n")
    print(f"{'taken away':>12}{'AUROC':>9}{'limit':>9}{'reliable of hits':>19}{'of misses':>12}")
    for share in arguments.shares:
        print(row(localizer, failed, hits, share))


def drawn(data: Path, split: str, most: int) -> list[LabelledPart]:
    """Return defective parts with a mask, at random."""
    parts = [part for part in load_parts_folder(data).split(split) if part.label != "ok" and "mask" in part.paths]
    np.random.default_rng(0).shuffle(parts)  # type: ignore[arg-type]
    return parts[:most]


def looked(judge: Judge, localizer: Localizer, part: LabelledPart) -> tuple[np.ndarray, Read, str, bool] | None:
    """Return a failed part's heat, reading, camera and whether the heat's peak is in the drawn defect; None: not failed, seen or drawn."""
    record = part.record(tolerant=True)
    features = extract(record)
    read, score = judge.seen(features), judge.judge(features).score
    mask = part.mask()
    if score < 0.5 or not record.frames or mask is None or not mask.any():
        return None
    camera = judge.manifest.network.cameras[0]
    heat = localizer.look(read, camera, score)[COMBINED]
    peak = np.unravel_index(cv2.resize(heat, mask.shape[::-1]).argmax(), mask.shape)
    # A peak on the drawn edge is on the defect: people draw to about a place of the finest map.
    near = cv2.dilate((mask > 0).astype(np.uint8), np.ones((9, 9), np.uint8))
    return heat, read, camera, bool(near[peak])


def row(localizer: Localizer, failed: list[tuple[np.ndarray, Read, str, bool]], hits: np.ndarray, share: float) -> str:
    """Return one line of the table."""
    random = np.random.default_rng(0)
    own, elsewhere = [], []
    for heat, read, camera, _ in failed:
        own.append(localizer.faithfulness(heat, read, camera, share))
        elsewhere += [localizer.faithfulness(moved, read, camera, share) for moved in laid_elsewhere(heat, random)]
    limit = float(np.quantile(elsewhere, KNOWS_NOTHING_BELOW))
    told = auroc(np.arange(len(own) + len(elsewhere)) < len(own), np.array(own + elsewhere)) or float("nan")
    reliable = np.array(own) >= limit
    shown = [f"{reliable[which].mean():.3f}" if which.any() else "-" for which in (hits, ~hits)]
    return f"{share:>12.0%}{told:>9.3f}{limit:>9.2f}{shown[0]:>19}{shown[1]:>12}"


if __name__ == "__main__":
    main()
