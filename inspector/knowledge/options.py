"""What can be suggested: every known fix, and every action that only cases know; each with its cases, counted by context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from math import isinf
from statistics import median

import numpy as np

from inspector.knowledge.chance import Posterior, Tally, posterior
from inspector.knowledge.limits import Limits, limits_of, permitted
from inspector.knowledge.query import Query
from inspector.knowledge.words import action_id, action_key
from inspector.parts import Case, Fix, Parameter, Text, Worked

# How much of a match is left when a field is not given, or is another one. Judgements; only their order matters much: the cause
# decides, then the defect; what helped at another station or with another product helps here more often than not.
_CAUSE_SILENT, _CAUSE_OTHER = 0.5, 0.05
_DEFECT_SILENT, _DEFECT_OTHER = 0.5, 0.2
_DEFECT_SILENT_SAME_CAUSE, _DEFECT_OTHER_SAME_CAUSE = 0.9, 0.6
_STATION_SILENT, _STATION_OTHER, _STATION_RESERVED = 0.85, 0.7, 0.05
_PRODUCT_SILENT, _PRODUCT_OTHER = 0.9, 0.8

# Effort only decides between fixes that help about equally often: an hour, or this cost, takes half of the full discount.
_EFFORT_DISCOUNT, _HALF_MINUTES, _HALF_COST = 0.15, 60.0, 500.0

_RECENT_SUCCESSES = 12
"""A machine ages: what worked lately counts."""
_MOST_SUCCESSES = 100
"""Kept per context: more than are needed, as the safe limits of a station may leave some out."""
_MOSTLY_FAILED_TRIES, _MOSTLY_FAILED_CHANCE = 3, 0.4


@dataclass(frozen=True, slots=True)
class Context:
    """Where something was done, or what a fix is for. Empty sets and None say nothing."""

    causes: frozenset[str] = frozenset()
    defects: frozenset[str] = frozenset()
    station: str | None = None
    product: str | None = None
    reserved: bool = False
    """Whether this may be used at `station` only."""

    def agreement(self, query: Query) -> float:
        """Return 0 (about something else) to 1 (the very same trouble)."""
        same_cause = query.known_cause in self.causes
        agreed = 1.0 if not query.known_cause or same_cause else (_CAUSE_OTHER if self.causes else _CAUSE_SILENT)
        if query.known_defect and query.known_defect not in self.defects:
            agreed *= self._other_defect(same_cause)
        if query.station and query.station != self.station:
            other = _STATION_RESERVED if self.reserved else _STATION_OTHER
            agreed *= other if self.station else _STATION_SILENT
        if query.product and query.product != self.product:
            agreed *= _PRODUCT_OTHER if self.product else _PRODUCT_SILENT
        return agreed

    def _other_defect(self, same_cause: bool) -> float:
        if same_cause:
            return _DEFECT_OTHER_SAME_CAUSE if self.defects else _DEFECT_SILENT_SAME_CAUSE
        # What has a cause and no defect is a trouble that shows on no part: it is not silent, it is about something else.
        return _DEFECT_OTHER if self.defects or self.causes else _DEFECT_SILENT


@dataclass(slots=True)
class Group:
    """The cases of one action in one context."""

    cases: list[Case] = field(default_factory=list)
    """The newest first, once the option is settled."""
    tried: int = 0
    helped: int = 0
    worked: dict[tuple[str, str], list[tuple[str, float]]] = field(default_factory=dict)
    """Setting -> when and with what value it helped, of the newest successes."""


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
    settings: dict[tuple[str, str], Parameter] = field(default_factory=dict)
    """What the fix sets, and what else its cases set."""
    minutes: float | None = None
    """How long it takes: the fix's own word, else the median of its cases."""
    cost: float | None = None
    _known: list[tuple[Context, int, int]] = field(default_factory=list)
    """Where outcomes are known: tried, helped. Read hundreds of times a question, so that it holds nothing else."""
    _merits: dict[tuple[str | None, ...], float] = field(default_factory=dict)

    @property
    def contexts(self) -> list[Context]:
        """Return where this was done, and what it is for."""
        return [*self.groups, *([self.own] if self.own else [])]

    @property
    def cases(self) -> Iterator[Case]:
        """Yield all cases, context by context, the newest first."""
        return (case for group in self.groups.values() for case in group.cases)

    def learn(self, case: Case, context: Context) -> None:
        """Count one more case of this action; `settle` when all are there."""
        group = self.groups.setdefault(context, Group())
        group.cases.append(case)
        if case.helped is not None:
            group.tried += 1
            group.helped += case.helped
            self.tried += 1

    def settle(self) -> None:
        """Work out once what every question needs: a fix may have a hundred thousand cases."""
        self.settings = {(p.name, p.unit): p for p in (self.fix.parameters if self.fix else ())}
        for group in self.groups.values():
            group.cases.sort(key=lambda case: case.when or "", reverse=True)
            for case in group.cases:
                self._note(case, group)
        self._known = [(context, group.tried, group.helped) for context, group in self.groups.items() if group.tried]
        self.minutes, self.cost = self._typical("minutes"), self._typical("cost")

    def _note(self, case: Case, group: Group) -> None:
        if case.helped is False:
            return
        for parameter in case.parameters:
            setting = parameter.name, parameter.unit
            if setting not in self.settings:
                self.settings[setting] = Parameter(parameter.name, parameter.value, parameter.unit)
            worked = group.worked.setdefault(setting, [])
            if case.helped and len(worked) < _MOST_SUCCESSES:
                worked.append((case.when or "", parameter.value))

    def agreement(self, query: Query) -> float:
        """Return how well the best of its contexts agrees with the query."""
        return max((context.agreement(query) for context in self.contexts), default=0.0)

    def counted(self, query: Query) -> Tally:
        """Return the cases with a known outcome: those of the asked cause, else of the asked defect, else all."""
        counted = [(tried, helped) for context, tried, helped in self._known if _is_of(context, query)]
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
        for context, tried, helped in self._known:
            if not _is_of(context, query):
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
            (context, one) for context, group in self.groups.items() for one in group.worked.get(setting, ()) if low <= one[1] <= high
        ]
        of_trouble = [(context, one) for context, one in worked if _is_of(context, query)]
        of_product = [(context, one) for context, one in of_trouble if query.product and context.product == query.product]
        of_station = [(context, one) for context, one in of_trouble if query.station and context.station == query.station]
        narrowest = [one for _, one in of_station or of_product or of_trouble or worked]
        return [value for _, value in sorted(narrowest)[-_RECENT_SUCCESSES:]]

    def _typical(self, name: str) -> float | None:
        stated = getattr(self.fix, name) if self.fix else None
        known = [value for case in self.cases if (value := getattr(case, name)) is not None]
        return float(stated) if stated is not None else float(median(known)) if known else None


def options(fixes: Sequence[Fix], cases: Sequence[Case]) -> list[Option]:
    """Return the fixes with their cases, then the actions that no fix describes; spellings of one action are one option."""
    found = {fix.fix_id: Option(fix.fix_id, fix.action, fix, _context_of_fix(fix)) for fix in fixes}
    named = {action_key(words): fix.fix_id for fix in fixes for words in (fix.action.en, fix.action.zh)}
    contexts: dict[tuple[str | None, ...], Context] = {}
    for case in cases:
        key = action_key(case.action)
        fix_id = case.fix_id if case.fix_id in found else named.get(key)
        if fix_id is None and not key:
            continue  # nothing was done, or it was done by a fix that is gone: there is nothing to suggest
        if fix_id is None:
            fix_id = action_id(key)
            found.setdefault(fix_id, Option(fix_id, Text(case.action, case.action)))
        where = case.cause, case.defect, case.station, case.product
        if where not in contexts:
            contexts[where] = context_of(case)
        found[fix_id].learn(case, contexts[where])
    for option in found.values():
        option.settle()
    return list(found.values())


def context_of(case: Case) -> Context:
    """Return where a case happened."""
    causes = frozenset({case.cause} if case.cause else ())
    return Context(causes, frozenset({case.defect} if case.defect else ()), case.station, case.product)


def _context_of_fix(fix: Fix) -> Context:
    return Context(frozenset(fix.causes), frozenset(fix.defects), fix.station, reserved=fix.station is not None)


def _is_of(context: Context, query: Query) -> bool:
    if cause := query.known_cause:
        return cause in context.causes
    defect = query.known_defect
    return not defect or defect in context.defects


def _newest(groups: Sequence[Group]) -> Iterator[Case]:
    return merge(*(group.cases for group in groups), key=lambda case: case.when or "", reverse=True)


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def _discount(amount: float, half: float) -> float:
    return 1 - _EFFORT_DISCOUNT * amount / (amount + half)
