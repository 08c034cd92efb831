"""Words that mean the same to a maintenance man: typing errors, endings, abbreviations.

An unknown word is compared with the words that the memory knows, not with every text: there are far fewer of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.growing import Column, Postings
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
        self._words: list[str] = []
        self._by_letter: dict[str, list[int]] = {}
        self._known: dict[str, dict[int, float]] = {}
        groups = [set(grams(word)) for word in vocabulary]
        self._grams: dict[str, int] = {}
        held = np.array([self._grams.setdefault(gram, len(self._grams)) for group in groups for gram in group], np.int32)
        sizes = np.array([len(group) for group in groups], np.int32)
        self._by_gram = Postings(held, np.repeat(np.arange(len(groups), dtype=np.int32), sizes), np.ones(len(held)))
        self._sizes = Column(sizes.astype(np.float32))
        for word in vocabulary:
            self._file(word)

    def add(self, word: str) -> None:
        """Add the next word of the vocabulary."""
        group = set(grams(word))
        place = self._sizes.append(len(group))
        for gram in group:
            self._by_gram.add(self._grams.setdefault(gram, len(self._grams)), place)
        self._file(word)
        self._known.clear()

    def alike(self, word: str) -> dict[int, float]:
        """Return position in the vocabulary -> how alike, 0 to 1, of the words that may be meant."""
        if word not in self._known:
            if len(self._known) > 100_000:
                self._known.clear()
            found = self._by_letters(word) | dict.fromkeys(self._abbreviating(word), _ABBREVIATED)
            best = sorted(found.items(), key=lambda one: (-one[1], self._words[one[0]]))[:_MOST_WORDS]
            self._known[word] = dict(best)
        return self._known[word]

    def _file(self, word: str) -> None:
        self._by_letter.setdefault(word[:1], []).append(len(self._words))
        self._words.append(word)

    def _by_letters(self, word: str) -> dict[int, float]:
        asked = set(grams(word))
        rows = [self._grams[gram] for gram in asked if gram in self._grams]
        if not rows or word.isdigit():
            return {}
        touched = np.concatenate([self._by_gram.of(row)[0] for row in rows])
        candidates, shared = np.unique(touched, return_counts=True)
        likeness: NDArray[np.float64] = 2 * shared / (len(asked) + self._sizes.values[candidates])
        kept = np.flatnonzero(likeness >= _LEAST_LIKENESS)
        return {int(candidates[at]): float(likeness[at] ** 2) for at in kept}

    def _abbreviating(self, word: str) -> list[int]:
        if len(word) < 2 or not word.isalpha() or not word.isascii():
            return []
        others = ((at, self._words[at]) for at in self._by_letter.get(word[0], ()))
        return [at for at, other in others if is_abbreviation(word, other) or is_abbreviation(other, word)]


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
