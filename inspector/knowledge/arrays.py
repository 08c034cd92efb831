"""What an index is made of, as named arrays that a file can keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def packed(name: str, texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return texts as bytes, and where each ends."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    ends = np.cumsum([0, *(len(part) for part in parts)])
    return {name: np.frombuffer(b"".join(parts), np.uint8), f"{name}_ends": ends}


def unpacked(arrays: Arrays, name: str) -> list[str]:
    """Return what was packed."""
    whole = arrays[name].tobytes()
    return [whole[start:end].decode("utf-8", "surrogatepass") for start, end in pairwise(arrays[f"{name}_ends"].tolist())]
