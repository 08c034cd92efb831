"""Search under hard words: typing errors, and another language: `python -m tests.bench.search_errors [--json FILE]`.

Typing errors: 500 problems of MaintNet's test folds, each with an error in two of its words (letters swapped, left out, doubled, or the
neighbour on the keyboard, by chance), against the same 500 as they were written. Shares found as in `tests.bench.fixes`.

Languages: `parallel_en_zh.csv`, 217 troubles of a plant in English and in Chinese. They were written for this bench, by hand and in one
sitting, each pair as a technician would say it in either language, before any of them was searched; neither is a word-by-word
translation, and nothing was taken from a data set. Each English text looks for its Chinese one among all, and the other way round.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from inspector.knowledge.embedding import Embedder
from inspector.knowledge.search import Bm25, TextIndex
from inspector.knowledge.words import words
from tests.bench.fixes import DATASETS, FOLDS, RANKS, by_bm25, by_embedding, by_memory, folds, jaccard, load_pairs, shown

QUERIES = 500
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, help="keep embeddings here between runs")
    arguments = parser.parse_args()
    table = {"languages": languages(arguments.cache), "typing_errors": typing_errors(arguments.cache)}
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def languages(cache: Path | None) -> dict[str, dict[str, list[float]]]:
    with (Path(__file__).parent / "parallel_en_zh.csv").open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file))
    embedder, table = Embedder(cache), {}
    for asked, known in (("en", "zh"), ("zh", "en")):
        questions, texts = [pair[asked] for pair in pairs], [pair[known] for pair in pairs]
        vectors = [embedder.remembered(one).whole(slice(None)) for one in (questions, texts)]
        found = {
            "bm25": [Bm25(texts, words, exact=True).scores(question)[0] for question in questions],
            "embedding": list(vectors[0] @ vectors[1].T),
            "memory": [dense(one.texts, one.likeness, len(texts)) for one in TextIndex(texts, embedder).nearest(questions)],
        }
        for name, rows in found.items():
            ranks = np.array([(np.array(row) > row[at]).sum() + ((np.array(row) == row[at]).sum() - 1) / 2 for at, row in enumerate(rows)])
            table[f"{asked} → {known}, {name}"] = shares = [round(float((ranks < rank).mean()), 3) for rank in RANKS]
            print(f"{asked} → {known}   {name:<10} {shown(shares)}", flush=True)
    return {name: {"found": shares} for name, shares in table.items()}


def dense(texts: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:  # type: ignore[type-arg]
    row = np.full(count, -1.0)
    row[texts] = values
    return row


def typing_errors(cache: Path | None) -> dict[str, dict[str, list[float]]]:
    pairs, rng, embedder = load_pairs(DATASETS / "workorders/maintnet/pairs.csv"), np.random.default_rng(0), Embedder(cache)
    rankings = {
        "bm25": by_bm25,
        "embedding": lambda known, asked: by_embedding(embedder, known, asked),
        "memory": lambda known, asked: by_memory(cache, known, asked),
    }
    hits: dict[str, dict[str, list[list[bool]]]] = {}
    for known, asked in folds(pairs):
        chosen = [asked[at] for at in rng.choice(len(asked), QUERIES // FOLDS, replace=False)]
        clean = [problem for problem, _ in chosen]
        for spelling, questions in (("as written", clean), ("with errors", [mistyped(text, rng) for text in clean])):
            for name, ranking in rankings.items():
                rows = hits.setdefault(name, {}).setdefault(spelling, [])
                for (_, action), ranked in zip(chosen, ranking(known, questions), strict=True):
                    alike = [jaccard(one, action) >= 0.6 for one in islice(ranked, max(RANKS))]
                    rows.append([any(alike[:rank]) for rank in RANKS])
    table = {name: {how: np.mean(rows, axis=0).round(3).tolist() for how, rows in of.items()} for name, of in hits.items()}
    for name, of in table.items():
        print(f"{name:<10} " + "   ".join(f"{how} {shown(shares)}" for how, shares in of.items()), flush=True)
    return table


def mistyped(text: str, rng: np.random.Generator) -> str:
    """Return `text` with an error in two of its words of four letters or more, in one where there is only one."""
    found = text.split(" ")
    long = [at for at, word in enumerate(found) if sum(letter.isalpha() for letter in word) >= 4]
    for at in rng.permutation(long)[:2] if long else ():
        found[at] = one_error(found[at], rng)
    return " ".join(found)


def one_error(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word) - 1))
    kind = rng.integers(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + beside(word[at], rng) + word[at + 1 :]


def beside(letter: str, rng: np.random.Generator) -> str:
    row: Sequence[str] = next((row for row in _KEYBOARD if letter.casefold() in row), letter)
    place = row.index(letter.casefold()) if letter.casefold() in row else 0
    other = row[min(len(row) - 1, max(0, place + int(rng.choice([-1, 1]))))]
    return other.upper() if letter.isupper() else other


if __name__ == "__main__":
    main()
