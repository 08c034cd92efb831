"""How often the memory of fixes finds the right action, on real maintenance records: `python -m tests.bench.fixes [--json FILE]`.

Problem → action pairs of MaintNet (`workorders/maintnet/pairs.csv` of the datasets); five folds, no problem text in two of them. A pair of
the test fold is found when its action, letter for letter, or an action with the same words (Jaccard at least 0.6), is among the first
1, 3, 10 distinct actions for its problem.

"memory" weighs words, meaning and answers as it does everywhere; those weights were chosen on these records. "nested" chooses them within
the training part of each fold: a fifth of its problems are asked of the others, and one weight after the other is set to what finds most.
No test fold has a say in how it is asked, and so this is the figure to believe of another plant.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge import Memory, Query
from inspector.knowledge.embedding import Embedder
from inspector.knowledge.search import Bm25
from inspector.knowledge.weights import DEFAULT, Weights
from inspector.knowledge.words import words
from inspector.parts import Case

DATASETS = Path(os.environ.get("INSPECTOR_DATASETS", Path(__file__).resolve().parents[3] / "shared" / "datasets"))
RANKS = (1, 3, 10)
ALIKE = 0.6
CHOICES = {"answers": (0.4, 0.6, 0.8), "temperature": (0.05, 0.07, 0.09), "same_action": (0.0, 0.3, 0.6)}
FOLDS = 5
Pair = tuple[str, str]
Ranking = Callable[[Sequence[Pair], Sequence[str]], Iterable[list[str]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of bm25, embedding, memory, nested")
    parser.add_argument("--cache", type=Path, help="keep embeddings here between runs")
    arguments = parser.parse_args()
    pairs = load_pairs(DATASETS / "workorders/maintnet/pairs.csv")
    embedder = Embedder(arguments.cache)
    rankings: dict[str, Ranking] = {
        "bm25": by_bm25,
        "embedding": lambda known, asked: by_embedding(embedder, known, asked),
        "memory": lambda known, asked: by_memory(arguments.cache, known, asked),
        "nested": lambda known, asked: by_memory(arguments.cache, known, asked, chosen(arguments.cache, known)),
    }
    table = {}
    for name, ranking in rankings.items():
        if arguments.only and name not in arguments.only:
            continue
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
            alike = [jaccard(one, action) >= ALIKE for one in ranked]
            hits["exact"].append([any(exact[:rank]) for rank in RANKS])
            hits["words"].append([any(alike[:rank]) for rank in RANKS])
    return {name: np.mean(rows, axis=0).round(3).tolist() for name, rows in hits.items()}


def by_bm25(known: Sequence[Pair], asked: Sequence[str]) -> Iterator[list[str]]:
    index = Bm25([problem for problem, _ in known], words, exact=True)
    yield from best_matches([index.scores(problem)[0] for problem in asked], known)


def by_embedding(embedder: Embedder, known: Sequence[Pair], asked: Sequence[str]) -> Iterator[list[str]]:
    vectors = [embedder.remembered(texts).whole(slice(None)) for texts in (asked, [problem for problem, _ in known])]
    yield from best_matches(vectors[0] @ vectors[1].T, known)


def by_memory(cache: Path | None, known: Sequence[Pair], asked: Sequence[str], weights: Weights = DEFAULT) -> Iterator[list[str]]:
    yield from answers(made_memory(cache, known), asked, weights)


def made_memory(cache: Path | None, known: Sequence[Pair]) -> Memory:
    return Memory([], [Case(str(number), problem, action) for number, (problem, action) in enumerate(known)], cache)


def answers(memory: Memory, asked: Sequence[str], weights: Weights) -> Iterator[list[str]]:
    memory.weights = weights
    for suggestions in memory.suggest_all([Query(text=problem) for problem in asked], max(RANKS)):
        yield [suggestion.original or "" for suggestion in suggestions]


def chosen(cache: Path | None, known: Sequence[Pair]) -> Weights:
    """Return the weights that find most by words within some pairs, a fifth of whose problems are asked of the others."""
    known, asked = next(folds(known, seed=1))
    memory, best = made_memory(cache, known), DEFAULT

    @lru_cache
    def found(weights: Weights) -> float:
        ranked = answers(memory, [problem for problem, _ in asked], weights)
        alike = [[jaccard(one, action) >= ALIKE for one in row] for (_, action), row in zip(asked, ranked, strict=True)]
        return float(np.mean([[any(row[:rank]) for rank in RANKS] for row in alike]))

    with patch.object(Embedder, "encode", encoded_once(Embedder.encode)):
        for name, values in CHOICES.items():
            best = max((replace(best, **{name: value}) for value in values), key=found)
    print(f"  chosen: {best}", flush=True)
    return best


def encoded_once(encode: Callable[[Embedder, Sequence[str]], NDArray[np.float32]]) -> Callable[..., NDArray[np.float32]]:
    """Return an encoder that knows what it has encoded: the same problems are asked with every choice of weights."""
    known: dict[str, NDArray[np.float32]] = {}

    def remembered(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, encode(embedder, new), strict=True))
        return np.array([known[text] for text in texts], np.float32)

    return remembered


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
