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
from numpy.typing import NDArray

from inspector.knowledge.contexts import Context
from inspector.knowledge.limits import Limits, SafeLimits
from inspector.knowledge.options import Option, Options
from inspector.knowledge.query import Query
from inspector.knowledge.recurrence import Recurrence, recurrence
from inspector.knowledge.weights import DEFAULT
from inspector.parts import Case, Fix, Suggestion

if TYPE_CHECKING:
    from inspector.knowledge.search import Found
    from inspector.knowledge.voices import Near, Voices

_RELATED = 0.25
"""Agreement below this is about something else: fewer suggestions are better than wrong ones."""

_EQUAL = 1e-6
"""Scores nearer than this differ by how they were summed up."""
_MOST_CASES_SHOWN = 10
_MOST_IN_A_WEEK = 100
_BLOCK = 256
"""Queries at once: bounds the memory of a batch."""


class Memory:
    """Fixes and cases, ready to be asked, and taught as more becomes known.

    `cache_file` keeps the embeddings of texts between runs; `limits` are the stations' safe ones.
    """

    def __init__(
        self, fixes: Sequence[Fix], cases: Sequence[Case], cache_file: Path | None = None, limits: Mapping[str, Limits] | None = None
    ) -> None:
        self._known = Options(fixes, cases)
        self._options = list(self._known.by_id.values())
        self._numbers = {option.fix_id: number for number, option in enumerate(self._options)}
        self._by_fact: dict[tuple[str, str], dict[str, Option]] = {}
        for option in self._options:
            for context in option.contexts:
                self._file(option, context)
        self._cases = {case.case_id: case for case in cases}
        self._limits = SafeLimits(limits, fixes)
        self._cache_file = cache_file
        self.weights = DEFAULT
        self._voices: Voices | None = None

    def learn(self, case: Case) -> None:
        """Take one more case, or what has become known of one, in milliseconds, however many cases there are.

        Suggestions are then those of a memory that knew the case from the beginning. What a memory of many problems learned from them
        all when it was opened stays as it is until it is opened again (`TextIndex`).
        """
        self._forget(case.case_id)
        self._cases[case.case_id] = case
        option = self._known.option_of(case)
        if option is None:
            return
        if option.fix_id not in self._numbers:
            self._numbers[option.fix_id] = len(self._options)
            self._options.append(option)
        context = self._known.context_of(case)
        option.learn(case, context)
        self._file(option, context)
        if self._voices is not None:
            self._voices.learn(case, self._numbers[option.fix_id], context)

    def suggest(self, query: Query, top: int = 3) -> tuple[Suggestion, ...]:
        """Return what is most likely to help, best first; nothing for an empty query. Without a text this takes no search and no model."""
        return next(self.suggest_all([query], top))

    def suggest_all(self, queries: Sequence[Query], top: int = 3) -> Iterator[tuple[Suggestion, ...]]:
        """Yield the suggestions for each query, in order; texts are searched in blocks."""
        for start in range(0, len(queries), _BLOCK):
            block = queries[start : start + _BLOCK]
            texts = [query.words for query in block if query.words]
            found = self._searched.nearest(texts, self.weights) if texts and self._options else iter(())
            for query in block:
                yield self._by_text(query, next(found), top) if query.words and self._options else self._by_facts(query, top)

    def overview(self) -> tuple[Suggestion, ...]:
        """Return everything that could be suggested with all its cases counted, by id; the score is the chance to help."""
        limits = self._limits.at(None)
        return tuple(
            _suggestion(option, option.chance(Query()).mean, Query(), option.latest(Query(), 0, _MOST_CASES_SHOWN), limits)
            for option in sorted(self._options, key=lambda one: one.fix_id)
            if option.contexts
        )

    def recurrence(self, query: Query, now: datetime | None = None) -> Recurrence | None:
        """Return whether this trouble keeps coming back at this station; None for an unknown cause or station."""
        if not query.known_cause or not query.station:
            return None
        known = self._about("cause", query.known_cause)
        groups = [group for option in known.values() for context, group in option.groups.items() if _same_trouble(context, query)]
        latest = [case.when for group in groups for case in group.cases[:_MOST_IN_A_WEEK] if case.when]
        return recurrence(latest, now)

    def _forget(self, case_id: str) -> None:
        case = self._cases.pop(case_id, None)
        option = None if case is None else self._known.option_of(case)
        if case is None or option is None:
            return
        context = self._known.context_of(case)
        option.forget(case, context)
        if context not in option.groups:
            self._unfile(option, context)
        if self._voices is not None:
            self._voices.forget(case, self._numbers[option.fix_id], context)

    def _file(self, option: Option, context: Context) -> None:
        """Note what an option is about."""
        for fact in _facts(context):
            self._by_fact.setdefault(fact, {})[option.fix_id] = option

    def _unfile(self, option: Option, context: Context) -> None:
        left = {fact for other in option.contexts for fact in _facts(other)}
        for fact in _facts(context) - left:
            del self._by_fact[fact][option.fix_id]

    # --- without a text --------------------------------------------------------------------------------------------------------

    def _by_facts(self, query: Query, top: int) -> tuple[Suggestion, ...]:
        # Only what is known to be about this cause or defect: with no words to compare, a case that names neither says nothing.
        related = self._about("cause", query.known_cause) | self._about("defect", query.known_defect)
        scored = [(agreed * option.merit(query), option) for option in related.values() if (agreed := option.agreement(query)) >= _RELATED]
        scored.sort(key=lambda pair: (-pair[0], pair[1].fix_id))
        return tuple(
            _suggestion(option, score, query, option.latest(query, _RELATED, _MOST_CASES_SHOWN), self._limits.at(query.station))
            for score, option in scored[:top]
        )

    def _about(self, what: str, name: str | None) -> dict[str, Option]:
        return self._by_fact.get((what, name or ""), {})

    # --- with a text -----------------------------------------------------------------------------------------------------------

    @property
    def _searched(self) -> Voices:
        if self._voices is None:
            from inspector.knowledge.voices import Voices  # scipy: only those who search by text should wait for it

            self._voices = Voices(self._options, self._cache_file)
        return self._voices

    def _by_text(self, query: Query, found: Found, top: int) -> tuple[Suggestion, ...]:
        searched = self._searched
        near = searched.neighbours(query, found, self.weights.temperature)
        if near is None:
            return ()
        merit = np.array([self._options[option].merit(query) for option in near.options])
        kinship = searched.kinship(near, self.weights.same_action)
        voices, strongest, left = near.voices.copy(), 0.0, np.ones(len(near.options), bool)
        suggestions: list[Suggestion] = []
        while left.any() and len(suggestions) < top:
            support = near.support(kinship, voices)
            strongest = strongest or float(support.max())
            scores = np.where(left, near.scores(support, strongest) * merit, -1)
            best = self._first_of(near, scores)
            left[best] = False
            option = self._options[near.options[best]]
            suggestions.append(_suggestion(option, float(scores[best]), query, searched.cases(near, best), self._limits.at(query.station)))
            voices = voices * (1 - kinship[best])
        return tuple(sorted(suggestions, key=lambda suggestion: -suggestion.score))

    def _first_of(self, near: Near, scores: NDArray[np.float64]) -> int:
        """Return the option with the highest score; of equal ones what was done most often, in whatever order it was learned."""
        highest = np.flatnonzero(scores > scores.max() - _EQUAL)
        return int(min(highest, key=lambda at: (-(option := self._options[near.options[at]]).times, option.fix_id)))


def _facts(context: Context) -> set[tuple[str, str]]:
    return {("cause", name) for name in context.causes} | {("defect", kind) for kind in context.defects}


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
