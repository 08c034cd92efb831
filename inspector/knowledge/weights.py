"""The few numbers that weigh one kind of likeness against another in a search by text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """Chosen on maintenance records; `python -m tests.bench.fixes` says what choosing them within each training fold changes."""

    answers: float = 0.6
    """Share of what was done about a problem in its likeness to another; the rest is words and meaning."""
    temperature: float = 0.07
    """Likeness by which a case must be ahead to speak e times as loud."""
    same_action: float = 0.3
    """How far two actions that share most of their words are one thing to do, however many words they do not share."""


DEFAULT = Weights()
