"""The installation that a command works on: its store, seeded with what ships, its memory of fixes and its catalogue of causes."""

from __future__ import annotations

import gc
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.errors import ConfigError
from inspector.home import Home, shipped

if TYPE_CHECKING:
    from inspector.config import Station
    from inspector.diagnosis import Catalogue
    from inspector.knowledge import Memory
    from inspector.knowledge.limits import Limits
    from inspector.store import KnowledgeMark, Store

_log = logging.getLogger(__name__)

_EMBEDDINGS = "knowledge/embeddings"
_MANY_CASES = 100_000
_LEARNED_AT_ONCE = 20
"""New cases that one part waits for: a new text takes some milliseconds. An import is learned over many parts."""


def open_store(home: Path | None, *, demonstration: bool = False) -> Store:
    """Open the store of an installation; a new one is created and knows the shipped fixes. Raises StoreError.

    `demonstration` adds the shipped example cases, which are nobody's experience and have no place in a real plant's figures.
    """
    from inspector.knowledge.seed import SEED_SOURCE, load_seed
    from inspector.store import Store

    store = Store.open(Home.at(home))
    fixes, examples = load_seed()
    store.seed_knowledge(fixes, examples if demonstration else [], SEED_SOURCE)
    return store


def open_memory(store: Store, home: Path | None, station: Station | None = None) -> Memory:
    """Return the memory of all that the store knows, within the safe limits of its stations; embeddings are kept under the home.

    `station` is one whose file is at hand: what the file says counts for more than what the store has kept of it.
    """
    from inspector.knowledge import Memory

    cases = store.cases()
    own = {station.station: station.setting_limits} if station else {}
    memory = Memory(store.fixes(), cases, Home.at(home).root / _EMBEDDINGS, station_limits(store) | own)
    if len(cases) >= _MANY_CASES:
        gc.freeze()  # they stay: each walk of the garbage collector through a million cases would hold up a part for seconds
    return memory


class Knowledge:
    """The memory and the causes of an installation, which go on learning from what its people say."""

    def __init__(self, store: Store, home: Path | None, station: Station | None = None) -> None:
        self._store, self._home, self._station = store, home, station
        self._known, self.memory, self.catalogue = self._opened()

    def keep_up(self) -> bool:
        """Learn what became known since, or a bounded part of it; say whether there was anything."""
        known, now = self._known, self._store.knowledge_mark()
        if now == known:
            return False
        if (now.undone_utc_ns, now.fixes) != (known.undone_utc_ns, known.fixes):
            # Something was taken out, or can be done that could not: seldom, and by an engineer.
            self._known, self.memory, self.catalogue = self._opened()
            return True
        cases, learned = self._store.cases_since(known, _LEARNED_AT_ONCE)
        self._known = replace(learned, causes_named=now.causes_named)
        for case in cases:
            self.memory.learn(case)
        self.catalogue = open_catalogue(self._store, self._home)
        return True

    def _opened(self) -> tuple[KnowledgeMark, Memory, Catalogue]:
        known = self._store.knowledge_mark()  # before the cases are read: one that comes in between is learned twice, and not never
        return known, open_memory(self._store, self._home, self._station), open_catalogue(self._store, self._home)


def station_limits(store: Store) -> dict[str, Limits]:
    """Return the safe limits of every known station: those that ran, as they last did, and those whose file lies with the shipped ones."""
    from inspector.config import load_station, station_files

    known: dict[str, Limits] = {}
    for path in station_files(shipped("stations/definitions")):
        try:
            station = load_station(path, calibrated=False)
        except ConfigError as error:
            _log.warning("%s; its safe limits are not known until it is mended", error)
        else:
            known[station.station] = station.setting_limits
    return known | store.limits()


def open_catalogue(store: Store, home: Path | None) -> Catalogue:
    """Return the shipped causes with what this installation adds, moved by what its people confirmed. Raises ConfigError."""
    from inspector.diagnosis import Experience, load_catalogue

    confirmed = ((case.cause, case.looked_for, case.defect) for case in store.confirmed_causes())
    place = Home.at(home)
    return Experience.of(confirmed).taught(load_catalogue(None, place.imported_causes, place.causes))
