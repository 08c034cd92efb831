"""How alike texts are: BM25 over words that forgives their spelling, the cosine of multilingual sentence embeddings, and what was done.

They fail differently. Words are exact but miss 皮带 for "belt"; embeddings find the same meaning in another language but blur part
numbers; how problems were answered before tells which words of a problem matter, where there are enough of them.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.embedding import Cells, Embedder, Quantised
from inspector.knowledge.pairing import MOST_PROBLEMS, Pairing, learn
from inspector.knowledge.spelling import Spelling
from inspector.knowledge.words import words

# Saturation and length normalisation as Robertson and Zaragoza recommend (The Probabilistic Relevance Framework, 2009, section 3.5).
_K1, _B = 1.2, 0.75

_OTHER_SPELLING = 0.7
"""What another spelling counts where the word itself is known too."""
_PAIRING_WEIGHT = 0.6
"""Of a flat optimum on maintenance records (tests/bench/fixes.py, inside the training folds)."""

_MOST_SCANNED = 20_000
"""Up to so many texts each is compared; of more, those that words or meaning bring near."""
_CANDIDATES = 300
_MOST_POSTINGS = 1_000_000
"""Of a million texts, the words that every third one has tell little and would cost most."""
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Found:
    """The texts that are most like a query, in no order."""

    texts: NDArray[np.intp]
    likeness: NDArray[np.float32]
    """By which they are ranked: words, meaning, and what was done about them."""
    level: NDArray[np.float32]
    """About 0 (nothing in common) to about 1 (the same): words and meaning alone."""


class TextIndex:
    """An index over texts. Building it embeds the texts that `embedder` has not met yet: some milliseconds each.

    `answer` says of a text what was done about it, all in one string; problems that were answered alike are then alike.
    """

    def __init__(self, texts: Sequence[str], embedder: Embedder, answer: Callable[[int], str] | None = None) -> None:
        self._embedder = embedder
        self._words = Bm25(texts, words)
        self._vectors = embedder.remembered(texts)
        self._cells = Cells(self._vectors) if len(texts) > _MOST_SCANNED else None
        self._pairing = self._learnt(texts, answer) if answer is not None else None
        self._projected = None if self._pairing is None else self._project(texts, self._pairing)

    def nearest(self, queries: Sequence[str]) -> Iterator[Found]:
        """Yield what is found for each query, in order."""
        meanings = self._embedder.encode(queries)
        for query, meaning in zip(queries, meanings, strict=True):
            lexical, known = self._words.scores(query)
            if self._cells is None:
                texts: NDArray[np.intp] = np.arange(len(lexical))
            else:
                sharing = np.flatnonzero(lexical)
                sharing = sharing[_highest(lexical[sharing], _CANDIDATES)]
                texts = np.union1d(sharing, self._cells.nearest(meaning, _CANDIDATES))
            alike = np.clip(self._vectors.dot(texts, meaning), 0, 1)
            # Words that no text here has (another language, slang) cannot speak against a text: the meaning then decides alone.
            level = (known * lexical[texts] + alike) / (known + 1)
            likeness = level
            if self._pairing is not None and self._projected is not None and known:
                answered = self._projected.dot(texts, self._pairing.project([words(query)], meaning[None])[0])
                weight = _PAIRING_WEIGHT * known
                likeness = (1 - weight) * level + weight * answered
            kept = _highest(likeness, _CANDIDATES)
            yield Found(texts[kept], likeness[kept].astype(np.float32), level[kept].astype(np.float32))

    def _learnt(self, texts: Sequence[str], answer: Callable[[int], str]) -> Pairing | None:
        some = np.unique(np.linspace(0, len(texts) - 1, MOST_PROBLEMS).astype(int)) if texts else ()
        told = {int(at): words(said) for at in some if (said := answer(int(at)))}
        meanings = self._vectors.whole(np.array(list(told), np.intp))
        return learn([words(texts[at]) for at in told], meanings, list(told.values()))

    def _project(self, texts: Sequence[str], pairing: Pairing) -> Quantised:
        blocks = [
            pairing.project([words(text) for text in texts[start : start + _BLOCK]], self._vectors.whole(slice(start, start + _BLOCK)))
            for start in range(0, len(texts), _BLOCK)
        ]
        return Quantised.of(np.concatenate(blocks))


class Bm25:
    """Okapi BM25, scaled so that a text of average length scores 1 against itself; `exact` takes words as they are written."""

    def __init__(self, texts: Sequence[str], split: Callable[[str], list[str]], *, exact: bool = False) -> None:
        from scipy.sparse import csr_matrix

        self._split = split
        self._vocabulary: dict[str, int] = {}
        rows, columns, counts = self._count(texts)
        shape = (len(texts), max(1, len(self._vocabulary)))
        lengths = np.bincount(rows, weights=counts, minlength=len(texts)).astype(np.float32)
        frequency = np.bincount(columns, minlength=shape[1])
        self._idf = np.log1p((len(texts) - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        relative = lengths[rows] / max(float(lengths.mean()) if len(texts) else 1.0, 1e-9)
        weights = counts * (_K1 + 1) / (counts + _K1 * (1 - _B + _B * relative)) * self._idf[columns]
        self._by_term = csr_matrix((weights.astype(np.float32), (columns, rows)), shape=shape[::-1])
        self._spelling = Spelling([] if exact else list(self._vocabulary))

    def scores(self, query: str) -> tuple[NDArray[np.float32], float]:
        """Return (texts,) scores that forgive typing errors, endings and abbreviations, and the share of terms that could be placed."""
        terms = sorted(set(self._split(query)))
        meant = [self._meant(term) for term in terms]
        best = sum(max((float(self._idf[at]) * weight for at, weight in one.items()), default=0.0) for one in meant)
        weights: dict[int, float] = {}
        for one in meant:
            for at, weight in one.items():
                weights[at] = max(weights.get(at, 0.0), weight)
        scores = self._sum(weights) / max(best, 1e-9)
        return scores, sum(1 for one in meant if one) / max(len(terms), 1)

    def _meant(self, term: str) -> dict[int, float]:
        known = self._vocabulary.get(term)
        alike = {at: _OTHER_SPELLING * weight for at, weight in self._spelling.alike(term).items()}
        if known is None:
            return {at: weight / _OTHER_SPELLING for at, weight in alike.items()}
        return alike | {known: 1.0}

    def _sum(self, weights: dict[int, float]) -> NDArray[np.float32]:
        """Return the weighted sum of the terms' texts; the most frequent terms are left out once enough texts were looked at."""
        scores = np.zeros(self._by_term.shape[1], np.float32)
        pointers, texts, values = self._by_term.indptr, self._by_term.indices, self._by_term.data
        left = _MOST_POSTINGS
        for at in sorted(weights, key=lambda at: -weights[at] * self._idf[at]):
            start, stop = pointers[at], pointers[at + 1]
            left -= stop - start
            if left < 0 and left + stop - start < _MOST_POSTINGS:
                break
            scores[texts[start:stop]] += np.float32(weights[at]) * values[start:stop]
        return scores

    def _count(self, texts: Iterable[str]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
        """Return text, term and how often, of each term in each text; new terms join the vocabulary."""
        rows, columns, counts = array("i"), array("i"), array("f")
        for row, text in enumerate(texts):
            for term, count in Counter(self._split(text)).items():
                rows.append(row)
                columns.append(self._vocabulary.setdefault(term, len(self._vocabulary)))
                counts.append(count)
        return np.array(rows, np.int32), np.array(columns, np.int32), np.array(counts, np.float32)


def _highest(values: NDArray[Any], count: int) -> NDArray[np.intp]:
    if len(values) <= count:
        return np.arange(len(values))
    return np.argpartition(-values, count)[:count]
