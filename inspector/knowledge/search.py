"""How alike texts are: BM25 over words that forgives their spelling, the cosine of multilingual sentence embeddings, and what was done.

They fail differently. Words are exact but miss 皮带 for "belt"; embeddings find the same meaning in another language but blur part
numbers; how problems were answered before tells which words of a problem matter, where there are enough of them.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.arrays import Arrays, packed, unpacked
from inspector.knowledge.embedding import Cells, Embedder, Quantised
from inspector.knowledge.growing import Column, Postings
from inspector.knowledge.pairing import MOST_PROBLEMS, Pairing, learn
from inspector.knowledge.spelling import Spelling
from inspector.knowledge.weights import DEFAULT, Weights
from inspector.knowledge.words import words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Saturation and length normalisation as Robertson and Zaragoza recommend (The Probabilistic Relevance Framework, 2009, section 3.5).
_K1, _B = 1.2, 0.75

_OTHER_SPELLING = 0.7
"""What another spelling counts where the word itself is known too."""

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

    `answer` says of a text what was done about it, all in one string; problems that were answered alike are then alike. What that teaches
    is learned when the index is built, and kept when texts are added.
    """

    def __init__(self, texts: Sequence[str], embedder: Embedder, answer: Callable[[int], str] | None = None) -> None:
        self._embedder = embedder
        self._words = Bm25(texts, words)
        self._vectors = embedder.remembered(texts)
        self._cells = Cells(self._vectors) if len(texts) > _MOST_SCANNED else None
        self._pairing = self._learnt(texts, answer) if answer is not None else None
        self._projected = None if self._pairing is None else Quantised(self._project(self._pairing))

    @classmethod
    def restored(cls, arrays: Arrays, texts: Sequence[str], embedder: Embedder) -> TextIndex:
        """Return the index that gave `arrays`, over the same texts: nothing is counted or learned again."""
        index = cls([], embedder)
        index._words = Bm25.restored(arrays, words)
        index._vectors = embedder.remembered(texts)
        index._cells = Cells(index._vectors, arrays) if "cells_centres" in arrays else None
        index._pairing = Pairing.restored(arrays) if "pairing_constant" in arrays else None
        index._projected = None if index._pairing is None else Quantised.restored(arrays, "projected")
        return index

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that was counted and learned, before anything was added."""
        found = self._words.arrays()
        found |= {} if self._cells is None else self._cells.arrays()
        if self._pairing is not None and self._projected is not None:
            found |= self._pairing.arrays() | self._projected.arrays("projected")
        return found

    def add(self, text: str) -> None:
        """Add one text; it is found from now on as if it had been there when the index was built, but for what was learned then."""
        place = len(self._vectors)
        self._words.add(text)
        self._vectors.add(text)
        if self._cells is not None:
            self._cells.add(place)
        elif place >= _MOST_SCANNED:
            self._cells = Cells(self._vectors)
        if self._pairing is not None and self._projected is not None:
            self._projected.add(self._pairing.project([words(text)], self._vectors.whole(np.array([place])))[0])

    def weigh(self, text: str, times: int) -> None:
        """Let a text that was added count no longer (-1), or again (1): words are as rare as they are among the texts that count."""
        self._words.weigh(text, times)

    def nearest(self, queries: Sequence[str], weights: Weights = DEFAULT) -> Iterator[Found]:
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
                weight = weights.answers * known
                likeness = (1 - weight) * level + weight * answered
            kept = _highest(likeness, _CANDIDATES)
            yield Found(texts[kept], likeness[kept].astype(np.float32), level[kept].astype(np.float32))

    def _learnt(self, texts: Sequence[str], answer: Callable[[int], str]) -> Pairing | None:
        some = np.unique(np.linspace(0, len(texts) - 1, MOST_PROBLEMS).astype(int)) if texts else ()
        told = {int(at): words(said) for at in some if (said := answer(int(at)))}
        meanings = self._vectors.whole(np.array(list(told), np.intp))
        return learn([words(texts[at]) for at in told], meanings, list(told.values()))

    def _project(self, pairing: Pairing) -> NDArray[np.float32]:
        bags = self._words.bags(list(pairing.vocabulary))
        blocks = (slice(start, start + _BLOCK) for start in range(0, len(self._vectors), _BLOCK))
        return np.concatenate([pairing.foretell(bags[block], self._vectors.whole(block)) for block in blocks])


class Bm25:
    """Okapi BM25, scaled so that a text of average length scores 1 against itself; `exact` takes words as they are written.

    Only counts are kept, and weighed when something is asked: a text that is added changes what all others are worth.
    """

    def __init__(self, texts: Sequence[str], split: Callable[[str], list[str]], *, exact: bool = False) -> None:
        self._split = split
        self._vocabulary: dict[str, int] = {}
        columns, rows, counts = self._count(texts)
        self._postings = Postings(columns, rows, counts)
        self._lengths = Column(np.bincount(rows, weights=counts, minlength=len(texts)).astype(np.float32))
        self._total, self._live = float(self._lengths.values.sum()), len(texts)
        self._frequency = Column(np.bincount(columns, minlength=len(self._vocabulary)).astype(np.int32))
        self._slowness: NDArray[np.float32] | None = None
        self._spelling = Spelling([] if exact else list(self._vocabulary))
        self._exact = exact

    @classmethod
    def restored(cls, arrays: Arrays, split: Callable[[str], list[str]]) -> Bm25:
        """Return what `arrays` gave."""
        index = cls([], split)
        terms = unpacked(arrays, "vocabulary")
        index._vocabulary = {term: at for at, term in enumerate(terms)}
        index._postings = Postings.restored(arrays, "words")
        index._lengths, index._frequency = Column(arrays["lengths"]), Column(arrays["frequency"])
        index._total, index._live = float(arrays["lengths"].sum()), len(arrays["lengths"])
        index._spelling = Spelling(terms)
        return index

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all counts, of texts that all count."""
        counts = {"lengths": self._lengths.values, "frequency": self._frequency.values}
        return packed("vocabulary", list(self._vocabulary)) | self._postings.arrays("words") | counts

    def add(self, text: str) -> None:
        """Add one text."""
        terms = Counter(self._split(text))
        place = self._lengths.append(terms.total())
        for term, count in terms.items():
            if term not in self._vocabulary:
                self._vocabulary[term] = self._frequency.append(0)
                if not self._exact:
                    self._spelling.add(term)
            self._postings.add(self._vocabulary[term], place, count)
        self.weigh(text, 1)

    def weigh(self, text: str, times: int) -> None:
        """Let a text count no longer (-1), or again (1)."""
        terms = Counter(self._split(text))
        self._live += times
        self._total += times * terms.total()
        self._slowness = None
        for term in terms:
            self._frequency.values[self._vocabulary[term]] += times

    def scores(self, query: str) -> tuple[NDArray[np.float32], float]:
        """Return (texts,) scores that forgive typing errors, endings and abbreviations, and the share of terms that could be placed."""
        terms = sorted(set(self._split(query)))
        meant = [self._meant(term) for term in terms]
        best = sum(max((self._rarity(at) * weight for at, weight in one.items()), default=0.0) for one in meant)
        weights: dict[int, float] = {}
        for one in meant:
            for at, weight in one.items():
                weights[at] = max(weights.get(at, 0.0), weight * self._rarity(at))
        scores = self._sum(weights) / np.float32(max(best, 1e-9))
        return scores, sum(1 for one in meant if one) / max(len(terms), 1)

    def bags(self, terms: Sequence[str]) -> csr_matrix:
        """Return (texts, terms): whether a text holds a term."""
        from scipy.sparse import csc_matrix

        holding = [self._postings.of(self._vocabulary[term])[0] for term in terms]
        ends = np.cumsum([0, *(len(texts) for texts in holding)])
        texts = np.concatenate(holding)
        return csc_matrix((np.ones(len(texts), np.float32), texts, ends), shape=(len(self._lengths), len(terms))).tocsr()

    def _meant(self, term: str) -> dict[int, float]:
        known = self._vocabulary.get(term)
        counting = ((at, weight) for at, weight in self._spelling.alike(term).items() if self._frequency.values[at])
        alike = {at: _OTHER_SPELLING * weight for at, weight in counting}
        if known is None or not self._frequency.values[known]:
            return {at: weight / _OTHER_SPELLING for at, weight in alike.items()}
        return alike | {known: 1.0}

    def _rarity(self, term: int) -> float:
        """Return the inverse document frequency."""
        frequency = int(self._frequency.values[term])
        return math.log1p((self._live - frequency + 0.5) / (frequency + 0.5))

    def _sum(self, weights: dict[int, float]) -> NDArray[np.float32]:
        """Return the weighted sum of the terms' texts; the most frequent terms are left out once enough texts were looked at."""
        scores = np.zeros(len(self._lengths), np.float32)
        slowness, left = self._saturation(), _MOST_POSTINGS
        for at in sorted(weights, key=lambda at: -weights[at]):
            left -= self._postings.length(at)
            if left < 0 and left + self._postings.length(at) < _MOST_POSTINGS:
                break
            texts, counts = self._postings.of(at)
            scores[texts] += np.float32(weights[at] * (_K1 + 1)) * (counts / (counts + slowness[texts]))
        return scores

    def _saturation(self) -> NDArray[np.float32]:
        """Return of each text what a count must reach to be worth half: more for a text longer than the others."""
        if self._slowness is None:
            average = max(self._total / max(1, self._live), 1e-9)
            self._slowness = (_K1 * (1 - _B) + _K1 * _B / np.float32(average) * self._lengths.values).astype(np.float32)
        return self._slowness

    def _count(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.intp]]:
        """Return term, text and how often, of each term in each text; new terms join the vocabulary."""
        found, lengths = array("i"), array("i")
        for text in texts:
            terms = self._split(text)
            found.extend([self._vocabulary.setdefault(term, len(self._vocabulary)) for term in terms])
            lengths.append(len(terms))
        rows = np.repeat(np.arange(len(lengths)), np.array(lengths, np.int32))
        met, counts = np.unique(np.array(found, np.int64) * max(1, len(lengths)) + rows, return_counts=True)
        columns, rows = np.divmod(met, max(1, len(lengths)))
        return columns.astype(np.int32), rows.astype(np.int32), counts


def _highest(values: NDArray[Any], count: int) -> NDArray[np.intp]:
    if len(values) <= count:
        return np.arange(len(values))
    return np.argpartition(-values, count)[:count]
