"""The parts of a replay as a page looks at them: judged in one way or in two, filtered to what interests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inspector.parts import NOT_MEASURED
from inspector.store.replays import Side


@dataclass(frozen=True, slots=True)
class Row:
    """One part of a replay."""

    number: int
    """Its place in the recording, counted from 0."""
    t_s: float
    """From the first part's trigger."""
    documents: tuple[Mapping[str, Any], ...]
    """As one way of judging has it, and as the other where there are two."""
    differs: tuple[str, ...] = ()
    truth: str | None = None
    mistakes: tuple[str | None, ...] = ()

    @property
    def part_id(self) -> str:
        return str(self.documents[0]["part_id"])

    def of(self, side: Side) -> Mapping[str, Any]:
        """Return what one way of judging says."""
        return self.documents[0 if side == "before" else -1]

    def kind(self, side: Side) -> str | None:
        """Return the first defect of a part that did not pass."""
        document = self.of(side)
        return document["defects"][0]["kind"] if document["defects"] and document["outcome"] != "pass" else None

    def mistake(self, side: Side) -> str | None:
        """Return `escape` or `reject` where one way of judging was wrong, as far as anybody knows."""
        made = self.mistakes[0 if side == "before" else -1] if self.mistakes else None
        return made if made in ("escape", "reject") else None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which parts to look at."""

    keeps: Callable[[Row], bool]
    needs_two: bool = False
    """It asks for two ways of judging."""


FILTERS: Mapping[str, Filter] = {
    "all_parts": Filter(lambda row: True),  # noqa: ARG005  the signature is the point
    "not_passed_parts": Filter(lambda row: any(document["outcome"] != "pass" for document in row.documents)),
    "changed_parts": Filter(lambda row: "outcome" in row.differs, needs_two=True),
    "recaused_parts": Filter(lambda row: "cause" in row.differs or "kind" in row.differs, needs_two=True),
    "wrong_parts": Filter(lambda row: row.mistake("before") is not None or row.mistake("after") is not None, needs_two=True),
    "incomplete_parts": Filter(lambda row: any(document["condition"]["degraded"] for document in row.documents)),
    "uncaused_parts": Filter(lambda row: any(_uncaused(document) for document in row.documents)),
}


def rows_of(document: Mapping[str, Any]) -> list[Row]:
    """Return the parts of a kept replay in order."""
    parts, times = document["parts"], document.get("times_s", [])
    after = document.get("after", [])
    told = document["compare"]["parts"] if "compare" in document else [{"number": number} for number in range(len(parts))]
    return [
        Row(
            number=int(about["number"]),
            t_s=float(times[index]) if index < len(times) else float(index),
            documents=(part, after[index]) if index < len(after) else (part,),
            differs=tuple(about.get("differs", ())),
            truth=about.get("truth"),
            mistakes=tuple(about.get("mistake", ())),
        )
        for index, (part, about) in enumerate(zip(parts, told, strict=True))
    ]


def _uncaused(document: Mapping[str, Any]) -> bool:
    causes = document.get("causes")
    return document["outcome"] != "pass" and (not causes or causes[0]["name"] == NOT_MEASURED)
