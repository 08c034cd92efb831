"""The index of a large memory on disk, so that it opens in seconds: what was counted and learned of its texts when it was built.

The memory has gone on since. Texts that came are added as a running memory adds them, those that nobody says any more count no longer, and
where there are many of either the index is built anew. The file is written aside and put in place at once: who reads while another writes
reads one of the two, whole. It holds texts of cases, those of an import that was taken back too until it is written anew.
"""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.arrays import Arrays, packed, unpacked
from inspector.knowledge.embedding import DIMENSIONS, Embedder
from inspector.knowledge.search import TextIndex
from inspector.knowledge.words import words

_log = logging.getLogger(__name__)

FEWEST_TEXTS = 5_000
"""Fewer are counted in seconds."""
MOST_CHANGED = 0.02
"""Share of the texts that may have come or gone: each costs a millisecond, and what was learned of all problems is as old as the file."""
_VERSION = 1
"""To be raised when the meaning of what is kept changes."""
_PROBE = "Belt-slip at 3.5 m/s, ÜBER 皮带打滑 ﬁlter"
"""How this is cut into words must be what it was."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An index as it was, and what has changed since."""

    places: dict[str, int]
    """All texts: those of the index at their places in it, then those that came."""
    came: Sequence[str]
    went: Sequence[str]
    arrays: Arrays

    def index(self, embedder: Embedder) -> TextIndex:
        """Return the index as it is now."""
        texts = list(self.places)
        index = TextIndex.restored(self.arrays, texts[: len(texts) - len(self.came)], embedder)
        embedder.rows(self.came)  # many at once are quicker than one by one
        for text in self.came:
            index.add(text)
        for text in self.went:
            index.weigh(text, -1)
        return index


class IndexFile:
    """Where the index of a memory is kept; without a path nothing is."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self, texts: Mapping[str, int]) -> Snapshot | None:
        """Return the index if it is there, whole, of this version, and of nearly these texts."""
        arrays = self._arrays()
        if arrays is None:
            return None
        kept = unpacked(arrays, "texts")
        places = {text: place for place, text in enumerate(kept)}
        came, went = [text for text in texts if text not in places], [text for text in kept if text not in texts]
        if len(came) + len(went) > MOST_CHANGED * len(kept):
            _log.info("%s: %d texts came and %d went; the index is built anew", self._path, len(came), len(went))
            return None
        places.update((text, len(kept) + number) for number, text in enumerate(came))
        return Snapshot(places, came, went, arrays)

    def write(self, texts: Sequence[str], index: TextIndex) -> None:
        """Keep an index that was just built, if it is worth it. A folder that cannot be written costs time at the next start, no more."""
        if self._path is None or len(texts) < FEWEST_TEXTS:
            return
        scratch = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with scratch.open("wb") as file:
                arrays: dict[str, Any] = {"head": _head(), **packed("texts", texts), **index.arrays()}
                np.savez(file, **arrays)
            scratch.replace(self._path)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            _log.warning("%s: cannot be written, the index will be built again at the next start: %s", self._path, error.strerror)

    def _arrays(self) -> Arrays | None:
        if self._path is None or not self._path.is_file():
            return None
        try:
            with self._path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                if "head" not in file or str(file["head"]) != str(_head()):
                    _log.info("%s: is of another version; the index is built anew", self._path)
                    return None
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            _log.warning("%s: cannot be read, the index is built anew: %s", self._path, error)
            return None


def _head() -> NDArray[np.str_]:
    return np.array(f"{_VERSION} {DIMENSIONS} {' '.join(words(_PROBE))}")
