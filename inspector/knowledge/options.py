"""What can be suggested: every known fix, and every action that only cases know; each with its cases, counted by context."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from math import isinf
from statistics import median

import numpy as np

from inspector.knowledge.chance import Posterior, Tally, posterior
from inspector.knowledge.contexts import Context, context_of, context_of_fix
from inspector.knowledge.limits import Limits, limits_of, permitted
from inspector.knowledge.query import Query
from inspector.knowledge.words import action_id, action_key
from inspector.parts import Case, Fix, Parameter, Text, Worked

# Effort only decides between fixes that help about equally often: an hour, or this cost, takes half of the full discount.
_EFFORT_DISCOUNT, _HALF_MINUTES, _HALF_COST = 0.15, 60.0, 500.0

_RECENT_SUCCESSES = 12
"""A machine ages: what worked lately counts."""
_MOST_SUCCESSES = 100
"""Kept per context: more than are needed, as the safe limits of a station may leave some out."""
_MOSTLY_FAILED_TRIES, _MOSTLY_FAILED_CHANCE = 3, 0.4


Setting = tuple[str, str]
"""Name and unit."""
_EFFORTS = ("minutes", "cost")


@dataclass(slots=True)
class Group:
    """The cases of one action in one context."""

    cases: list[Case] = field(default_factory=list)
    """The newest first."""
    tried: int = 0
    helped: int = 0
    worked: dict[Setting, list[tuple[str, str, float]]] = field(default_factory=dict)
    """When, in which case and with what value a setting helped; the newest last, and no more than are ever needed."""

    def learn(self, case: Case) -> None:
        self.cases.insert(_place(self.cases, case), case)
        self._count(case, 1)
        for one in case.parameters if case.helped else ():
            worked = self.worked.setdefault((one.name, one.unit), [])
            insort(worked, (*age(case), one.value))
            del worked[:-_MOST_SUCCESSES]

    def forget(self, case: Case) -> None:
        del self.cases[_place(self.cases, case) - 1]
        self._count(case, -1)
        for one in case.parameters if case.helped else ():
            self._gather((one.name, one.unit))

    def settle(self) -> None:
        """Count, and put in order, what was only gathered."""
        self.cases.sort(key=age, reverse=True)
        for case in self.cases:
            self._count(case, 1)
        for setting in {(one.name, one.unit) for case in self.cases if case.helped for one in case.parameters}:
            self._gather(setting)

    def newest(self, setting: Setting) -> Case | None:
        """Return the newest case that set something and did not fail."""
        return next((case for case in self.cases if _sets(case, setting)), None)

    def _count(self, case: Case, times: int) -> None:
        if case.helped is not None:
            self.tried += times
            self.helped += times * case.helped

    def _gather(self, setting: Setting) -> None:
        helped = ((case, one) for case in self.cases if case.helped for one in case.parameters)
        found = ((*age(case), one.value) for case, one in helped if (one.name, one.unit) == setting)
        self.worked[setting] = list(islice(found, _MOST_SUCCESSES))[::-1]


@dataclass(slots=True)
class Option:
    """One thing that can be suggested."""

    fix_id: str
    action: Text
    fix: Fix | None = None
    """None for an action that only cases know."""
    own: Context | None = None
    groups: dict[Context, Group] = field(default_factory=dict)
    tried: int = 0
    """Cases with a known outcome, wherever."""
    settings: dict[Setting, Parameter] = field(default_factory=dict)
    """What the fix sets, and what else its cases set, as the newest that did not fail says."""
    minutes: float | None = None
    """How long it takes: the fix's own word, else the median of its cases."""
    cost: float | None = None
    _known: dict[Context, tuple[int, int]] = field(default_factory=dict)
    """Where outcomes are known: tried, helped. Read hundreds of times a question, so that it holds nothing else."""
    _merits: dict[tuple[str | None, ...], float] = field(default_factory=dict)
    _efforts: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _EFFORTS})
    """The minutes and the costs of its cases, sorted."""
    _newest: dict[Setting, Case] = field(default_factory=dict)
    """Of each setting, the newest case that set it and did not fail."""

    @property
    def contexts(self) -> list[Context]:
        """Return where this was done, and what it is for."""
        return [*self.groups, *([self.own] if self.own else [])]

    @property
    def times(self) -> int:
        """Return how often it was done."""
        return sum(len(group.cases) for group in self.groups.values())

    @property
    def cases(self) -> Iterator[Case]:
        """Yield all cases, context by context, the newest first."""
        return (case for group in self.groups.values() for case in group.cases)

    def gather(self, case: Case, context: Context) -> None:
        """Take one of many cases; `settle` when all are there."""
        self.groups.setdefault(context, Group()).cases.append(case)

    def settle(self) -> None:
        """Work out once what every question needs: a fix may have a hundred thousand cases."""
        for context, group in self.groups.items():
            group.settle()
            self._recount(context, group)
        for name in _EFFORTS:
            self._efforts[name] = sorted(value for case in self.cases if (value := getattr(case, name)) is not None)
        for setting in {(one.name, one.unit) for case in self.cases for one in case.parameters}:
            self._find_newest(setting)
        self._restate()

    def learn(self, case: Case, context: Context) -> None:
        """Take one more case, as if it had been there from the beginning."""
        group = self.groups.setdefault(context, Group())
        group.learn(case)
        for one in case.parameters:
            setting = one.name, one.unit
            if _sets(case, setting) and (setting not in self._newest or age(self._newest[setting]) < age(case)):
                self._newest[setting] = case
        for name in _EFFORTS:
            if (value := getattr(case, name)) is not None:
                insort(self._efforts[name], value)
        self._recount(context, group)
        self._restate()

    def forget(self, case: Case, context: Context) -> None:
        """Take a case out again."""
        group = self.groups[context]
        group.forget(case)
        for one in case.parameters:
            if self._newest.get((one.name, one.unit)) == case:
                self._find_newest((one.name, one.unit))
        for name in _EFFORTS:
            if (value := getattr(case, name)) is not None:
                self._efforts[name].remove(value)
        self._recount(context, group)
        self._restate()
        if not group.cases:
            del self.groups[context]

    def _recount(self, context: Context, group: Group) -> None:
        self.tried += group.tried - self._known.pop(context, (0, 0))[0]
        if group.tried:
            self._known[context] = group.tried, group.helped
        self._merits.clear()

    def _find_newest(self, setting: Setting) -> None:
        found = [case for group in self.groups.values() if (case := group.newest(setting)) is not None]
        self._newest.pop(setting, None)
        if found:
            self._newest[setting] = max(found, key=age)

    def _restate(self) -> None:
        """Say anew what is set, and what it takes."""
        self.settings = {(one.name, one.unit): one for one in (self.fix.parameters if self.fix else ())}
        for setting in sorted(self._newest.keys() - self.settings.keys()):
            value = next(one.value for one in self._newest[setting].parameters if (one.name, one.unit) == setting)
            self.settings[setting] = Parameter(setting[0], value, setting[1])
        self.minutes, self.cost = self._typical("minutes"), self._typical("cost")

    def agreement(self, query: Query) -> float:
        """Return how well the best of its contexts agrees with the query."""
        return max((context.agreement(query) for context in self.contexts), default=0.0)

    def counted(self, query: Query) -> Tally:
        """Return the cases with a known outcome: those of the asked cause, else of the asked defect, else all."""
        counted = [count for context, count in self._known.items() if context.is_of(query)]
        return Tally(sum(tried for tried, _ in counted), sum(helped for _, helped in counted))

    def merit(self, query: Query) -> float:
        """Return the chance that this helps here, with its discount for time and cost; counted once for each kind of trouble."""
        trouble = (query.known_cause, query.known_defect, query.product, query.station)
        if trouble not in self._merits:
            self._merits[trouble] = self.chance(query).mean * self.effort
        return self._merits[trouble]

    def chance(self, query: Query) -> Posterior:
        """Return the chance that this helps here: what happened elsewhere is the prior of what happened in this trouble, and so on."""
        if not self.tried:
            return posterior(())
        counts = [[0, 0] for _ in range(4)]
        for context, (tried, helped) in self._known.items():
            if not context.is_of(query):
                count = counts[0]
            elif query.station and context.station == query.station:
                count = counts[3]
            elif query.product and context.product == query.product:
                count = counts[2]
            else:
                count = counts[1]
            count[0] += tried
            count[1] += helped
        return posterior(Tally(*count) for count in counts)

    def warning(self, query: Query) -> Text | None:
        """Return what to say of a fix that was tried in this trouble and mostly failed."""
        counted = self.counted(query)
        if counted.tried < _MOSTLY_FAILED_TRIES or counted.helped > _MOSTLY_FAILED_CHANCE * counted.tried:
            return None
        english = "never helped" if not counted.helped else f"helped only {_times(counted.helped)}"
        return Text(f"{english} in {counted.tried} tries", f"试过 {counted.tried} 次，仅 {counted.helped} 次有效")

    @property
    def effort(self) -> float:
        """Return 1 for what costs no time and no money, down to 1 minus the discount of each."""
        return _discount(self.minutes or 0.0, _HALF_MINUTES) * _discount(self.cost or 0.0, _HALF_COST)

    def parameters(self, query: Query, every: Sequence[Limits]) -> tuple[tuple[Parameter, ...], tuple[Worked, ...]]:
        """Return the settings to use, within the fix's own limits and all of `every`, and the ranges in which they worked lately."""
        found = [self._recommended(parameter, query, every) for parameter in self.settings.values()]
        kept = [one for one in found if one is not None]
        return tuple(parameter for parameter, _ in kept), tuple(worked for _, worked in kept if worked)

    def latest(self, query: Query, least: float, count: int) -> list[Case]:
        """Return the cases whose circumstances agree with the query by at least so much, best first, of equal ones the newest first."""
        agreed: dict[float, list[Group]] = {}
        for context, group in self.groups.items():
            if (value := context.agreement(query)) >= least:
                agreed.setdefault(value, []).append(group)
        newest = (case for value in sorted(agreed, reverse=True) for case in _newest(agreed[value]))
        return list(islice(newest, count))

    def _recommended(self, parameter: Parameter, query: Query, every: Sequence[Limits]) -> tuple[Parameter, Worked | None] | None:
        """Return None where no value is safe: the limits of the fix and those around it have nothing in common."""
        allowed = permitted(parameter.name, parameter.unit, [limits_of([parameter]), *every])
        if allowed is None:
            return None
        low, high = allowed
        values = self._worked(parameter, query, low, high)
        value = float(f"{median(values):.6g}") if values else min(max(parameter.value, low), high)
        ends = [None if isinf(limit) else limit for limit in allowed]
        recommended = Parameter(parameter.name, value, parameter.unit, *ends)
        if len(values) < 2:
            return recommended, None
        least, most = (float(f"{end:.6g}") for end in np.quantile(values, (0.1, 0.9)))
        return recommended, Worked(parameter.name, parameter.unit, least, most, len(values))

    def _worked(self, parameter: Parameter, query: Query, low: float, high: float) -> list[float]:
        """Return the latest safe values that helped, in the narrowest context that knows any."""
        setting = parameter.name, parameter.unit
        worked = [
            (context, one) for context, group in self.groups.items() for one in group.worked.get(setting, ()) if low <= one[2] <= high
        ]
        of_trouble = [(context, one) for context, one in worked if context.is_of(query)]
        of_product = [(context, one) for context, one in of_trouble if query.product and context.product == query.product]
        of_station = [(context, one) for context, one in of_trouble if query.station and context.station == query.station]
        narrowest = [one for _, one in of_station or of_product or of_trouble or worked]
        return [value for _, _, value in sorted(narrowest)[-_RECENT_SUCCESSES:]]

    def _typical(self, name: str) -> float | None:
        stated, known = getattr(self.fix, name) if self.fix else None, self._efforts[name]
        return float(stated) if stated is not None else float(median(known)) if known else None


class Options:
    """All that can be suggested, by id; spellings of one action are one option."""

    def __init__(self, fixes: Sequence[Fix], cases: Sequence[Case]) -> None:
        self.by_id = {fix.fix_id: Option(fix.fix_id, fix.action, fix, context_of_fix(fix)) for fix in fixes}
        self._named = {action_key(words): fix.fix_id for fix in fixes for words in (fix.action.en, fix.action.zh)}
        self._ids: dict[str, str] = {}
        self._contexts: dict[tuple[str | None, ...], Context] = {}
        for case in cases:
            if (option := self.option_of(case)) is not None:
                option.gather(case, self.context_of(case))
        for option in self.by_id.values():
            option.settle()

    def option_of(self, case: Case) -> Option | None:
        """Return what was done in a case; None where nothing was, or by a fix that is gone: there is nothing to suggest."""
        fix_id = case.fix_id if case.fix_id in self.by_id else self._id_of(case.action)
        if not fix_id:
            return None
        if fix_id not in self.by_id:
            self.by_id[fix_id] = Option(fix_id, Text(case.action, case.action))
        return self.by_id[fix_id]

    def context_of(self, case: Case) -> Context:
        """Return where a case happened; the same object for the same place."""
        where = case.cause, case.defect, case.station, case.product
        if where not in self._contexts:
            self._contexts[where] = context_of(case)
        return self._contexts[where]

    def _id_of(self, action: str) -> str:
        """Return the id of an action in words, "" where there are none."""
        if action not in self._ids:
            key = action_key(action)
            self._ids[action] = self._named.get(key, action_id(key)) if key else ""
        return self._ids[action]


def age(case: Case) -> tuple[str, str]:
    """Return what orders cases by time; of those of one instant, always the same one is the newer."""
    return case.when or "", case.case_id


def _place(cases: Sequence[Case], case: Case) -> int:
    """Return where a case stands, or would stand, among cases of which the newest is first: behind its equals."""
    low, high, own = 0, len(cases), age(case)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if age(cases[middle]) < own else (middle + 1, high)
    return low


def _sets(case: Case, setting: Setting) -> bool:
    return case.helped is not False and any((one.name, one.unit) == setting for one in case.parameters)


def _newest(groups: Sequence[Group]) -> Iterator[Case]:
    return merge(*(group.cases for group in groups), key=age, reverse=True)


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def _discount(amount: float, half: float) -> float:
    return 1 - _EFFORT_DISCOUNT * amount / (amount + half)
