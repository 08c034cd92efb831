"""What problems like this one were answered with: a map from the words and the meaning of a problem to the words of its action.

Two problems that were answered alike are alike, however they are worded. Ridge regression from a problem (its words, its sentence
embedding) to the words of what was done, weighed as in a search (inverse document frequency); similarity is the cosine of what is foretold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.arrays import Arrays, packed, unpacked

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LEAST_PROBLEMS = 200
"""Fewer teach nothing."""

MOST_PROBLEMS = 5_000
_MOST_WORDS = 1_500
_DIMENSIONS = 96
_SHRINKAGE = 3.0
_MEANING_WEIGHT = 3.0
"""A sentence embedding has length 1, a problem of nine words has length 3."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """A learned map; `project` gives vectors of length 1 to compare."""

    vocabulary: dict[str, int]
    of_words: NDArray[np.float32]
    of_meaning: NDArray[np.float32]
    constant: NDArray[np.float32]

    @classmethod
    def restored(cls, arrays: Arrays) -> Pairing:
        """Return what `arrays` gave."""
        vocabulary = {word: at for at, word in enumerate(unpacked(arrays, "pairing_vocabulary"))}
        return cls(vocabulary, *(arrays[f"pairing_{part}"] for part in ("of_words", "of_meaning", "constant")))

    def arrays(self) -> dict[str, NDArray[Any]]:
        parts = {f"pairing_{part}": getattr(self, part) for part in ("of_words", "of_meaning", "constant")}
        return packed("pairing_vocabulary", list(self.vocabulary)) | parts

    def project(self, problems: Sequence[Sequence[str]], meanings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (problems, dimensions), given each problem's words and its sentence embedding."""
        return self.foretell(_bags([sorted(set(one)) for one in problems], self.vocabulary), meanings)

    def foretell(self, bags: csr_matrix, meanings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (problems, dimensions), given which words of the vocabulary each problem holds."""
        told: NDArray[np.float32] = bags @ self.of_words + meanings @ self.of_meaning + self.constant
        told /= np.maximum(np.linalg.norm(told, axis=1, keepdims=True), 1e-9)
        return told


def learn(problems: Sequence[Sequence[str]], meanings: NDArray[np.float32], actions: Sequence[Sequence[str]]) -> Pairing | None:
    """Learn from problems (words and embedding) and what was done (all words of their actions); None where there are too few.

    A problem that was met often counts for as many words as were written down about it.
    """
    if len(problems) < LEAST_PROBLEMS:
        return None
    vocabulary, answered = _frequent(problems), _frequent(actions)
    if not vocabulary or not answered:
        return None
    told = _bags(actions, answered).toarray()
    weights = np.maximum(told.sum(axis=1), 1.0)
    rarity = np.log(len(told) / np.maximum((told > 0).sum(axis=0), 1))
    told *= np.sqrt(rarity).astype(np.float32)
    told /= np.maximum(np.linalg.norm(told, axis=1, keepdims=True), 1e-9)
    inputs = np.hstack([_bags([sorted(set(one)) for one in problems], vocabulary).toarray(), _MEANING_WEIGHT * meanings])
    return _fit(inputs, told, weights / weights.mean(), vocabulary)


def _fit(inputs: NDArray[np.float32], told: NDArray[np.float32], weights: NDArray[np.float32], vocabulary: dict[str, int]) -> Pairing:
    from scipy.linalg import solve

    middle, told_middle = np.average(inputs, 0, weights), np.average(told, 0, weights)
    inputs, told = inputs - middle, told - told_middle
    weighed = inputs * weights[:, None]
    gram = weighed.T @ inputs
    gram[np.diag_indices_from(gram)] += _SHRINKAGE
    slopes = solve(gram, weighed.T @ told, assume_a="pos")
    # Most words of actions go together; the leading directions of what is foretold keep nearly all of a cosine.
    foretold = inputs @ slopes + told_middle
    values, directions = np.linalg.eigh(foretold.T @ foretold)
    leading = directions[:, np.argsort(-values)[:_DIMENSIONS]]
    constant = (told_middle - middle @ slopes) @ leading
    slopes, count = (slopes @ leading).astype(np.float32), len(vocabulary)
    return Pairing(vocabulary, slopes[:count], _MEANING_WEIGHT * slopes[count:], constant.astype(np.float32))


def _frequent(texts: Sequence[Sequence[str]]) -> dict[str, int]:
    counts = Counter(word for text in texts for word in set(text))
    kept = sorted(word for word, count in counts.most_common(_MOST_WORDS) if count > 1)
    return {word: at for at, word in enumerate(kept)}


def _bags(texts: Sequence[Sequence[str]], vocabulary: dict[str, int]) -> csr_matrix:
    """Return (texts, vocabulary): how often each word is there."""
    from scipy.sparse import csr_matrix

    rows = [row for row, text in enumerate(texts) for word in text if word in vocabulary]
    columns = [vocabulary[word] for text in texts for word in text if word in vocabulary]
    return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(texts), len(vocabulary)))
