"""The memory of fixes: what was done before, and what of it is likely to help now.

A suggestion's score is how much its cases are like the trouble × its chance to help here × a small discount for time and cost.

Of a fix, the most similar case counts, as its successes are counted apart. Of an action that only imported cases know, that it was
done often in such trouble is all that speaks for it: there every similar case counts, and so do cases whose action was nearly
the same. Once an action is suggested, the cases that it explains no longer speak for others: a list names different things to do.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.options import Context, Limits, Option, options
from inspector.knowledge.query import Query
from inspector.knowledge.recurrence import Recurrence, recurrence
from inspector.knowledge.words import action_key
from inspector.parts import Case, Fix, Suggestion

if TYPE_CHECKING:
    from inspector.knowledge.search import Found, TextIndex

_RELATED = 0.25
"""Agreement below this is about something else: fewer suggestions are better than wrong ones."""

_CASES_SHOWN = 10
_NEIGHBOURS = 100
_MOST_IN_A_WEEK = 100
_MOST_TOLD = 20
"""How often one action for one problem teaches what is done about such problems."""
_BLOCK = 256
"""Queries at once: bounds the memory of a batch."""

# The first two are of a flat optimum on maintenance records (tests/bench/fixes.py): half or twice of them changes shares by 0.01.
# The others weigh what those records do not hold, outcomes and known fixes: judgements.
_TEMPERATURE = 0.07
"""Similarity by which a case must be ahead to speak e times as loud."""
_SAME, _SAME_FROM = 0.3, 0.6
"""Actions that share this much of their words are another spelling of one thing to do."""
_OWN_WORDS = 0.7
"""What the words of a fix count beside a symptom: "replace the belt" names the belt, not its trouble."""
_SHARPNESS = 0.3
"""Power with which a smaller share of the similar cases lowers a suggestion's score, against its chance to help."""


class Memory:
    """Fixes and cases, ready to be asked. `cache_file` keeps the embeddings of texts between runs; `limits` are the stations' safe ones."""

    def __init__(
        self, fixes: Sequence[Fix], cases: Sequence[Case], cache_file: Path | None = None, limits: Mapping[str, Limits] | None = None
    ) -> None:
        self._options = options(fixes, cases)
        self._by_fact = _by_fact(self._options)
        self._station_limits = limits or {}
        self._cache_file = cache_file
        self._texts: _Texts | None = None

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
        return tuple(
            _suggestion(option, option.chance(Query()).mean, Query(), option.latest(Query(), 0, _CASES_SHOWN), {})
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

    def _limits(self, query: Query) -> Limits:
        return self._station_limits.get(query.station or "", {})

    # --- without a text --------------------------------------------------------------------------------------------------------

    def _by_facts(self, query: Query, top: int) -> tuple[Suggestion, ...]:
        # Only what is known to be about this cause or defect: with no words to compare, a case that names neither says nothing.
        known = [*self._by_fact.get(("cause", query.known_cause), ()), *self._by_fact.get(("defect", query.known_defect), ())]
        related = {option.fix_id: option for option in known}.values()
        scored = [(agreed * option.merit(query), option) for option in related if (agreed := option.agreement(query)) >= _RELATED]
        scored.sort(key=lambda pair: (-pair[0], pair[1].fix_id))
        return tuple(
            _suggestion(option, score, query, option.latest(query, _RELATED, _CASES_SHOWN), self._limits(query))
            for score, option in scored[:top]
        )

    # --- with a text -----------------------------------------------------------------------------------------------------------

    @property
    def _searched(self) -> _Texts:
        if self._texts is None:
            self._texts = _Texts(self._options, self._cache_file)
        return self._texts

    def _by_text(self, query: Query, found: Found, top: int) -> tuple[Suggestion, ...]:
        texts = self._searched
        near = texts.neighbours(query, found)
        merit = np.array([self._options[option].merit(query) for option in near.options])
        kinship = texts.kinship(near)
        voices, strongest, left = near.voices.copy(), 0.0, np.ones(len(near.options), bool)
        suggestions: list[Suggestion] = []
        while left.any() and len(suggestions) < top:
            support = near.support(kinship, voices)
            strongest = strongest or float(support.max())
            scores = np.where(left, near.level * (support / strongest) ** _SHARPNESS * merit, -1)
            best = int(scores.argmax())
            left[best] = False
            option = self._options[near.options[best]]
            suggestions.append(_suggestion(option, float(scores[best]), query, texts.cases(near.spans_of(best)), self._limits(query)))
            voices = voices * (1 - kinship[best])
        return tuple(sorted(suggestions, key=lambda suggestion: -suggestion.score))


@dataclass(frozen=True, slots=True)
class _Near:
    """The voices nearest to a query, nearest first, and the options they speak for."""

    level: float
    """How alike the most similar of them is, in words and circumstances."""
    voices: NDArray[np.float64]
    options: list[int]
    speaks_for: NDArray[np.intp]
    """Position in `options` of each voice."""
    is_fix: NDArray[np.bool_]
    """Whether each option is a known fix."""
    spans: list[tuple[int, int]]
    """Where the cases behind each voice stand."""

    def support(self, kinship: NDArray[np.float64], voices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how loud the texts speak for each option: the loudest for a fix, all together for an action of cases."""
        heard = kinship * voices
        support: NDArray[np.float64] = np.where(self.is_fix, heard.max(axis=1), heard.sum(axis=1))
        return support

    def spans_of(self, option: int) -> list[tuple[int, int]]:
        return [self.spans[at] for at in np.flatnonzero(self.speaks_for == option)]


class _Texts:
    """All that can be found by text. A voice is a text that speaks for an option in a context, once for each such case."""

    def __init__(self, known: Sequence[Option], cache_file: Path | None) -> None:
        from inspector.knowledge.embedding import Embedder
        from inspector.knowledge.search import TextIndex

        self._options = known
        positions: dict[str, int] = {}
        contexts: dict[Context, int] = {}
        said = _columns(known, positions, contexts)
        order = np.lexsort((said.context, said.option, said.text))
        text, option, context = said.text[order], said.option[order], said.context[order]
        self._case_of = said.case[order]
        new = np.flatnonzero(np.diff(text, prepend=-1) | np.diff(option, prepend=-1) | np.diff(context, prepend=-1))
        self._first = np.append(new, len(order))
        self._text, self._option, self._context = text[new], option[new], context[new]
        self._is_own = self._case_of[new] < 0
        self._starts = np.searchsorted(self._text, np.arange(len(positions) + 1))
        self._contexts = list(contexts)
        self._cases = said.cases
        self._index: TextIndex = TextIndex(list(positions), Embedder(cache_file), self._answer)
        self._actions = _word_matrix([set(action_key(option.action.en).split()) for option in known])

    def nearest(self, texts: Sequence[str]) -> Iterator[Found]:
        return self._index.nearest(texts)

    def neighbours(self, query: Query, found: Found) -> _Near:
        """Return the voices that are most like the query, in words and in circumstances."""
        counts = self._starts[found.texts + 1] - self._starts[found.texts]
        at = np.repeat(self._starts[found.texts], counts) + _within(counts)
        agreed = self._agreed(query, at)
        likeness = np.repeat(found.likeness, counts) + _TEMPERATURE / _SHARPNESS * np.log(agreed)
        count = min(_NEIGHBOURS, len(likeness))
        nearest = np.argpartition(-likeness, count - 1)[:count]
        nearest = nearest[np.argsort(-likeness[nearest], kind="stable")]
        level = float(np.clip((np.repeat(found.level, counts) * agreed)[nearest].max(), 0, 1))
        firsts, ends = self._first[at[nearest]], self._first[at[nearest] + 1]
        options: dict[int, int] = {}
        speaks_for = np.array([options.setdefault(int(one), len(options)) for one in self._option[at[nearest]]])
        is_fix = np.array([self._options[option].fix is not None for option in options])
        voices = (ends - firsts) * np.exp((likeness[nearest] - likeness[nearest[0]]) / _TEMPERATURE)
        return _Near(level, voices, list(options), speaks_for, is_fix, list(zip(firsts, ends, strict=True)))

    def _agreed(self, query: Query, voices: NDArray[np.intp]) -> NDArray[np.float64]:
        met, which = np.unique(self._context[voices], return_inverse=True)
        agreed = np.array([self._contexts[context].agreement(query) for context in met])[which]
        owned: NDArray[np.float64] = agreed * np.where(self._is_own[voices], _OWN_WORDS, 1.0)
        return owned

    def cases(self, spans: Sequence[tuple[int, int]]) -> list[Case]:
        """Return the first cases of voices."""
        places = [at for first, end in spans for at in range(first, min(end, first + _CASES_SHOWN))]
        return [self._cases[case] for at in places if (case := self._case_of[at]) >= 0]

    def _answer(self, text: int) -> str:
        """Return what was done about a text, as often as it was; "" for the words of fixes."""
        voices = range(self._starts[text], self._starts[text + 1])
        times = [0 if self._is_own[at] else min(int(self._first[at + 1] - self._first[at]), _MOST_TOLD) for at in voices]
        return " ".join(self._options[self._option[at]].action.en for at, often in zip(voices, times, strict=True) for _ in range(often))

    def kinship(self, near: _Near) -> NDArray[np.float64]:
        """Return (options, speakers): 1 where a text speaks for the option itself, less where for an action in similar words."""
        chosen = self._actions[near.options]
        common = (chosen @ chosen.T).toarray()
        sizes = common.diagonal()
        jaccard = common / np.maximum(sizes[:, None] + sizes[None] - common, 1)
        alike = (1 - _SAME) * jaccard**2 + _SAME * (jaccard >= _SAME_FROM)
        alike[near.is_fix, :] = alike[:, near.is_fix] = 0
        np.fill_diagonal(alike, 1)
        kinship: NDArray[np.float64] = alike[:, near.speaks_for]
        return kinship


def _within(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return 0 … count - 1 for each count."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


def _by_fact(known: Sequence[Option]) -> dict[tuple[str, str | None], list[Option]]:
    """Return the options by what they are about: ("cause", name) and ("defect", kind)."""
    found: dict[tuple[str, str | None], list[Option]] = {}
    for option in known:
        facts = {("cause", name) for context in option.contexts for name in context.causes}
        facts |= {("defect", kind) for context in option.contexts for kind in context.defects}
        for fact in facts:
            found.setdefault(fact, []).append(option)
    return found


@dataclass(frozen=True, slots=True)
class _Columns:
    """Who says what: one row per case with words, and per text of a fix (case -1)."""

    text: NDArray[np.int32]
    option: NDArray[np.int32]
    context: NDArray[np.int32]
    case: NDArray[np.int32]
    cases: list[Case]


def _columns(known: Sequence[Option], positions: dict[str, int], contexts: dict[Context, int]) -> _Columns:
    """Number all texts and contexts, in `positions` and `contexts`, and say which option they speak for."""
    columns, cases = [array("i") for _ in range(4)], list[Case]()

    def say(text: str, option: int, context: Context, case: int) -> None:
        place = positions.setdefault(text, len(positions)), option, contexts.setdefault(context, len(contexts)), case
        for column, value in zip(columns, place, strict=True):
            column.append(value)

    for number, option in enumerate(known):
        if option.own is not None:
            for text in _own_words(option, option.own):
                say(text, number, option.own, -1)
        for context, group in option.groups.items():
            for case in group.cases:
                if text := case.symptom.strip() or case.action.strip():
                    say(text, number, context, len(cases))
                    cases.append(case)
    texts, numbers, circumstances, behind = (np.array(column, np.int32) for column in columns)
    return _Columns(texts, numbers, circumstances, behind, cases)


def _own_words(option: Option, own: Context) -> list[str]:
    trouble = " ".join(sorted(own.causes) + sorted(own.defects)).replace("_", " ")
    return [text for text in dict.fromkeys((option.action.en, option.action.zh, trouble)) if text]


def _same_trouble(context: Context, query: Query) -> bool:
    return query.known_cause in context.causes and context.station == query.station


def _word_matrix(texts: Sequence[set[str]]) -> Any:
    from scipy.sparse import csr_matrix

    positions: dict[str, int] = {}
    rows = [row for row, words in enumerate(texts) for _ in words]
    columns = [positions.setdefault(word, len(positions)) for words in texts for word in words]
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), max(1, len(positions))))


def _suggestion(option: Option, score: float, query: Query, cases: Sequence[Case], limits: Limits) -> Suggestion:
    counted, chance = option.counted(query), option.chance(query)
    parameters, worked = option.parameters(query, limits)
    return Suggestion(
        option.fix_id,
        option.action,
        score,
        parameters,
        counted.tried,
        counted.helped,
        tuple(dict.fromkeys(case.case_id for case in cases))[:_CASES_SHOWN],
        None if option.fix else option.action.en,
        chance.mean,
        chance.interval,
        worked,
        option.minutes,
        option.cost,
        option.warning(query),
    )
