"""Words that mean the same to a maintenance man: typing errors, endings, abbreviations.

An unknown word is compared with the words that the memory knows, not with every text: there are far fewer of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.words import grams

_LEAST_LIKENESS = 0.55
"""Shared letter groups below this are another word: "intake" and "intact" share 0.54."""

_MOST_WORDS = 12
_ABBREVIATED = 0.6
"""What a likely abbreviation counts beside the word itself."""
_LONGEST_ABBREVIATION = 0.6
"""Of the word's letters."""


class Spelling:
    """The words of an index, found again when they are written a little differently."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        from scipy.sparse import csr_matrix

        self._grams: dict[str, int] = {}
        groups = [set(grams(word)) for word in vocabulary]
        rows = [self._grams.setdefault(gram, len(self._grams)) for group in groups for gram in group]
        columns = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        shape = (max(1, len(self._grams)), len(groups))
        self._by_gram = csr_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=shape)
        self._sizes = np.array([len(group) for group in groups], np.float32)
        self._by_letter: dict[str, list[tuple[str, int]]] = {}
        for at, word in enumerate(vocabulary):
            self._by_letter.setdefault(word[:1], []).append((word, at))
        self._known: dict[str, dict[int, float]] = {}

    def alike(self, word: str) -> dict[int, float]:
        """Return position in the vocabulary -> how alike, 0 to 1, of the words that may be meant."""
        if word not in self._known:
            if len(self._known) > 100_000:
                self._known.clear()
            found = self._by_letters(word) | dict.fromkeys(self._abbreviating(word), _ABBREVIATED)
            best = sorted(found.items(), key=lambda one: -one[1])[:_MOST_WORDS]
            self._known[word] = dict(best)
        return self._known[word]

    def _by_letters(self, word: str) -> dict[int, float]:
        asked = set(grams(word))
        rows = [self._grams[gram] for gram in asked if gram in self._grams]
        if not rows or word.isdigit():
            return {}
        pointers, columns = self._by_gram.indptr, self._by_gram.indices
        touched = np.concatenate([columns[pointers[row] : pointers[row + 1]] for row in rows])
        candidates, shared = np.unique(touched, return_counts=True)
        likeness: NDArray[np.float64] = 2 * shared / (len(asked) + self._sizes[candidates])
        kept = np.flatnonzero(likeness >= _LEAST_LIKENESS)
        return {int(candidates[at]): float(likeness[at] ** 2) for at in kept}

    def _abbreviating(self, word: str) -> list[int]:
        if len(word) < 2 or not word.isalpha() or not word.isascii():
            return []
        of_letter = self._by_letter.get(word[0], [])
        return [at for other, at in of_letter if is_abbreviation(word, other) or is_abbreviation(other, word)]


def is_abbreviation(short: str, word: str) -> bool:
    """Say whether a technician would write `short` for `word`: its beginning ("temp"), or its consonants in order ("brg", "vlv")."""
    if len(short) < 2 or len(word) < 4 or len(short) > _LONGEST_ABBREVIATION * len(word):
        return False
    if len(short) >= 3 and word.startswith(short):
        return True
    if any(letter in "aeiou" for letter in short[1:]):
        return False
    letters = iter(word)
    return len(short) >= 3 and short[0] == word[0] and all(letter in letters for letter in short)
