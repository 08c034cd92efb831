"""The installation that a command works on: its store, seeded with what ships, its memory of fixes and its catalogue of causes."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.home import Home

if TYPE_CHECKING:
    from inspector.config import Station
    from inspector.diagnosis import Catalogue
    from inspector.knowledge import Memory
    from inspector.store import Store

_EMBEDDINGS = "knowledge/embeddings.npz"
_MANY_CASES = 100_000


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
    """Return the memory of all that the store knows, within the safe limits of `station`; embeddings are kept under the home."""
    from inspector.knowledge import Memory

    cases = store.cases()
    limits = {station.station: station.setting_limits} if station else {}
    memory = Memory(store.fixes(), cases, Home.at(home).root / _EMBEDDINGS, limits)
    if len(cases) >= _MANY_CASES:
        gc.freeze()  # they stay: each walk of the garbage collector through a million cases would hold up a part for seconds
    return memory


def open_catalogue(store: Store, home: Path | None) -> Catalogue:
    """Return the shipped causes with what this installation adds, moved by what its people confirmed. Raises ConfigError."""
    from inspector.diagnosis import Experience, load_catalogue

    confirmed = ((case.cause, case.looked_for, case.defect) for case in store.confirmed_causes())
    place = Home.at(home)
    return Experience.of(confirmed).taught(load_catalogue(None, place.imported_causes, place.causes))
