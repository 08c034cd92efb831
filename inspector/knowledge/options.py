"""What can be suggested: every known fix, and every action that only cases know; each with its cases, counted by context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from inspector.knowledge.chance import Posterior, Tally, posterior
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
_MOSTLY_FAILED_TRIES, _MOSTLY_FAILED_CHANCE = 3, 0.4

Limits = Mapping[tuple[str, str], tuple[float, float]]
"""(parameter, unit) -> (low, high): what a station may be set to, whatever a fix allows elsewhere."""


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
class Option:
    """One thing that can be suggested."""

    fix_id: str
    action: Text
    fix: Fix | None = None
    """None for an action that only cases know."""
    own: Context | None = None
    cases: list[Case] = field(default_factory=list)
    tallies: dict[Context, Tally] = field(default_factory=dict)
    tried: int = 0
    """Cases with a known outcome, wherever."""
    _merits: dict[tuple[str | None, ...], float] = field(default_factory=dict)

    @property
    def contexts(self) -> list[Context]:
        """Return where this was done, and what it is for."""
        return [*self.tallies, *([self.own] if self.own else [])]

    def learn(self, case: Case) -> None:
        """Count one more case of this action."""
        context = context_of(case)
        outcome = Tally() if case.helped is None else Tally(1, int(case.helped))
        self.tallies[context] = self.tallies.get(context, Tally()) + outcome
        self.cases.append(case)
        self.tried += outcome.tried
        self._merits.clear()

    def agreement(self, query: Query) -> float:
        """Return how well the best of its contexts agrees with the query."""
        return max((context.agreement(query) for context in self.contexts), default=0.0)

    def counted(self, query: Query) -> Tally:
        """Return the cases with a known outcome: those of the asked cause, else of the asked defect, else all."""
        return sum((tally for context, tally in self.tallies.items() if _is_of(context, query)), Tally())

    def merit(self, query: Query) -> float:
        """Return the chance that this helps here, with its discount for time and cost; counted once for each kind of trouble."""
        trouble = (query.known_cause, query.known_defect, query.product, query.station)
        if trouble not in self._merits:
            self._merits[trouble] = self.chance(query).mean * self.effort
        return self._merits[trouble]

    def chance(self, query: Query) -> Posterior:
        """Return the chance that this helps here: what happened elsewhere is the prior of what happened in this trouble, and so on."""
        elsewhere, trouble, product, station = Tally(), Tally(), Tally(), Tally()
        if not self.tried:
            return posterior(())
        for context, tally in self.tallies.items():
            if not _is_of(context, query):
                elsewhere += tally
            elif query.station and context.station == query.station:
                station += tally
            elif query.product and context.product == query.product:
                product += tally
            else:
                trouble += tally
        return posterior((elsewhere, trouble, product, station))

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

    @property
    def minutes(self) -> float | None:
        """Return how long it takes: the fix's own word, else the median of its cases."""
        return self._typical("minutes")

    @property
    def cost(self) -> float | None:
        """Return what it costs, likewise."""
        return self._typical("cost")

    def parameters(self, query: Query, limits: Limits) -> tuple[tuple[Parameter, ...], tuple[Worked, ...]]:
        """Return the settings to use, within the safe limits of fix and station, and the ranges in which they worked lately."""
        named = {(p.name, p.unit): p for p in (self.fix.parameters if self.fix else ())}
        for case in self.cases:
            if case.helped is not False:
                named |= {(p.name, p.unit): Parameter(p.name, p.value, p.unit) for p in case.parameters if (p.name, p.unit) not in named}
        found = [self._recommended(parameter, query, limits.get(key)) for key, parameter in named.items()]
        kept = [one for one in found if one is not None]
        return tuple(parameter for parameter, _ in kept), tuple(worked for _, worked in kept if worked)

    def _recommended(
        self, parameter: Parameter, query: Query, station: tuple[float, float] | None
    ) -> tuple[Parameter, Worked | None] | None:
        """Return None where no value is safe: the limits of the fix and those of the station have nothing in common."""
        low, high = _common(parameter, station)
        if low > high:
            return None
        values = self._worked(parameter, query, low, high)
        value = float(f"{median(values):.6g}") if values else min(max(parameter.value, low), high)
        limits = [None if abs(limit) == float("inf") else limit for limit in (low, high)]
        recommended = Parameter(parameter.name, value, parameter.unit, *limits)
        if len(values) < 2:
            return recommended, None
        least, most = (float(f"{end:.6g}") for end in np.quantile(values, (0.1, 0.9)))
        return recommended, Worked(parameter.name, parameter.unit, least, most, len(values))

    def _worked(self, parameter: Parameter, query: Query, low: float, high: float) -> list[float]:
        """Return the latest safe values that helped, in the narrowest context that knows any."""
        worked = [(case, value) for case in self.cases if case.helped for value in _values(case, parameter) if low <= value <= high]
        of_trouble = [one for one in worked if _is_of(context_of(one[0]), query)]
        of_product = [one for one in of_trouble if query.product and one[0].product == query.product]
        of_station = [one for one in of_trouble if query.station and one[0].station == query.station]
        narrowest = of_station or of_product or of_trouble or worked
        latest = sorted(narrowest, key=lambda one: one[0].when or "")[-_RECENT_SUCCESSES:]
        return [value for _, value in latest]

    def _typical(self, name: str) -> float | None:
        stated = getattr(self.fix, name) if self.fix else None
        known = [value for case in self.cases if (value := getattr(case, name)) is not None]
        return float(stated) if stated is not None else float(median(known)) if known else None


def options(fixes: Sequence[Fix], cases: Sequence[Case]) -> list[Option]:
    """Return the fixes with their cases, then the actions that no fix describes; spellings of one action are one option."""
    found = {fix.fix_id: Option(fix.fix_id, fix.action, fix, _context_of_fix(fix)) for fix in fixes}
    named = {action_key(words): fix.fix_id for fix in fixes for words in (fix.action.en, fix.action.zh)}
    for case in cases:
        key = action_key(case.action)
        fix_id = case.fix_id if case.fix_id in found else named.get(key)
        if fix_id is None and not key:
            continue  # nothing was done, or it was done by a fix that is gone: there is nothing to suggest
        if fix_id is None:
            fix_id = action_id(key)
            found.setdefault(fix_id, Option(fix_id, Text(case.action, case.action)))
        found[fix_id].learn(case)
    return list(found.values())


def context_of(case: Case) -> Context:
    """Return where a case happened."""
    causes = frozenset({case.cause} if case.cause else ())
    return Context(causes, frozenset({case.defect} if case.defect else ()), case.station, case.product)


def _context_of_fix(fix: Fix) -> Context:
    return Context(frozenset(fix.causes), frozenset(fix.defects), fix.station, reserved=fix.station is not None)


def _is_of(context: Context, query: Query) -> bool:
    if query.known_cause:
        return query.known_cause in context.causes
    return not query.known_defect or query.known_defect in context.defects


def _values(case: Case, parameter: Parameter) -> list[float]:
    return [one.value for one in case.parameters if (one.name, one.unit) == (parameter.name, parameter.unit)]


def _common(parameter: Parameter, station: tuple[float, float] | None) -> tuple[float, float]:
    low = -float("inf") if parameter.low is None else parameter.low
    high = float("inf") if parameter.high is None else parameter.high
    return (low, high) if station is None else (max(low, station[0]), min(high, station[1]))


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def _discount(amount: float, half: float) -> float:
    return 1 - _EFFORT_DISCOUNT * amount / (amount + half)
