"""The memory of fixes: what was done before, and what of it is likely to help now.

A suggestion's score is how much its cases are like the trouble × its chance to help here × a small discount for time and cost.

Of a fix, the most similar case counts, as its successes are counted apart. Of an action that only imported cases know, that it was
done often in such trouble is all that speaks for it: there every similar case counts, and so do cases whose action was nearly
the same. Once an action is suggested, the cases that it explains no longer speak for others: a list names different things to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inspector.knowledge.limits import Limits, SafeLimits
from inspector.knowledge.options import Context, Option, options
from inspector.knowledge.query import Query
from inspector.knowledge.recurrence import Recurrence, recurrence
from inspector.parts import Case, Fix, Suggestion

if TYPE_CHECKING:
    from inspector.knowledge.search import Found
    from inspector.knowledge.voices import Voices

_RELATED = 0.25
"""Agreement below this is about something else: fewer suggestions are better than wrong ones."""

_MOST_CASES_SHOWN = 10
_MOST_IN_A_WEEK = 100
_BLOCK = 256
"""Queries at once: bounds the memory of a batch."""


class Memory:
    """Fixes and cases, ready to be asked. `cache_file` keeps the embeddings of texts between runs; `limits` are the stations' safe ones."""

    def __init__(
        self, fixes: Sequence[Fix], cases: Sequence[Case], cache_file: Path | None = None, limits: Mapping[str, Limits] | None = None
    ) -> None:
        self._options = options(fixes, cases)
        self._by_fact = _by_fact(self._options)
        self._limits = SafeLimits(limits, fixes)
        self._cache_file = cache_file
        self._voices: Voices | None = None

    def suggest(self, query: Query, top: int = 3) -> tuple[Suggestion, ...]:
        """Return what is most likely to help, best first; nothing for an empty query. Without a text this takes no search and no model."""
        return next(self.suggest_all([query], top))

    def suggest_all(self, queries: Sequence[Query], top: int = 3) -> Iterator[tuple[Suggestion, ...]]:
        """Yield the suggestions for each query, in order; texts are searched in blocks."""
        for start in range(0, len(queries), _BLOCK):
            block = queries[start : start + _BLOCK]
            texts = [query.words for query in block if query.words]
            found = self._searched.nearest(texts) if texts and self._options else iter(())
            for query in block:
                yield self._by_text(query, next(found), top) if query.words and self._options else self._by_facts(query, top)

    def overview(self) -> tuple[Suggestion, ...]:
        """Return everything that could be suggested with all its cases counted, by id; the score is the chance to help."""
        limits = self._limits.at(None)
        return tuple(
            _suggestion(option, option.chance(Query()).mean, Query(), option.latest(Query(), 0, _MOST_CASES_SHOWN), limits)
            for option in sorted(self._options, key=lambda one: one.fix_id)
        )

    def recurrence(self, query: Query, now: datetime | None = None) -> Recurrence | None:
        """Return whether this trouble keeps coming back at this station; None for an unknown cause or station."""
        if not query.known_cause or not query.station:
            return None
        known = self._by_fact.get(("cause", query.known_cause), ())
        groups = [group for option in known for context, group in option.groups.items() if _same_trouble(context, query)]
        latest = [case.when for group in groups for case in group.cases[:_MOST_IN_A_WEEK] if case.when]
        return recurrence(latest, now)

    # --- without a text --------------------------------------------------------------------------------------------------------

    def _by_facts(self, query: Query, top: int) -> tuple[Suggestion, ...]:
        # Only what is known to be about this cause or defect: with no words to compare, a case that names neither says nothing.
        known = [*self._by_fact.get(("cause", query.known_cause), ()), *self._by_fact.get(("defect", query.known_defect), ())]
        related = {option.fix_id: option for option in known}.values()
        scored = [(agreed * option.merit(query), option) for option in related if (agreed := option.agreement(query)) >= _RELATED]
        scored.sort(key=lambda pair: (-pair[0], pair[1].fix_id))
        return tuple(
            _suggestion(option, score, query, option.latest(query, _RELATED, _MOST_CASES_SHOWN), self._limits.at(query.station))
            for score, option in scored[:top]
        )

    # --- with a text -----------------------------------------------------------------------------------------------------------

    @property
    def _searched(self) -> Voices:
        if self._voices is None:
            from inspector.knowledge.voices import Voices  # scipy: only those who search by text should wait for it

            self._voices = Voices(self._options, self._cache_file)
        return self._voices

    def _by_text(self, query: Query, found: Found, top: int) -> tuple[Suggestion, ...]:
        searched = self._searched
        near = searched.neighbours(query, found)
        merit = np.array([self._options[option].merit(query) for option in near.options])
        kinship = searched.kinship(near)
        voices, strongest, left = near.voices.copy(), 0.0, np.ones(len(near.options), bool)
        suggestions: list[Suggestion] = []
        while left.any() and len(suggestions) < top:
            support = near.support(kinship, voices)
            strongest = strongest or float(support.max())
            scores = np.where(left, near.scores(support, strongest) * merit, -1)
            best = int(scores.argmax())
            left[best] = False
            option = self._options[near.options[best]]
            suggestions.append(
                _suggestion(option, float(scores[best]), query, searched.cases(near.spans_of(best)), self._limits.at(query.station))
            )
            voices = voices * (1 - kinship[best])
        return tuple(sorted(suggestions, key=lambda suggestion: -suggestion.score))


def _by_fact(known: Sequence[Option]) -> dict[tuple[str, str | None], list[Option]]:
    """Return the options by what they are about: ("cause", name) and ("defect", kind)."""
    found: dict[tuple[str, str | None], list[Option]] = {}
    for option in known:
        facts = {("cause", name) for context in option.contexts for name in context.causes}
        facts |= {("defect", kind) for context in option.contexts for kind in context.defects}
        for fact in facts:
            found.setdefault(fact, []).append(option)
    return found


def _same_trouble(context: Context, query: Query) -> bool:
    return query.known_cause in context.causes and context.station == query.station


def _suggestion(option: Option, score: float, query: Query, cases: Sequence[Case], limits: Sequence[Limits]) -> Suggestion:
    counted, chance = option.counted(query), option.chance(query)
    parameters, worked = option.parameters(query, limits)
    return Suggestion(
        option.fix_id,
        option.action,
        score,
        parameters,
        counted.tried,
        counted.helped,
        tuple(dict.fromkeys(case.case_id for case in cases))[:_MOST_CASES_SHOWN],
        None if option.fix else option.action.en,
        chance.mean,
        chance.interval,
        worked,
        option.minutes,
        option.cost,
        option.warning(query),
    )
