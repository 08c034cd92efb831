"""Which way of drawing a heat map finds the defect: every CAM of the family at every layer, beside the learned evidence and their blend.

    python -m tests.bench.heat_maps MODEL --data PARTS [--split val] [--parts 80] [--layers last second+last …]

Prints pixel AUROC, AUPRO (30 %) and the pointing game of each. The map of a CAM is taken as the method gives it (`raw`), and stretched to
its own peak times the part's score (`peak`), as the published figures of the family are. Test is left to `inspector evaluate`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import torch
from torch import Tensor

from inspector.features import extract
from inspector.fusion import Judge
from inspector.fusion.cams import METHODS, class_activation_map
from inspector.training.metrics import MapFigures
from inspector.training.parts_folder import LabelledPart, load_parts_folder

LAYERS = ("last", "second", "first", "coarse", "fine", "second+last", "coarse+last", "fine+coarse+last")
SINGLE_LAYER = {"shapley_cam"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("train", "val"), default="val")
    parser.add_argument("--parts", type=int, default=80, help="at most this many parts, at random; a third of them good ones")
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--layers", nargs="*", default=list(LAYERS), help="layers of the camera encoder by name, joined by +")
    arguments = parser.parse_args()
    judge = Judge.load(arguments.model)
    judge.warm_up()
    parts = chosen(load_parts_folder(arguments.data).split(arguments.split), arguments.parts)
    figures: dict[str, MapFigures] = defaultdict(MapFigures)
    seconds: dict[str, float] = defaultdict(float)
    for part in parts:
        mask = part.mask() if part.label != "ok" else None
        for name, values, spent_s in maps_of(judge, part, arguments.methods, arguments.layers):
            size = (mask.shape[1], mask.shape[0]) if mask is not None else next(iter(part.record().frames.values())).size_px
            figures[name].add(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), mask)
            seconds[name] += spent_s
    print(f"{judge.ref.name}: {len(parts)} parts of {arguments.split}, {sum(part.label != 'ok' for part in parts)} defective\n")
    print(f"{'map':<44}{'pixel AUROC':>12}{'AUPRO 30':>12}{'pointing':>12}{'ms':>8}")
    for name, figure in sorted(figures.items(), key=lambda item: -(item[1].aupro() or 0)):
        row = figure.figures()
        shown = "".join(f"{row[key]:>12.3f}" for key in ("pixel_auroc", "aupro_30", "pointing_game"))
        print(f"{name:<44}{shown}{1e3 * seconds[name] / len(parts):>8.0f}")


def chosen(parts: list[LabelledPart], most: int) -> list[LabelledPart]:
    """Return parts with a mask and good parts, two to one, at random."""
    random = np.random.default_rng(0)
    drawn = [part for part in parts if part.label != "ok" and "mask" in part.paths]
    good = [part for part in parts if part.label == "ok"]
    random.shuffle(drawn)  # type: ignore[arg-type]
    random.shuffle(good)  # type: ignore[arg-type]
    return drawn[: most * 2 // 3] + good[: most - min(len(drawn), most * 2 // 3)]


def maps_of(judge: Judge, part: LabelledPart, methods: list[str], layers: list[str]) -> Iterator[tuple[str, np.ndarray, float]]:
    """Yield name, map and seconds of every way of looking at the first camera of a part."""
    features = extract(part.record(tolerant=True))
    verdict = judge.judge(features)
    batch = judge.seen(features)
    camera = next(iter(batch.maps))
    kinds = judge.manifest.kinds
    called = 1 + int(np.argmax([verdict.kind_probabilities[kind] for kind in kinds])) if kinds else 0
    targets: dict[str, Callable[[Tensor], Tensor]] = {"defect": lambda logits: logits[0]}
    if called > 0:
        targets["kind"] = lambda logits: logits[called]
        targets["kind-rest"] = lambda logits: logits[called] - torch.logsumexp(logits[1 : 1 + len(kinds)], dim=0)
    for method in methods:
        for joined in layers:
            if method in SINGLE_LAYER and "+" in joined:
                continue
            for target_name, target in targets.items() if joined == "last" else [("defect", targets["defect"])]:
                start_s = perf_counter()
                cam = np.mean(
                    [
                        class_activation_map(member, batch, camera, method=method, layers=joined.split("+"), target=target)  # type: ignore[arg-type]
                        for member in judge.runtime.ensemble.members
                    ],
                    axis=0,
                )
                spent_s = perf_counter() - start_s
                yield f"{method} {joined} {target_name} raw", cam, spent_s
                yield f"{method} {joined} {target_name} peak", cam / max(float(cam.max()), 1e-9) * verdict.score, spent_s
    found = judge.localize(features, verdict)
    for name, by_camera in found.maps.items():
        yield f"= {name}", next(iter(by_camera.values())), 0.0


if __name__ == "__main__":
    main()
