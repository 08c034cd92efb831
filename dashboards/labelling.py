"""The door to labels: which parts to look at next, what people say they are, and all of it as a folder to learn from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from dashboards import people, queries
from inspector.home import Home
from inspector.store import StoredInspection

if TYPE_CHECKING:
    from inspector.review import Candidate


def queue(station: str) -> list[Candidate]:
    """Return the parts to look at next, the one of which the model would learn most first."""
    from inspector import review  # it reads pictures: not for the pages that need none

    return review.queue(queries.store(), station)


def kinds(stored: StoredInspection) -> list[str]:
    """Return the kinds of defects that this part may have: those that its line has shown, and those of the catalogue."""
    seen = queries.frequent("kind", stored.summary.station)
    return list(dict.fromkeys([*seen, *queries.catalogue().defects]))


def causes(stored: StoredInspection) -> list[str]:
    """Return the causes that may be behind a part, the likeliest first."""
    ranked = [cause["name"] for cause in stored.document.get("causes", [])]
    known = queries.catalogue().by_name
    return list(dict.fromkeys([*(name for name in ranked if name in known), *known]))


def keep(stored: StoredInspection, kind: str, cause: str | None, note: str) -> None:
    """Keep what whoever is here says a part really is. Raises AccessError, StoreError."""
    who = people.demand("operator", stored.summary.station)
    queries.store().add_label(stored.summary.inspection_id, kind, cause, who, note.strip() or None)


def labelled() -> int:
    """Return how many parts anybody labelled."""
    return len(queries.store().labelled_ids())


def export() -> tuple[Path, int]:
    """Write all labels that people agree on as a labelled parts folder of the installation; return it, and how many parts it has.

    Raises AccessError for all but engineers, StoreError.
    """
    from inspector import review

    people.demand("engineer")

    folder = Home.at(None).root / "labelled-parts" / time.strftime("%Y%m%d-%H%M%S")
    return folder, review.export(queries.store(), folder)
