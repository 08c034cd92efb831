"""What a setting may be put to: no suggestion leaves the safe limits, whatever helped elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

from inspector.parts import Fix, Parameter

Limits = Mapping[tuple[str, str], tuple[float, float]]
"""(setting, unit) -> (low, high)."""


class SafeLimits:
    """The limits of all stations that are known, and of what the known fixes set."""

    def __init__(self, stations: Mapping[str, Limits] | None = None, fixes: Sequence[Fix] = ()) -> None:
        self._of_fixes = _hull(fixes)
        self._stations = stations or {}

    def at(self, station: str | None) -> tuple[Limits, ...]:
        """Return what binds at a station; where it is not named, or not known, what binds at any one."""
        known = self._stations.get(station or "")
        return self._of_fixes, *(self._stations.values() if known is None else (known,))


def limits_of(parameters: Iterable[Parameter]) -> Limits:
    """Return between what values settings say of themselves that they may lie."""
    return {(one.name, one.unit): (-inf if one.low is None else one.low, inf if one.high is None else one.high) for one in parameters}


def permitted(name: str, unit: str, every: Iterable[Limits]) -> tuple[float, float] | None:
    """Return (low, high) of a setting within all limits; None where no value is safe.

    A setting that is limited in another unit cannot be compared: no value of it is safe.
    """
    low, high = -inf, inf
    for limits in every:
        if (name, unit) in limits:
            low, high = max(low, limits[name, unit][0]), min(high, limits[name, unit][1])
        elif any(name == limited for limited, _ in limits):
            return None
    return (low, high) if low <= high else None


def within(suggestions: Iterable[Mapping[str, Any]], every: Sequence[Limits]) -> list[dict[str, Any]]:
    """Return suggestions, as `inspector.document` writes them, without the settings that have become unsafe since."""
    return [{**one, "parameters": [setting for setting in one.get("parameters", ()) if _is_safe(setting, every)]} for one in suggestions]


def _is_safe(setting: Mapping[str, Any], every: Sequence[Limits]) -> bool:
    allowed = permitted(setting["name"], setting["unit"], every)
    return allowed is not None and allowed[0] <= setting["value"] <= allowed[1]


def _hull(fixes: Sequence[Fix]) -> Limits:
    """Return between what some fix allows each setting: an action that no fix describes must not leave that either."""
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for setting, (low, high) in (one for fix in fixes for one in limits_of(fix.parameters).items()):
        least, most = found.get(setting, (inf, -inf))
        found[setting] = min(low, least), max(high, most)
    return found
