"""What every channel did over the last minutes, hours and days: what one part's window is too short to show.

A value that is handed to `diagnose`. Its quantities are called `long_*` and bring their own usual range: what the same channel did before,
where the station names its load or its hall's temperature (`machine.regime`) at like values of those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.diagnosis.courses import SLOTS, WIDTHS_S, Course
from inspector.diagnosis.measurements import Measurement, Measurements, Sheet
from inspector.diagnosis.ranges import range_of, share_beyond
from inspector.diagnosis.sequence import lag_between, what_changed_first
from inspector.diagnosis.trends import note_breaks
from inspector.parts import Modality, PartRecord

_F = NDArray[np.float64]

_FORMAT = 1
FEWEST_SLOTS = 24
"""A channel that was seen in fewer slots of a width has no history of that width yet."""
_BLOCK = 5
"""Slots that make one value to compare: the present is the last block."""
_APART = 3
"""A change is from one block to the third after it; what is younger than that is no past to compare with."""
_FEWEST_PAST = 8
_LIKE_SHARE = 0.2
"""The past at like load is the nearest fifth of it."""
_LIKE_WITHIN = 0.25
"""And no further away than this share of the load's whole range: else there is no past at like load."""
_HEARD = "loudness"
"""What is followed of a sound, a vibration, a fast current."""


@dataclass(frozen=True, slots=True)
class _Table:
    values: _F
    """One per slot, NaN where there was no sample, the newest last."""
    unit: str
    modality: Modality


class History:
    """The courses of a station's channels, by name."""

    def __init__(self) -> None:
        self._courses: dict[str, Course] = {}
        self._modalities: dict[str, Modality] = {}
        self._last: dict[tuple[int, tuple[str, ...]], tuple[int, list[Measurement]]] = {}

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest sample of all; None before the first."""
        return max((course.newest_ns for course in self._courses.values() if course.newest_ns is not None), default=None)

    def add(self, record: PartRecord, measurements: Measurements) -> None:
        """Take in one part: its series, and how loud each of its waveforms was. Parts may come late, twice, or in any order."""
        for name, series in record.series.items():
            self.add_samples(
                name, series.t_ns, series.values, series.unit or (record.channels[name].unit if name in record.channels else "")
            )
        for name in record.waveforms:
            heard = measurements.get(f"{name}.{_HEARD}")
            if heard is not None:
                stamp = np.array([record.trigger.t_ns], np.int64)
                self.add_samples(name, stamp, np.array([heard.value]), heard.unit, heard.modality)

    def add_samples(self, channel: str, t_ns: NDArray[np.int64], values: _F, unit: str = "", modality: Modality = "series") -> None:
        """Take in samples of one channel, in any order, late or twice."""
        self._courses.setdefault(channel, Course(unit)).add(t_ns, values)
        self._modalities[channel] = modality

    def measure(self, now_ns: int, regime: Sequence[str] = ()) -> Measurements:
        """Return what the slots that had ended at an instant tell; of each quantity the width at which it is strangest.

        A sample that comes late counts from the next slot on.
        """
        rows: dict[str, Measurement] = {}
        for row in self.at_each_width(now_ns, regime):
            if row.key not in rows or _reach(row) > _reach(rows[row.key]):
                rows[row.key] = row
        rows.update(what_changed_first(rows, "long_onset", "long_onset_lag"))
        return rows

    def at_each_width(self, now_ns: int, regime: Sequence[str] = ()) -> Iterable[Measurement]:
        """Yield every quantity at every width that has a past, the finest width first."""
        for level, width_s in enumerate(WIDTHS_S):
            slot, found = self._at(level, now_ns, tuple(regime))
            for row in found:
                yield _shifted(row, slot * width_s - now_ns / 1e9)

    def _at(self, level: int, now_ns: int, regime: tuple[str, ...]) -> tuple[int, list[Measurement]]:
        """Return (the slot under way, quantities with times relative to its beginning); measured once a slot."""
        slot = now_ns // (WIDTHS_S[level] * 1_000_000_000)
        known = self._last.get((level, regime))
        if known is None or known[0] != slot:
            known = slot, list(_measured(float(WIDTHS_S[level]), self._tables(level, now_ns, slot), regime))
            self._last[level, regime] = known
        return known

    def _tables(self, level: int, now_ns: int, slot: int) -> dict[str, _Table]:
        tables = {}
        for name, course in self._courses.items():
            numbers, medians = course.slots(level, now_ns)
            recent = numbers >= slot - SLOTS
            values = np.full(SLOTS, np.nan)
            values[(numbers[recent] - slot + SLOTS).astype(np.intp)] = medians[recent]
            tables[name] = _Table(values, course.unit, self._modalities[name])
        return tables

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; stamps are on the station's clock, which begins anew with the computer."""
        channels = {name: course.to_dict() | {"modality": self._modalities[name]} for name, course in self._courses.items()}
        return {"format": _FORMAT, "channels": channels}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], moved_ns: int = 0) -> History:
        """Return what `to_dict` gave, its stamps `moved_ns` later. Raises KeyError, TypeError or ValueError on anything else."""
        if content["format"] != _FORMAT:
            raise ValueError(f"a history of format {content['format']}, this version reads {_FORMAT}")
        history = cls()
        history._courses = {str(name): Course.from_dict(one, moved_ns) for name, one in content["channels"].items()}
        history._modalities = {str(name): one["modality"] for name, one in content["channels"].items()}
        return history


def _reach(row: Measurement) -> float:
    return abs(row.usual.reach(row.value)) if row.usual else 0.0


def _shifted(row: Measurement, by_s: float) -> Measurement:
    value = row.value + by_s if row.kind == "long_onset" else row.value
    return replace(row, value=value, start_s=row.start_s + by_s, end_s=row.end_s + by_s)


def _measured(width_s: float, tables: Mapping[str, _Table], regime: Sequence[str]) -> Iterable[Measurement]:
    """Yield the quantities of one width, times relative to the beginning of the slot under way."""
    t_s: _F = (np.arange(SLOTS, dtype=np.float64) - SLOTS + 0.5) * width_s
    load = {name: tables[name].values for name in regime if name in tables}
    for name, table in tables.items():
        seen = np.isfinite(table.values)
        if seen.sum() < FEWEST_SLOTS:
            continue
        sheet = Sheet(name, table.modality, float(t_s[seen][0]), float(t_s[seen][-1]), table.unit)
        others = [row for other, row in load.items() if other != name]
        _change(sheet, _blocks(table.values), width_s)
        _excursion(sheet, table.values, np.stack(others, axis=1) if others else None, width_s)
        note_breaks(sheet, t_s[seen], table.values[seen], table.unit, "long_")
        yield from sheet.rows.values()
        yield from _lag(sheet, t_s, table.values, load, width_s)


def _change(sheet: Sheet, blocks: _F, width_s: float) -> None:
    """Note the change over the last few blocks, against all earlier changes over as many."""
    changes = blocks[_APART:] - blocks[:-_APART]
    _against_past(sheet, "long_change", changes[-1], changes[:-_APART], -(_APART + 1) * _BLOCK * width_s, None)


def _excursion(sheet: Sheet, values: _F, load: _F | None, width_s: float) -> None:
    """Note how far the last block lies from what it was before, at like load if that is known."""
    blocks = _blocks(values - _expected(values, load))
    past = blocks[: -_APART - 1]
    _against_past(sheet, "long_excursion", blocks[-1], past, -_BLOCK * width_s, _independent(past))


def _against_past(sheet: Sheet, kind: str, value: float, past: _F, start_s: float, independent: float | None) -> None:
    """Note a value with the range of those before it."""
    past = past[np.isfinite(past)]
    if len(past) >= _FEWEST_PAST:
        ordered = np.sort(past)
        usual = range_of(ordered, sheet.channel_unit, independent)
        beyond = share_beyond(ordered, usual.centre, value)
        sheet.note(kind, value, sheet.channel_unit, span_s=(start_s, 0.0), usual=usual, beyond_share=beyond)


def _independent(values: _F) -> float | None:
    """Return how many independent values these are worth, at least a third: n (1 - r) / (1 + r), each being like the one before by r.

    A past that only wanders would else tell so little that nothing could leave it.
    """
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return None
    moved = values - values.mean()
    alike = float(moved[1:] @ moved[:-1]) / max(float(moved @ moved), 1e-300)
    alike = min(max(alike, 0.0), 0.5)
    return len(values) * (1 - alike) / (1 + alike)


def _blocks(values: _F) -> _F:
    """Return the median of every five slots, NaN where fewer than two of them were seen."""
    ordered = np.sort(values.reshape(-1, _BLOCK), axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    rows = np.arange(len(ordered))
    middle = (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, np.minimum(count // 2, _BLOCK - 1)]) / 2
    return np.where(count >= 2, middle, np.nan)


def _expected(values: _F, load: _F | None) -> _F:
    """Return what each slot should be by the past: its median, or the median of those slots in which the load was most alike.

    NaN where the past knows no like load. `load` is (SLOTS, channels).
    """
    past = np.arange(SLOTS) < SLOTS - (_APART + 1) * _BLOCK
    known = past & np.isfinite(values) if load is None else past & np.isfinite(values) & np.isfinite(load).all(axis=1)
    if known.sum() < _FEWEST_PAST:
        return np.full(SLOTS, np.nan)
    if load is None:
        return np.full(SLOTS, float(np.median(values[known])))
    low, high = np.quantile(load[known], (0.05, 0.95), axis=0)
    scale = np.maximum(high - low, 0.003 * np.abs(high) + 1e-12)
    apart = np.max(np.abs(load[:, None] - load[known][None]) / scale, axis=2)
    apart[~np.isfinite(apart)] = np.inf
    near = max(_FEWEST_PAST, round(_LIKE_SHARE * int(known.sum())))
    nearest = np.argpartition(apart, near - 1, axis=1)[:, :near]
    expected = np.median(values[known][nearest], axis=1)
    furthest = np.take_along_axis(apart, nearest, axis=1).max(axis=1)
    return np.where(furthest <= _LIKE_WITHIN, expected, np.nan)


def _lag(sheet: Sheet, t_s: _F, values: _F, load: Mapping[str, _F], width_s: float) -> Iterable[Measurement]:
    """Yield by how much a channel follows the first of those that say how hard the machine works."""
    first = next(iter(load), sheet.channel)
    there, seen = np.isfinite(load.get(first, values)), np.isfinite(values)
    if first == sheet.channel or there.sum() < FEWEST_SLOTS:
        return
    lag = lag_between((t_s[there], load[first][there]), (t_s[seen], values[seen]), SLOTS * width_s / 4)
    if lag is not None:
        span_s = sheet.start_s, sheet.end_s
        yield Measurement(sheet.channel, sheet.modality, "long_lag", lag.lag_s, "s", *span_s, channel_unit=sheet.channel_unit, of=first)
