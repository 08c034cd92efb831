"""Where something was done, or what a fix is for; and how well that agrees with what is asked."""

from __future__ import annotations

from dataclasses import dataclass

from inspector.knowledge.query import Query
from inspector.parts import Case, Fix

# How much of a match is left when a field is not given, or is another one. Judgements; only their order matters much: the cause
# decides, then the defect; what helped at another station or with another product helps here more often than not.
_CAUSE_SILENT, _CAUSE_OTHER = 0.5, 0.05
_DEFECT_SILENT, _DEFECT_OTHER = 0.5, 0.2
_DEFECT_SILENT_SAME_CAUSE, _DEFECT_OTHER_SAME_CAUSE = 0.9, 0.6
_STATION_SILENT, _STATION_OTHER, _STATION_RESERVED = 0.85, 0.7, 0.05
_PRODUCT_SILENT, _PRODUCT_OTHER = 0.9, 0.8


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

    def is_of(self, query: Query) -> bool:
        """Return whether this is about the asked cause, or where none is known the asked defect; about anything where neither is."""
        if cause := query.known_cause:
            return cause in self.causes
        defect = query.known_defect
        return not defect or defect in self.defects


def context_of(case: Case) -> Context:
    """Return where a case happened."""
    causes = frozenset({case.cause} if case.cause else ())
    return Context(causes, frozenset({case.defect} if case.defect else ()), case.station, case.product)


def context_of_fix(fix: Fix) -> Context:
    """Return what a fix is for."""
    return Context(frozenset(fix.causes), frozenset(fix.defects), fix.station, reserved=fix.station is not None)
