"""What a missing modality saves: time per part with all of them and with each absent, interleaved in one run.

    python -m tests.bench.routing MODEL_DIR --data DIR [--split val] [--parts 40] [--rounds 5]

Per part the best of all rounds counts, so that a neighbour on the machine disturbs little; features and verdict, without reading files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from inspector.features import extract
from inspector.fusion import Judge
from inspector.parts import PartRecord
from inspector.training.evaluation import leave_out
from inspector.training.parts_folder import load_parts_folder


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val", choices=("train", "val", "test"))
    parser.add_argument("--parts", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    judge, folder = Judge.load(arguments.model), load_parts_folder(arguments.data)
    judge.warm_up()
    records = [part.record(tolerant=True) for part in folder.split(arguments.split)]
    whole = [record for record in records if len(record.modalities) == len(folder.modalities)][: arguments.parts]
    if not whole:
        print(f"no part of {arguments.split} has all of {', '.join(folder.modalities)}", file=sys.stderr)
        return 2
    ways = {"all": (), **{f"without {modality}": (modality,) for modality in folder.modalities if len(folder.modalities) > 1}}
    best_ms = {way: np.full(len(whole), np.inf) for way in ways}
    for _ in range(arguments.rounds):
        for place, record in enumerate(whole):
            for way, absent in ways.items():
                best_ms[way][place] = min(best_ms[way][place], _ms(judge, leave_out(record, absent)))
    everything = float(np.median(best_ms["all"]))
    print(f"{len(whole)} parts, best of {arguments.rounds} rounds, median\n\n| | ms | saved ms | of all |\n|---|---|---|---|")
    for way, times in best_ms.items():
        ms = float(np.median(times))
        print(f"| {way} | {ms:.2f} | {everything - ms:.2f} | {ms / everything:.2f} |")
    return 0


def _ms(judge: Judge, record: PartRecord) -> float:
    start = perf_counter()
    judge.judge(extract(record))
    return (perf_counter() - start) * 1e3


if __name__ == "__main__":
    sys.exit(main())
