"""What can be suggested: every known fix, and every action that only cases know; each with its cases, counted by context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from inspector.knowledge.chance import Tally, chance_to_help
from inspector.knowledge.query import Query
from inspector.knowledge.words import action_id, action_key
from inspector.parts import Case, Fix, Parameter, Text

# How much of a match is left when a field is not given, or is another one. Judgements; only their order matters much: the cause
# decides, then the defect; what helped at another station or with another product helps here more often than not.
_CAUSE_SILENT, _CAUSE_OTHER = 0.5, 0.05
_DEFECT_SILENT, _DEFECT_OTHER = 0.5, 0.2
_DEFECT_SILENT_SAME_CAUSE, _DEFECT_OTHER_SAME_CAUSE = 0.9, 0.6
_STATION_SILENT, _STATION_OTHER, _STATION_RESERVED = 0.85, 0.7, 0.05
_PRODUCT_SILENT, _PRODUCT_OTHER = 0.9, 0.8

# Effort only decides between fixes that help about equally often: an hour, or this cost, takes half of the full discount.
_EFFORT_DISCOUNT, _HALF_MINUTES, _HALF_COST = 0.15, 60.0, 500.0


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
        trouble = (query.known_cause, query.known_defect, query.station)
        if trouble not in self._merits:
            self._merits[trouble] = self.chance(query) * self.effort
        return self._merits[trouble]

    def chance(self, query: Query) -> float:
        """Return the chance that this helps here: what happened elsewhere is the prior of what happened in this trouble, and so on."""
        elsewhere, trouble, here = Tally(), Tally(), Tally()
        if not self.tried:
            return chance_to_help(())
        for context, tally in self.tallies.items():
            if not _is_of(context, query):
                elsewhere += tally
            elif query.station and context.station == query.station:
                here += tally
            else:
                trouble += tally
        return chance_to_help((elsewhere, trouble, here))

    @property
    def effort(self) -> float:
        """Return 1 for what costs no time and no money, down to 1 minus the discount of each."""
        minutes, cost = self._typical("minutes"), self._typical("cost")
        return _discount(minutes, _HALF_MINUTES) * _discount(cost, _HALF_COST)

    def parameters(self, query: Query) -> tuple[Parameter, ...]:
        """Return the settings to use: the median of what helped, in the narrowest context that knows, within the safe limits."""
        named = {(p.name, p.unit): p for p in (self.fix.parameters if self.fix else ())}
        for case in self.cases:
            if case.helped is not False:
                named |= {(p.name, p.unit): Parameter(p.name, p.value, p.unit) for p in case.parameters if (p.name, p.unit) not in named}
        return tuple(self._recommended(parameter, query) for parameter in named.values())

    def _recommended(self, parameter: Parameter, query: Query) -> Parameter:
        low = -float("inf") if parameter.low is None else parameter.low
        high = float("inf") if parameter.high is None else parameter.high
        worked = [
            (context_of(case), value) for case in self.cases if case.helped for value in _values(case, parameter) if low <= value <= high
        ]
        of_cause = [(context, value) for context, value in worked if _is_of(context, query)]
        of_station = [(context, value) for context, value in of_cause if context.station == query.station]
        values = [value for _, value in of_station or of_cause or worked]
        value = float(f"{median(values):.6g}") if values else min(max(parameter.value, low), high)
        return Parameter(parameter.name, value, parameter.unit, parameter.low, parameter.high)

    def _typical(self, name: str) -> float:
        stated = getattr(self.fix, name) if self.fix else None
        known = [value for case in self.cases if (value := getattr(case, name)) is not None]
        return float(stated if stated is not None else median(known) if known else 0.0)


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


def _discount(amount: float, half: float) -> float:
    return 1 - _EFFORT_DISCOUNT * amount / (amount + half)
