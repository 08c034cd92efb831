"""The course of one channel over hours and days in bounded memory: the same whatever order its samples come in, and how often.

Time is cut into slots, of three widths. A slot keeps a few of its samples, those whose stamps have the smallest hash: a fair draw that
no order of arrival and no repetition changes (bottom-k sampling; Cohen and Kaplan, PODC 2007). So a recording gives what the live stream
gave, samples may be late by as long as their slot is remembered, and the overlapping windows of one part and the next count once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_F = NDArray[np.float64]
_I = NDArray[np.int64]

SLOTS = 160
WIDTHS_S = (15, 180, 2160)
"""So 40 minutes are remembered finely, 8 hours coarsely, 4 days roughly. Each is a multiple of the one before."""
_KEPT = 3
_WIDTHS_NS = tuple(width_s * 1_000_000_000 for width_s in WIDTHS_S)
REACH_NS = SLOTS * _WIDTHS_NS[-1]


class Course:
    """One channel: at each width, the times and values that were kept."""

    def __init__(self, unit: str = "") -> None:
        self.unit = unit
        self._kept: list[tuple[_I, _F]] = [(np.empty(0, np.int64), np.empty(0)) for _ in WIDTHS_S]

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest sample; None before the first."""
        stamps = self._kept[0][0]
        return int(stamps[-1]) if len(stamps) else None

    def add(self, t_ns: _I, values: _F) -> None:
        """Take in samples in any order; what is no number is left out, of samples with one stamp the first that came counts.

        Samples older than everything remembered come from a clock that was set anew: what was before is forgotten.
        """
        usable = np.isfinite(values)
        stamps, numbers = np.asarray(t_ns[usable], dtype=np.int64), np.asarray(values[usable], dtype=np.float64)
        if len(stamps) == 0:
            return
        if self.newest_ns is not None and int(stamps.max()) < self.newest_ns - REACH_NS:
            self._kept = [(np.empty(0, np.int64), np.empty(0)) for _ in WIDTHS_S]
        for level, width_ns in enumerate(_WIDTHS_NS):
            stamps, numbers = _drawn(stamps, numbers, width_ns)
            self._kept[level] = _with(*self._kept[level], stamps, numbers, width_ns)

    def slots(self, level: int, before_ns: int) -> tuple[_I, _F]:
        """Return (numbers, medians) of the slots of a width that have samples and had ended at an instant, in time order."""
        stamps, numbers = self._kept[level]
        slot = stamps // _WIDTHS_NS[level]
        ended = slot < before_ns // _WIDTHS_NS[level]
        slot, numbers = slot[ended], numbers[ended]
        if len(slot) == 0:
            return slot, numbers
        order = np.lexsort((numbers, slot))
        slot, numbers = slot[order], numbers[order]
        first = np.flatnonzero(_begins(slot))
        count = np.diff(first, append=len(slot))
        return slot[first], (numbers[first + (count - 1) // 2] + numbers[first + count // 2]) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"unit": self.unit, "kept": [{"t_ns": stamps.tolist(), "values": numbers.tolist()} for stamps, numbers in self._kept]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], moved_ns: int = 0) -> Course:
        """Return what `to_dict` gave, its stamps `moved_ns` later. Raises KeyError, TypeError or ValueError on anything else."""
        course = cls(str(content["unit"]))
        kept = [(np.array(one["t_ns"], np.int64) + moved_ns, np.array(one["values"], np.float64)) for one in content["kept"]]
        if len(kept) != len(WIDTHS_S) or any(len(stamps) != len(numbers) for stamps, numbers in kept):
            raise ValueError("a course whose times and values do not belong together")
        if not all(np.all(np.diff(stamps) > 0) and np.all(np.isfinite(numbers)) for stamps, numbers in kept):
            raise ValueError("a course whose times do not ascend or whose values are no numbers")
        course._kept = kept
        return course


def _with(old_stamps: _I, old_numbers: _F, stamps: _I, numbers: _F, width_ns: int) -> tuple[_I, _F]:
    """Return what is kept of the newest slots when new samples join the old; only the slots that they fall into are drawn anew."""
    touched = stamps[[0, -1]] // width_ns * width_ns + np.array([0, width_ns])
    first, last = np.searchsorted(old_stamps, touched)
    both = np.concatenate([old_stamps[first:last], stamps]), np.concatenate([old_numbers[first:last], numbers])
    stamps, numbers = _drawn(*both, width_ns)
    stamps = np.concatenate([old_stamps[:first], stamps, old_stamps[last:]])
    numbers = np.concatenate([old_numbers[:first], numbers, old_numbers[last:]])
    oldest = np.searchsorted(stamps, (stamps[-1] // width_ns - SLOTS + 1) * width_ns)
    return stamps[oldest:], numbers[oldest:]


def _drawn(stamps: _I, numbers: _F, width_ns: int) -> tuple[_I, _F]:
    """Return the samples that each slot keeps, in time order; of samples with one stamp the first counts."""
    slot = stamps // width_ns
    order = np.lexsort((_hashed(stamps), slot))
    stamps, numbers, slot = stamps[order], numbers[order], slot[order]
    new = _begins(stamps)
    stamps, numbers, slot = stamps[new], numbers[new], slot[new]
    begins = _begins(slot)
    rank = np.arange(len(slot)) - np.flatnonzero(begins)[np.cumsum(begins) - 1]
    stamps, numbers = stamps[rank < _KEPT], numbers[rank < _KEPT]
    order = np.argsort(stamps)
    return stamps[order], numbers[order]


def _begins(ordered: _I) -> NDArray[np.bool_]:
    """Tell where a run of equal numbers begins."""
    begins = np.ones(len(ordered), np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    return begins


def _hashed(stamps: _I) -> NDArray[np.uint64]:
    """Return numbers as even as chance that depend on the stamp alone (the finaliser of splitmix64; Steele et al., OOPSLA 2014)."""
    mixed = stamps.astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
