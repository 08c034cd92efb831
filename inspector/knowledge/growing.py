"""What is built of a million entries at once and then grows by one at a time, without being built again."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.arrays import Arrays


class Column:
    """Numbers, or rows of numbers, with room for more."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._held, self._size = values, len(values)

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        """All of them; writing into it writes them."""
        return self._held[: self._size]

    def append(self, value: Any) -> int:
        """Add one at the end; return its place."""
        if self._size == len(self._held):
            room = np.empty((max(16, self._size // 2), *self._held.shape[1:]), self._held.dtype)
            self._held = np.concatenate([self._held, room])
        self._held[self._size] = value
        self._size += 1
        return self._size - 1


class Postings:
    """Which items hold a key, and how often (at most 255 times). What came later stands beside what was there."""

    def __init__(self, keys: NDArray[np.int32], items: NDArray[np.int32], counts: NDArray[Any]) -> None:
        order = np.argsort(keys, kind="stable")
        self._items, self._counts = items[order], np.minimum(counts, 255).astype(np.uint8)[order]
        self._starts = np.searchsorted(keys[order], np.arange(int(keys.max(initial=-1)) + 2))
        self._later: dict[int, tuple[array[int], array[int]]] = {}

    @classmethod
    def restored(cls, arrays: Arrays, name: str) -> Postings:
        """Return what `arrays` gave."""
        postings = cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))
        postings._items, postings._counts, postings._starts = (arrays[f"{name}_{part}"] for part in ("items", "counts", "starts"))
        return postings

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return all of it, before anything was added."""
        return {f"{name}_items": self._items, f"{name}_counts": self._counts, f"{name}_starts": self._starts}

    def add(self, key: int, item: int, count: int = 1) -> None:
        items, counts = self._later.setdefault(key, (array("i"), array("B")))
        items.append(item)
        counts.append(min(count, 255))

    def length(self, key: int) -> int:
        """Return how many items hold a key."""
        before = int(self._starts[key + 1] - self._starts[key]) if key + 1 < len(self._starts) else 0
        return before + (len(self._later[key][0]) if key in self._later else 0)

    def of(self, key: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the items that hold a key, and how often."""
        start, stop = self._starts[key : key + 2] if key + 1 < len(self._starts) else (0, 0)
        items, counts = self._items[start:stop], self._counts[start:stop]
        if key not in self._later:
            return items, counts
        later_items, later_counts = self._later[key]
        return np.concatenate([items, np.array(later_items, np.int32)]), np.concatenate([counts, np.array(later_counts, np.uint8)])
