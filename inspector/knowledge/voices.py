"""What speaks for an option: the words of fixes, and the symptoms of cases, gathered so that a million of them can be asked.

A voice is a text that speaks for an option in a context, as loud as there are such cases.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.knowledge.contexts import Context
from inspector.knowledge.embedding import Embedder
from inspector.knowledge.growing import Column, Postings
from inspector.knowledge.index_file import IndexFile
from inspector.knowledge.options import Option, age
from inspector.knowledge.query import Query
from inspector.knowledge.search import Found, TextIndex
from inspector.knowledge.weights import Weights
from inspector.knowledge.words import action_key
from inspector.parts import Case

_CASES_SHOWN = 10
_SHARPNESS = 0.3
"""Power with which a smaller share of the similar cases lowers a suggestion's score, against its chance to help."""

_NEIGHBOURS = 100
_MOST_TOLD = 20
"""How often one action for one problem teaches what is done about such problems."""

_SAME_FROM = 0.6
"""Actions that share this much of their words are another spelling of one thing to do."""
_OWN_WORDS = 0.7
"""What the words of a fix count beside a symptom: "replace the belt" names the belt, not its trouble. A judgement."""


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
    numbers: NDArray[np.int32]
    """Which voices they are."""
    nearness: NDArray[np.float32]
    """How alike each is, in words, circumstances and what was done about it."""

    def support(self, kinship: NDArray[np.float64], voices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how loud the texts speak for each option: the loudest for a fix, all together for an action of cases."""
        heard = kinship * voices
        support: NDArray[np.float64] = np.where(self.is_fix, heard.max(axis=1), heard.sum(axis=1))
        return support

    def scores(self, support: NDArray[np.float64], strongest: float) -> NDArray[np.float64]:
        """Return how much each option is like the trouble, less where fewer of the similar cases speak for it."""
        alike: NDArray[np.float64] = self.level * (support / strongest) ** _SHARPNESS
        return alike


class Voices:
    """All that can be found by text. `known` may grow: an option's number is its place in it."""

    def __init__(self, known: Sequence[Option], file: Path | None) -> None:
        self._options = known
        self._texts: dict[str, int] = {}
        self._contexts: dict[Context, int] = {}
        said = _columns(known, self._texts, self._contexts)
        kept = IndexFile(file.with_name(f"{file.name}.index") if file else None)
        snapshot = kept.read(self._texts)
        numbered = said.text
        if snapshot is not None:
            numbered = np.array([snapshot.places[text] for text in self._texts], np.int32)[said.text]
            self._texts = snapshot.places
        order = np.lexsort((said.context, said.option, numbered))
        text, option, context = numbered[order], said.option[order], said.context[order]
        self._case_of, self._cases = said.case[order], said.cases
        new = np.flatnonzero(np.diff(text, prepend=-1) | np.diff(option, prepend=-1) | np.diff(context, prepend=-1))
        self._first = np.append(new, len(order))
        self._option, self._context = Column(option[new]), Column(context[new])
        self._loudness = Column(np.diff(self._first).astype(np.int32))
        self._is_own = Column(self._case_of[new] < 0)
        self._by_text = Postings(text[new], np.arange(len(new), dtype=np.int32), np.ones(len(new)))
        self._came: dict[int, list[Case]] = {}
        self._went: set[str] = set()
        self._index = snapshot.index(Embedder(file)) if snapshot else self._built(kept, Embedder(file))
        self._action_words = [_words_of(option) for option in known]

    def learn(self, case: Case, option: int, context: Context) -> None:
        """Hear one more case; it is found from the next question on."""
        if (text := _said_in(case)) is None:
            return
        self._action_words += [_words_of(one) for one in self._options[len(self._action_words) :]]
        place = self._place(text)
        voice = self._voice(place, option, context)
        if not self._is_said(place):
            self._index.weigh(text, 1)
        self._loudness.values[voice] += 1
        self._came.setdefault(voice, []).append(case)
        self._went.discard(case.case_id)

    def forget(self, case: Case, option: int, context: Context) -> None:
        """Hear a case no longer."""
        if (text := _said_in(case)) is None:
            return
        place = self._place(text)
        voice = self._voice(place, option, context)
        self._loudness.values[voice] -= 1
        if not self._is_said(place):
            self._index.weigh(text, -1)
        came = self._came.get(voice, [])
        if case in came:
            came.remove(case)
        else:
            self._went.add(case.case_id)

    def nearest(self, texts: Sequence[str], weights: Weights) -> Iterator[Found]:
        return self._index.nearest(texts, weights)

    def neighbours(self, query: Query, found: Found, temperature: float) -> Near | None:
        """Return the voices that are most like the query, in words and in circumstances; None where nobody says anything any more."""
        voices = [self._by_text.of(int(text))[0] for text in found.texts]
        counts = np.array([len(some) for some in voices], np.intp)
        at, likeness, level = np.concatenate(voices), np.repeat(found.likeness, counts), np.repeat(found.level, counts)
        heard = self._loudness.values[at] > 0
        if not heard.any():
            return None
        at, likeness, level = at[heard], likeness[heard], level[heard]
        agreed = self._agreed(query, at)
        likeness += (temperature / _SHARPNESS * np.log(agreed)).astype(np.float32)
        count = min(_NEIGHBOURS, len(likeness))
        nearest = np.argpartition(-likeness, count - 1)[:count]
        nearest = nearest[np.argsort(-likeness[nearest], kind="stable")]
        best = float(np.clip((level * agreed)[nearest].max(), 0, 1))
        options: dict[int, int] = {}
        speaks_for = np.array([options.setdefault(int(one), len(options)) for one in self._option.values[at[nearest]]])
        is_fix = np.array([self._options[option].fix is not None for option in options])
        loud = self._loudness.values[at[nearest]] * np.exp((likeness[nearest] - likeness[nearest[0]]) / temperature)
        return Near(best, loud, list(options), speaks_for, is_fix, at[nearest], likeness[nearest])

    def cases(self, near: Near, option: int) -> list[Case]:
        """Return the cases that speak for one of the options, the most similar first, of equal ones the newest."""
        chosen = near.speaks_for == option
        voices = zip(near.numbers[chosen].tolist(), near.nearness[chosen].tolist(), strict=True)
        found = [(round(likeness, 5), case) for voice, likeness in voices for case in self._newest_of(voice)]
        return [case for _, case in sorted(found, key=lambda one: (one[0], age(one[1])), reverse=True)]

    def kinship(self, near: Near, same_action: float) -> NDArray[np.float64]:
        """Return (options, speakers): 1 where a text speaks for the option itself, less where for an action in similar words."""
        chosen = _word_matrix([self._action_words[option] for option in near.options])
        common = (chosen @ chosen.T).toarray()
        sizes = common.diagonal()
        jaccard = common / np.maximum(sizes[:, None] + sizes[None] - common, 1)
        alike = (1 - same_action) * jaccard**2 + same_action * (jaccard >= _SAME_FROM)
        alike[near.is_fix, :] = alike[:, near.is_fix] = 0
        np.fill_diagonal(alike, 1)
        kinship: NDArray[np.float64] = alike[:, near.speaks_for]
        return kinship

    def _built(self, kept: IndexFile, embedder: Embedder) -> TextIndex:
        """Return an index that was counted and learned from all texts, and keep it for the next start."""
        texts = list(self._texts)
        index = TextIndex(texts, embedder, self._answer)
        kept.write(texts, index)
        return index

    def _place(self, text: str) -> int:
        """Return the number of a text; one that was never met joins the others, and does not count yet."""
        if text not in self._texts:
            self._texts[text] = len(self._texts)
            self._index.add(text)
            self._index.weigh(text, -1)
        return self._texts[text]

    def _is_said(self, place: int) -> bool:
        return bool((self._loudness.values[self._by_text.of(place)[0]] > 0).any())

    def _voice(self, place: int, option: int, context: Context) -> int:
        """Return the voice of a text that speaks for an option in a context; a new one where there is none yet."""
        where = self._contexts.setdefault(context, len(self._contexts))
        for voice in self._by_text.of(place)[0]:
            if (self._option.values[voice], self._context.values[voice], self._is_own.values[voice]) == (option, where, False):
                return int(voice)
        voice = self._option.append(option)
        self._context.append(where)
        self._loudness.append(0)
        self._is_own.append(False)
        self._by_text.add(place, voice)
        return voice

    def _newest_of(self, voice: int) -> list[Case]:
        came = self._came.get(voice, ())
        known = self._case_of[self._first[voice] : self._first[voice + 1]] if voice + 1 < len(self._first) else ()
        here = (self._cases[case] for case in known if case >= 0)
        kept = islice((case for case in here if case.case_id not in self._went), _CASES_SHOWN)
        return sorted([*kept, *came], key=age, reverse=True)[:_CASES_SHOWN]

    def _agreed(self, query: Query, voices: NDArray[np.int32]) -> NDArray[np.float64]:
        contexts = list(self._contexts)
        met, which = np.unique(self._context.values[voices], return_inverse=True)
        agreed = np.array([contexts[context].agreement(query) for context in met])[which]
        owned: NDArray[np.float64] = agreed * np.where(self._is_own.values[voices], _OWN_WORDS, 1.0)
        return owned

    def _answer(self, text: int) -> str:
        """Return what was done about a text, as often as it was; "" for the words of fixes."""
        voices = self._by_text.of(text)[0]
        times = [0 if self._is_own.values[at] else min(int(self._loudness.values[at]), _MOST_TOLD) for at in voices]
        actions = [self._options[self._option.values[at]].action.en for at in voices]
        return " ".join(action for action, often in zip(actions, times, strict=True) for _ in range(often))


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
                if (said := _said_in(case)) is not None:
                    say(said, number, context, len(cases))
                    cases.append(case)
    texts, numbers, circumstances, behind = (np.array(column, np.int32) for column in columns)
    return _Columns(texts, numbers, circumstances, behind, cases)


def _said_in(case: Case) -> str | None:
    return case.symptom.strip() or case.action.strip() or None


def _words_of(option: Option) -> set[str]:
    return set(action_key(option.action.en).split())


def _own_words(option: Option, own: Context) -> list[str]:
    trouble = " ".join(sorted(own.causes) + sorted(own.defects)).replace("_", " ")
    return [text for text in dict.fromkeys((option.action.en, option.action.zh, trouble)) if text]


def _word_matrix(texts: Sequence[set[str]]) -> Any:
    from scipy.sparse import csr_matrix

    positions: dict[str, int] = {}
    rows = [row for row, words in enumerate(texts) for _ in words]
    columns = [positions.setdefault(word, len(positions)) for words in texts for word in words]
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), max(1, len(positions))))
