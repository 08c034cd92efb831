"""How often the memory of fixes finds the right action, on real maintenance records: `python -m tests.bench.fixes [--json FILE]`.

Problem → action pairs of MaintNet (`workorders/maintnet/pairs.csv` of the datasets); five folds, no problem text in two of them. A pair of
the test fold is found when its action, letter for letter, or an action with the same words (Jaccard at least 0.6), is among the first
1, 3, 10 distinct actions for its problem.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge import Memory, Query
from inspector.knowledge.embedding import Embedder
from inspector.knowledge.search import Bm25
from inspector.knowledge.words import words
from inspector.parts import Case

DATASETS = Path(os.environ.get("INSPECTOR_DATASETS", Path(__file__).resolve().parents[3] / "shared" / "datasets"))
RANKS = (1, 3, 10)
FOLDS = 5
Pair = tuple[str, str]
Ranking = Callable[[Sequence[Pair], Sequence[str]], Iterable[list[str]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, help="keep embeddings here between runs")
    arguments = parser.parse_args()
    pairs = load_pairs(DATASETS / "workorders/maintnet/pairs.csv")
    embedder = Embedder(arguments.cache)
    rankings: dict[str, Ranking] = {
        "bm25": by_bm25,
        "embedding": lambda known, asked: by_embedding(embedder, known, asked),
        "memory": lambda known, asked: by_memory(arguments.cache, known, asked),
    }
    table = {}
    for name, ranking in rankings.items():
        table[name] = found = share_found(pairs, ranking)
        print(f"{name:<10} exact {shown(found['exact'])}   words {shown(found['words'])}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def load_pairs(path: Path) -> list[Pair]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["problem"], row["action"]) for row in csv.DictReader(file)]


def folds(pairs: Sequence[Pair], seed: int = 0) -> Iterator[tuple[list[Pair], list[Pair]]]:
    """Yield (known, asked), all pairs of one problem text on the same side."""
    problems = sorted({problem for problem, _ in pairs})
    fold_of = {problems[at]: number % FOLDS for number, at in enumerate(np.random.default_rng(seed).permutation(len(problems)))}
    for fold in range(FOLDS):
        yield [pair for pair in pairs if fold_of[pair[0]] != fold], [pair for pair in pairs if fold_of[pair[0]] == fold]


def share_found(pairs: Sequence[Pair], ranking: Ranking) -> dict[str, list[float]]:
    hits: dict[str, list[list[bool]]] = {"exact": [], "words": []}
    for known, asked in folds(pairs):
        for (_, action), ranked in zip(asked, ranking(known, [problem for problem, _ in asked]), strict=True):
            exact = [one == action for one in ranked]
            alike = [jaccard(one, action) >= 0.6 for one in ranked]
            hits["exact"].append([any(exact[:rank]) for rank in RANKS])
            hits["words"].append([any(alike[:rank]) for rank in RANKS])
    return {name: np.mean(rows, axis=0).round(3).tolist() for name, rows in hits.items()}


def by_bm25(known: Sequence[Pair], asked: Sequence[str]) -> Iterator[list[str]]:
    index = Bm25([problem for problem, _ in known], words, exact=True)
    yield from best_matches([index.scores(problem)[0] for problem in asked], known)


def by_embedding(embedder: Embedder, known: Sequence[Pair], asked: Sequence[str]) -> Iterator[list[str]]:
    vectors = [embedder.remembered(texts).whole(slice(None)) for texts in (asked, [problem for problem, _ in known])]
    yield from best_matches(vectors[0] @ vectors[1].T, known)


def by_memory(cache: Path | None, known: Sequence[Pair], asked: Sequence[str]) -> Iterator[list[str]]:
    memory = Memory([], [Case(str(number), problem, action) for number, (problem, action) in enumerate(known)], cache)
    for suggestions in memory.suggest_all([Query(text=problem) for problem in asked], max(RANKS)):
        yield [suggestion.original or "" for suggestion in suggestions]


def best_matches(scores: Iterable[NDArray[np.float32]], known: Sequence[Pair]) -> Iterator[list[str]]:
    for row in scores:
        ranked = dict.fromkeys(known[at][1] for at in np.argsort(-row, kind="stable")[:200])
        yield list(ranked)[: max(RANKS)]


def jaccard(one: str, other: str) -> float:
    a, b = (set(re.findall(r"[a-z0-9]+", text.casefold())) for text in (one, other))
    return len(a & b) / max(1, len(a | b))


def shown(shares: Sequence[float]) -> str:
    return " / ".join(f"{share:.3f}" for share in shares)


if __name__ == "__main__":
    main()
