"""The installation that a command works on: its store, seeded with what ships, its memory of fixes and its catalogue of causes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inspector.home import Home

if TYPE_CHECKING:
    from inspector.diagnosis import Catalogue
    from inspector.knowledge import Memory
    from inspector.store import Store

_EMBEDDINGS = "knowledge/embeddings.npz"


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


def open_memory(store: Store, home: Path | None) -> Memory:
    """Return the memory of all that the store knows; embeddings of texts are kept under the home."""
    from inspector.knowledge import Memory

    return Memory(store.fixes(), store.cases(), Home.at(home).root / _EMBEDDINGS)


def open_catalogue(store: Store, home: Path | None) -> Catalogue:
    """Return the shipped causes with what this installation adds, moved by what its people confirmed. Raises ConfigError."""
    from inspector.diagnosis import Experience, load_catalogue

    confirmed = ((case.cause, case.looked_for, case.defect) for case in store.confirmed_causes())
    place = Home.at(home)
    return Experience.of(confirmed).taught(load_catalogue(None, place.imported_causes, place.causes))
