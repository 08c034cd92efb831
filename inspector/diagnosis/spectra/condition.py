"""The condition of a bearing, inner ring, outer ring, rolling element or sound, from its lines by rules of physics and no training.

Each part of the bearing gets a margin in dB: how far the weakest of what its damage must show stands beyond its limit. Above 0 the damage
is there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from inspector.diagnosis.measurements import Measurement, Sheet
from inspector.diagnosis.ranges import Range

Condition = Literal["sound", "outer_race", "inner_race", "rolling_element"]
RACES: dict[Condition, str] = {"outer_race": "bpfo", "inner_race": "bpfi"}
LINE_LIMIT_DB = 10.0
"""What the combs of white noise of 1 s hardly ever reach, at any sampling rate (tests/unit/inspector/diagnosis/spectra)."""
SWING_LIMIT_DB = 3.0
"""The band's level moves between half and double its mean at the line's rate: less is a line that can be measured and does no harm."""
IMPACT_LIMIT = 1.9
"""Spectral kurtosis of steady noise whose amplitude swings fully, as a sine: more takes impacts, E[a^4] / E[a^2]^2 of a = 1 + sin."""
PLAIN_DB = 6.0
"""Short sharp impacts make a band's level swing little; where there are any, a line twice as high as chance accounts for them."""
_UNDAMAGED = Range.within(None, 0.0)
"""A margin below its limit is no damage, however low good parts lie."""
_SURE_DB = 1.5
"""So far beyond a limit odds rise e-fold."""


def note_rings(sheet: Sheet) -> None:
    """Note the margin of each ring, from the lines that are on the sheet already."""
    rows = _needed(sheet)
    for condition, line in RACES.items():
        margin = _line_margin_db(rows, line)
        if margin is not None:
            sheet.note(condition, margin, "dB", at_hz=rows[f"envelope_{line}"].at_hz, usual=_UNDAMAGED)


def note_element(sheet: Sheet) -> None:
    """Note the margin of the rolling elements, from lines, rings and what else strikes regularly, as far as they are on the sheet."""
    rows = _needed(sheet)
    spin, impacts = _line_margin_db(rows, "bsf"), rows.get("repeated_impacts")
    rings = [rows[ring].value for ring in RACES if ring in rows]
    if spin is None or impacts is None or not rings:
        return
    # a damaged ring strikes regularly and explains the impacts, as does whatever else does; a pit on an element often misses the track
    # and leaves no line. So it is with a sensor on the housing: a microphone hears the knocks of the whole hall
    impulsive_db = _impulsive_db(rows)
    regular = max(rings) > 0 or "geometry_deviation" in rows
    by_line = regular or impulsive_db < spin or sheet.modality != "vibration"
    margin, at_hz = (spin, rows["envelope_bsf"].at_hz) if by_line else (impulsive_db, impacts.at_hz)
    sheet.note("rolling_element", margin, "dB", at_hz=at_hz, usual=_UNDAMAGED)


_NEEDED = (
    "repeated_impacts",
    "geometry_deviation",
    *RACES,
    *(f"{part}_{line}" for part in ("envelope", "swing") for line in ("bpfo", "bpfi", "bsf")),
)


def _needed(sheet: Sheet) -> dict[str, Measurement]:
    return {kind: sheet.rows[key] for kind in _NEEDED if (key := f"{sheet.channel}.{kind}") in sheet.rows}


def _impulsive_db(rows: Mapping[str, Measurement]) -> float:
    """Return how far the impacts are beyond what steady noise with a full swing has."""
    impacts = rows.get("repeated_impacts")
    return -math.inf if impacts is None else 10 * math.log10(max(impacts.value, 0.01) / IMPACT_LIMIT)


def _line_margin_db(rows: Mapping[str, Measurement], line: str) -> float | None:
    """Return how far the weaker of height and harm is beyond its limit; harm is a swing, or plain impacts at a line that is as plain."""
    level, swing = rows.get(f"envelope_{line}"), rows.get(f"swing_{line}")
    if level is None or swing is None:
        return None
    height_db = level.value - max(LINE_LIMIT_DB, level.usual.high if level.usual else 0.0)
    swing_db = 20 * math.log10(max(swing.value, 0.01) / SWING_LIMIT_DB)
    return max(min(height_db, swing_db), min(height_db - PLAIN_DB, _impulsive_db(rows)))


def condition_of(margins_db: Mapping[str, float]) -> dict[Condition, float]:
    """Return the probability of each condition for the margins of one channel; empty where none is known."""
    known: dict[Condition, float] = {c: margins_db[c] for c in ("outer_race", "inner_race", "rolling_element") if c in margins_db}
    if not known:
        return {}
    weights: dict[Condition, float] = {c: math.exp(min(max(margin / _SURE_DB, -30), 30)) for c, margin in known.items()}
    weights["sound"] = 1.0
    total = sum(weights.values())
    return {condition: weight / total for condition, weight in weights.items()}
