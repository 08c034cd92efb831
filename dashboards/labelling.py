"""The door to labels: which parts to look at next, what people say they are, and all of it as a folder to learn from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from PIL import Image
from pydantic import Field

from dashboards import people, queries
from dashboards.sent import Sent
from inspector.home import Home
from inspector.parts import Mask
from inspector.store import DrawnMask, StoredInspection
from inspector.store.masks import mask_of, pixels_of

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


class SentMask(Sent):
    """A drawing as it comes from a screen."""

    inspection_id: str
    camera: Annotated[str, Field(min_length=1, max_length=120)]
    width_px: Annotated[int, Field(ge=1, le=20_000)]
    height_px: Annotated[int, Field(ge=1, le=20_000)]
    runs: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=200_000)]


def keep_mask(sent: SentMask) -> None:
    """Keep where whoever is here drew the defect. Raises LookupError for no such picture, ValueError, AccessError, StoreError."""
    stored = queries.inspection(sent.inspection_id)
    path = queries.picture_file(sent.inspection_id, sent.camera)
    if stored is None or path is None:
        raise LookupError(sent.inspection_id)
    who = people.demand("operator", stored.summary.station)
    with Image.open(path) as picture:
        size_px = picture.size
    if size_px != (sent.width_px, sent.height_px) or sum(sent.runs) != sent.width_px * sent.height_px:
        raise ValueError(f"runs: a mask of this picture has {size_px[0]} x {size_px[1]} px")
    queries.store().add_mask(sent.inspection_id, sent.camera, Mask(size_px, tuple(sent.runs)), who)


def masks(stored: StoredInspection) -> dict[str, DrawnMask]:
    """Return where people say the defect of a part is, by camera."""
    return queries.store().masks(stored.summary.inspection_id)


def proposed_runs(stored: StoredInspection, camera: str) -> list[int] | None:
    """Return the regions that the model found on a picture as one mask; None where it found none."""
    with Image.open(queries.pictures(stored)[camera]) as picture:
        width, height = picture.size
    found = [defect["mask"] for defect in stored.document.get("defects", []) if defect.get("mask") and defect.get("camera") == camera]
    drawn = [pixels_of(Mask((width, height), tuple(mask["counts"]))) for mask in found if mask["size"] == [height, width]]
    return list(mask_of(np.maximum.reduce(drawn)).runs) if drawn else None


def labelled(station: str) -> int:
    """Return of how many parts of a station anybody said what they are."""
    return len(queries.store().all_said(station))


def export(station: str) -> tuple[Path, int]:
    """Write what people agree on of a station's parts as a labelled parts folder; return it, and how many parts it has.

    Raises AccessError for all but engineers, StoreError.
    """
    from inspector import review

    people.demand("engineer", station)

    folder = Home.at(None).root / "labelled-parts" / time.strftime("%Y%m%d-%H%M%S")
    return folder, review.export(queries.store(), folder, of=station)
