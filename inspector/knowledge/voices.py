"""What speaks for an option: the words of fixes, and the symptoms of cases, gathered so that a million of them can be asked.

A voice is a text that speaks for an option in a context, as loud as there are such cases.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.embedding import Embedder
from inspector.knowledge.options import Context, Option
from inspector.knowledge.query import Query
from inspector.knowledge.search import Found, TextIndex
from inspector.knowledge.words import action_key
from inspector.parts import Case

_CASES_SHOWN = 10
_SHARPNESS = 0.3
"""Power with which a smaller share of the similar cases lowers a suggestion's score, against its chance to help."""

_NEIGHBOURS = 100
_MOST_TOLD = 20
"""How often one action for one problem teaches what is done about such problems."""

# The first two are of a flat optimum on maintenance records (tests/bench/fixes.py): half or twice of them changes shares by 0.01.
# The third weighs what those records do not hold, known fixes: a judgement, as is the sharpness above.
_TEMPERATURE = 0.07
"""Similarity by which a case must be ahead to speak e times as loud."""
_SAME, _SAME_FROM = 0.3, 0.6
"""Actions that share this much of their words are another spelling of one thing to do."""
_OWN_WORDS = 0.7
"""What the words of a fix count beside a symptom: "replace the belt" names the belt, not its trouble."""


@dataclass(frozen=True, slots=True)
class Near:
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

    def scores(self, support: NDArray[np.float64], strongest: float) -> NDArray[np.float64]:
        """Return how much each option is like the trouble, less where fewer of the similar cases speak for it."""
        alike: NDArray[np.float64] = self.level * (support / strongest) ** _SHARPNESS
        return alike

    def spans_of(self, option: int) -> list[tuple[int, int]]:
        return [self.spans[at] for at in np.flatnonzero(self.speaks_for == option)]


class Voices:
    """All that can be found by text."""

    def __init__(self, known: Sequence[Option], cache_file: Path | None) -> None:
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

    def neighbours(self, query: Query, found: Found) -> Near:
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
        return Near(level, voices, list(options), speaks_for, is_fix, list(zip(firsts, ends, strict=True)))

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

    def kinship(self, near: Near) -> NDArray[np.float64]:
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


def _word_matrix(texts: Sequence[set[str]]) -> Any:
    from scipy.sparse import csr_matrix

    positions: dict[str, int] = {}
    rows = [row for row, words in enumerate(texts) for _ in words]
    columns = [positions.setdefault(word, len(positions)) for words in texts for word in words]
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), max(1, len(positions))))
