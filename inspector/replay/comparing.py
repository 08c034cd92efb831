"""The same recorded parts judged in two ways: where they differ, and what each way would have cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from inspector.config import CostsConfig
from inspector.parts import OK_LABEL, Inspection, Outcome, Verdict
from inspector.store.recordings import PartIndex, read_parts

Mistake = Literal["escape", "reject", "review"]

NO_PRICES = CostsConfig(escape=1, reject=1, review=1)
"""Where nobody said what a mistake costs, mistakes are counted: each costs 1."""
SMALL_CHANGE = 0.005
"""Scores closer than this are called the same."""


def mistake(outcome: Outcome, defective: bool | None) -> Mistake | None:
    """Return what was done wrong with a part, or that a person had to look; None also where nobody knows what it was."""
    if outcome == "review":
        return "review"
    if outcome == "pass":
        return "escape" if defective else None
    return "reject" if defective is False else None


@dataclass(frozen=True, slots=True)
class Change:
    """One part, judged in two ways."""

    number: int
    """Its place in the recording, counted from 0."""
    part_id: str
    outcome: tuple[Outcome, Outcome]
    score: tuple[float, float]
    threshold: tuple[float, float]
    kind: tuple[str | None, str | None]
    cause: tuple[str | None, str | None]
    truth: str | None
    """`ok` or its defect, where somebody knows."""

    @property
    def defective(self) -> bool | None:
        return None if self.truth is None else self.truth != OK_LABEL

    @property
    def differs(self) -> tuple[str, ...]:
        """What is told otherwise: outcome, kind, cause, score."""
        named = {"outcome": self.outcome, "kind": self.kind, "cause": self.cause}
        found = [name for name, (before, after) in named.items() if before != after]
        return (*found, *(("score",) if abs(self.score[1] - self.score[0]) >= SMALL_CHANGE else ()))

    def document(self, prices: CostsConfig) -> dict[str, Any]:
        """Return the part as plain values, with what each way of judging it costs."""
        made = [mistake(outcome, self.defective) for outcome in self.outcome]
        document: dict[str, Any] = {
            "number": self.number,
            "part_id": self.part_id,
            "outcome": list(self.outcome),
            "score": [round(score, 6) for score in self.score],
            "threshold": list(self.threshold),
            "kind": list(self.kind),
            "cause": list(self.cause),
            "differs": list(self.differs),
        }
        if self.truth is not None:
            document |= {"truth": self.truth, "mistake": made, "cost": [getattr(prices, one) if one else 0.0 for one in made]}
        return document


@dataclass(slots=True)
class Tally:
    """What one way of judging makes of a batch."""

    outcomes: dict[str, int] = field(default_factory=dict)
    mistakes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("escape", "reject", "review"), 0))

    def add(self, outcome: Outcome, defective: bool | None) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        made = mistake(outcome, defective)
        if made is not None:
            self.mistakes[made] += 1

    def cost(self, prices: CostsConfig) -> float:
        """Return the price of all mistakes and second looks; of parts that nobody knows, only the second looks count."""
        return float(sum(number * getattr(prices, name) for name, number in self.mistakes.items()))

    def document(self, prices: CostsConfig) -> dict[str, Any]:
        named = {"escapes": "escape", "overkill": "reject", "reviews": "review"}
        return {
            "outcomes": dict(self.outcomes),
            **{name: self.mistakes[one] for name, one in named.items()},
            "cost": self.cost(prices),
        }


@dataclass(slots=True)
class Comparison:
    """All parts of a batch judged in two ways."""

    prices: CostsConfig = NO_PRICES
    changes: list[Change] = field(default_factory=list)
    tallies: tuple[Tally, Tally] = field(default_factory=lambda: (Tally(), Tally()))

    def add(self, number: int, before: Inspection, after: Inspection, truth: str | None = None) -> Change:
        """Count one part; `truth` is `ok`, its defect, or None where nobody knows."""
        verdicts = (before.verdict, after.verdict)
        change = Change(
            number,
            before.part_id,
            (verdicts[0].outcome, verdicts[1].outcome),
            (verdicts[0].score, verdicts[1].score),
            (verdicts[0].threshold, verdicts[1].threshold),
            (_kind(verdicts[0]), _kind(verdicts[1])),
            (_cause(before), _cause(after)),
            truth,
        )
        self.changes.append(change)
        for tally, outcome in zip(self.tallies, change.outcome, strict=True):
            tally.add(outcome, change.defective)
        return change

    @property
    def changed(self) -> list[Change]:
        """The parts whose outcome is another."""
        return [change for change in self.changes if change.outcome[0] != change.outcome[1]]

    @property
    def known(self) -> int:
        """How many parts somebody knows the truth of."""
        return sum(change.truth is not None for change in self.changes)

    def table(self) -> dict[str, dict[str, int]]:
        """Return how many parts went from which outcome to which."""
        table: dict[str, dict[str, int]] = {}
        for change in self.changes:
            before, after = change.outcome
            row = table.setdefault(before, {})
            row[after] = row.get(after, 0) + 1
        return table

    def document(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        before, after = (tally.document(self.prices) for tally in self.tallies)
        return {
            "changed": [change.document(self.prices) for change in self.changed],
            "table": self.table(),
            "parts": [change.document(self.prices) for change in self.changes],
            "costs": {
                "prices": self.prices.model_dump(),
                "known": self.known,
                "before": before,
                "after": after,
                "saved": before["cost"] - after["cost"],
            },
        }


def recorded_truths(path: Path | str, first: int = 0, parts: int | None = None) -> list[str | None]:
    """Return per part what is really so of it, where the recording says it (that of a simulation does). Raises RecordingError."""
    if first == 0:
        truths = [part.truth for part in islice(read_parts(path), parts)]
    else:
        with PartIndex(path) as index:
            behind = index.parts if parts is None else min(index.parts, first + parts)
            truths = [index.part(number).truth for number in range(first, behind)]
    return [None if truth is None else truth.label for truth in truths]


def _kind(verdict: Verdict) -> str | None:
    return verdict.defects[0].kind if verdict.defects and verdict.outcome != "pass" else None


def _cause(inspection: Inspection) -> str | None:
    diagnosis = inspection.diagnosis
    return diagnosis.causes[0].name if diagnosis and diagnosis.causes and inspection.verdict.outcome != "pass" else None
