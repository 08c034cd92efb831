"""Twenty defective pictures drawn by seed, each with what people outlined and with the heat map: does the light lie on the defect?

python -m tests.bench.contact_sheet MODEL --data PARTS --out SHEET.png [--split test] [--seed 0] [--pictures 20] [--light-only]

With `--light-only` the light and the outline alone are drawn, for data whose pictures must not be passed on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.features import extract
from inspector.features.picture import eight_bit
from inspector.fusion import Judge
from inspector.parts import HeatMap
from inspector.training.parts_folder import LabelledPart, load_parts_folder

Pixels = NDArray[np.uint8]
TILE_PX = 200
COLUMNS = 4
LABEL_PX = 18
LABEL_WIDTH_PX = 300
OUTLINE_BGR = (80, 255, 80)
GREY = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--light-only", action="store_true")
    arguments = parser.parse_args()
    judge = Judge.load(arguments.model)
    judge.warm_up()
    defective = [part for part in load_parts_folder(arguments.data).split(arguments.split) if part.label != "ok" and part.camera]
    order = np.random.default_rng(arguments.seed).permutation(len(defective))[: arguments.pictures]
    tiles = [_tile(judge, defective[int(row)], light_only=arguments.light_only) for row in order]
    cv2.imwrite(str(arguments.out), np.vstack([_row(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]))


def _row(tiles: list[Pixels]) -> Pixels:
    """Return tiles side by side, as high as the highest."""
    row = np.full((max(tile.shape[0] for tile in tiles), COLUMNS * tiles[0].shape[1], 3), 255, np.uint8)
    for place, tile in enumerate(tiles):
        row[: tile.shape[0], place * tile.shape[1] : (place + 1) * tile.shape[1]] = tile
    return row


def _tile(judge: Judge, part: LabelledPart, *, light_only: bool) -> Pixels:
    """Return one part: the picture with its outline and beside it the heat map, or the outline over the heat map without the picture."""
    record = part.record(tolerant=True)
    features = extract(record)
    verdict = judge.judge(features)
    found = judge.localize(features, verdict)
    heat = next((one for one in found.heat_maps), None)
    pixels = _bgr(eight_bit(next(iter(record.frames.values())).pixels))
    trust = "" if heat is None or heat.faithfulness is None else f" f {heat.faithfulness:.2f}{'' if heat.reliable else ' not reliable'}"
    label = f"{part.label} {verdict.outcome} {verdict.score:.2f}{trust}"
    if light_only:
        return _labelled([_outlined(_lit(np.full_like(pixels, GREY), heat), part)], label)
    return _labelled([_outlined(pixels, part), _lit(pixels, heat)], label)


def _lit(pixels: Pixels, heat: HeatMap | None) -> Pixels:
    if heat is None:
        return pixels
    colours = cv2.applyColorMap((np.clip(heat.values, 0, 1) * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = np.clip(heat.values * 1.2, 0, 0.75)[..., None]
    return np.asarray(pixels * (1 - share) + colours * share, dtype=np.uint8)


def _outlined(pixels: Pixels, part: LabelledPart) -> Pixels:
    outlined = pixels.copy()
    mask = part.mask((pixels.shape[1], pixels.shape[0]))
    if mask is not None:
        edges, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(outlined, edges, -1, OUTLINE_BGR, max(1, round(max(pixels.shape) / TILE_PX)))
    return outlined


def _bgr(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, ::-1])


def _labelled(pictures: list[Pixels], label: str) -> Pixels:
    factor = (TILE_PX - 4) / max(pictures[0].shape[:2])
    shown = [cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) for picture in pictures]
    tile = np.full((LABEL_PX + shown[0].shape[0] + 6, 2 * TILE_PX + 8 if len(shown) > 1 else LABEL_WIDTH_PX, 3), 255, np.uint8)
    for place, small in enumerate(shown):
        tile[LABEL_PX : LABEL_PX + small.shape[0], place * TILE_PX : place * TILE_PX + small.shape[1]] = small
    cv2.putText(tile, label, (2, LABEL_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


if __name__ == "__main__":
    main()
