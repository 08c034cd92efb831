"""Damage of a rolling bearing: its lines in the envelope spectra, against what chance reaches in the very same spectra.

A pit on the outer ring is struck at BPFO, one on the inner ring at BPFI and, as it turns through the load, with sidebands at the shaft's
distance; one on a rolling element at twice BSF with sidebands at the cage's distance, but only while it runs in the track, so that its
impacts often come without any line (Randall and Antoni 2011; Smith and Randall 2015).

What is normal follows from physics where no good part was ever seen: the same comb is laid at rates that nothing in the bearing has, and
how high it comes there is what chance reaches in this spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inspector.config import BearingConfig
from inspector.diagnosis.measurements import Sheet
from inspector.diagnosis.medians import quantile
from inspector.diagnosis.ranges import Range
from inspector.diagnosis.spectra.combs import Weights, comb_db, without_lines
from inspector.diagnosis.spectra.envelopes import Envelopes
from inspector.diagnosis.spectra.orders import SPEED_TOLERANCE
from inspector.diagnosis.spectra.spectrogram import Array

_RACE_TEETH: Weights = ((1, 0.4), (2, 0.35), (3, 0.25))
_TEETH: dict[str, Weights] = {
    "bpfo": _RACE_TEETH,
    "bpfi": _RACE_TEETH,
    # a pit on a ball meets both rings in each turn of the ball: twice the spin frequency is its strongest line
    "bsf": ((1, 0.2), (2, 0.6), (4, 0.2)),
    "ftf": _RACE_TEETH,
}
_HIGHEST_TOOTH = 3.2
_STRETCH = 0.05
"""Beyond the tolerance a line still counts up to here, less by 3 dB for each percent: ratios in data sheets are rounded."""
_STRETCH_DB_PER_SHARE = 300.0
_CLEAR_DB = 6.0
"""A line on a multiple of the shaft counts whole where it stands this far above the shaft's neighbouring multiples."""
_SHAFT_SHARE = 0.005
"""How well a multiple of the shaft is known, as the speed itself is read from a window of a second."""
_CHANCE_ORDERS = (1.1, 7.0)
"""Rates, in turns of the shaft, between which chance is asked."""
_RARE_SHARE = 0.02
"""As with ranges learnt from good parts, 2 % of what chance brings lie above."""
_FEWEST_TURNS = 4.0


@dataclass(frozen=True, slots=True)
class Line:
    """How one characteristic rate shows in the envelope spectra, in the band where it shows best."""

    level_db: float
    swing_db: float
    hz: float
    band: int
    teeth: int
    """How many of its harmonics stand out by more than 6 dB, counted without a gap from the first."""


def top_hz(bearing: BearingConfig, shaft_hz: float) -> float:
    """Return up to where the envelope spectra must reach to hold the bearing's lines."""
    return _HIGHEST_TOOTH * 1.1 * max(bearing.bpfi_per_rev, 4 / 3 * bearing.bsf_per_rev) * shaft_hz


def note_bearing(sheet: Sheet, envelopes: Envelopes, bearing: BearingConfig, shaft_hz: float) -> None:
    """Note line, swing, harmonics and sidebands of each part of the bearing, and what chance reaches."""
    rates_hz = {
        "bpfo": bearing.bpfo_per_rev * shaft_hz,
        "bpfi": bearing.bpfi_per_rev * shaft_hz,
        "bsf": bearing.bsf_per_rev * shaft_hz,
        "ftf": bearing.ftf_per_rev * shaft_hz,
    }
    duration_s = 0.5 / envelopes.step_hz
    rates_hz = {name: hz for name, hz in rates_hz.items() if hz * duration_s >= _FEWEST_TURNS}
    if not rates_hz:
        return
    lines = {name: _line(envelopes, envelopes.above_db, name, hz, shaft_hz) for name, hz in rates_hz.items()}
    first = max(lines, key=lambda name: lines[name].level_db)
    cage_hz = bearing.ftf_per_rev * shaft_hz
    if "bsf" in lines and _is_of_an_element(envelopes, lines[first], rates_hz["bsf"], cage_hz, shaft_hz):
        first, lines["bsf"] = "bsf", replace(lines[first], hz=lines[first].hz / 2)
    # what the strongest explains, its harmonics and sidebands, speaks for no other part of the bearing and is not chance
    explained_hz = _explained_hz(lines[first], cage_hz if first == "bsf" else shaft_hz, envelopes)
    rest = without_lines(envelopes.above_db, envelopes.step_hz, explained_hz, envelopes.width_hz)
    races_hz = [rates_hz[name] for name in ("bpfo", "bpfi") if name in rates_hz]
    chances = {teeth: _chance(rest, envelopes, teeth, shaft_hz, races_hz) for teeth in set(_TEETH.values())}
    for name, hz in rates_hz.items():
        line = lines[name] if name == first else _line(envelopes, rest, name, hz, shaft_hz)
        chance = chances[_TEETH[name]]
        _note(sheet, name, line, chance, envelopes, cage_hz if name == "bsf" else shaft_hz)


def _is_of_an_element(envelopes: Envelopes, line: Line, spin_hz: float, cage_hz: float, shaft_hz: float) -> bool:
    """Tell whether a ring's line may as well be twice the spin frequency, and has the cage's sidebands to show that it is."""
    if abs(line.hz / (2 * spin_hz) - 1) > SPEED_TOLERANCE or cage_hz < 2 * envelopes.width_hz:
        return False
    cage_db, shaft_db = (_sidebands_db(envelopes, line, side_hz, 1) for side_hz in (cage_hz, shaft_hz))
    return cage_db > max(_CLEAR_DB, shaft_db + _CLEAR_DB / 2)


def _note(sheet: Sheet, name: str, line: Line, chance: Array, envelopes: Envelopes, side_hz: float) -> None:
    usual = Range.within(None, quantile(np.sort(chance), 1 - _RARE_SHARE)) if len(chance) else None
    beyond = float(np.mean(chance >= line.level_db)) if len(chance) else None
    sheet.note(f"envelope_{name}", line.level_db, "dB", at_hz=line.hz, usual=usual, beyond_share=beyond)
    sheet.note(f"swing_{name}", line.swing_db, "dB", at_hz=line.hz)
    sheet.note(f"harmonics_{name}", line.teeth, "", at_hz=line.hz)
    if name in ("bpfi", "bsf"):
        sheet.note(f"sidebands_{name}", _sidebands_db(envelopes, line, side_hz, 2 if name == "bsf" else 1), "dB", at_hz=line.hz)


def _line(envelopes: Envelopes, above_db: Array, name: str, hz: float, shaft_hz: float) -> Line:
    step_hz = envelopes.step_hz
    base_hz = np.arange(hz * (1 - _STRETCH), hz * (1 + _STRETCH), step_hz / 4)
    stretched = np.maximum(np.abs(base_hz / hz - 1) - SPEED_TOLERANCE, 0) * _STRETCH_DB_PER_SHARE
    score = comb_db(above_db, step_hz, base_hz, _TEETH[name])
    share = _own_share(above_db, envelopes, base_hz, name, shaft_hz)
    score = (score if share is None else score * share) - stretched
    band, at = (int(place) for place in np.unravel_index(int(np.argmax(score)), score.shape))
    found_hz = float(base_hz[at])
    teeth_hz = [multiple * found_hz for multiple, _ in _TEETH[name]]
    places = [round(tooth_hz / step_hz) for tooth_hz in teeth_hz]
    heights = [float(above_db[band, place]) for place in places if place < above_db.shape[1]]
    swings = [float(envelopes.swing_db[band, place]) for place, height in zip(places, heights, strict=False) if height > 0]
    teeth = next((count for count, height in enumerate(heights) if height <= _CLEAR_DB), len(heights))
    return Line(max(float(score[band, at]), 0.0), float(np.sqrt(np.sum(np.square(swings)))), found_hz, band, teeth)


def _own_share(above_db: Array, envelopes: Envelopes, base_hz: Array, name: str, shaft_hz: float) -> Array | None:
    """Return how much of a comb (band, base) is the bearing's own, 0 to 1, where its teeth fall on multiples of the shaft; None: all."""
    leading = 2 if name == "bsf" else 1
    order = np.round(leading * base_hz / shaft_hz)
    on_shaft = (order >= 2) & (np.abs(leading * base_hz - order * shaft_hz) < envelopes.width_hz + _SHAFT_SHARE * base_hz)
    orders = np.arange(int(above_db.shape[1] * envelopes.step_hz / shaft_hz))
    if not on_shaft.any() or len(orders) < 4:
        return None
    share = np.ones((len(above_db), len(base_hz)))
    reach = max(int(envelopes.width_hz / envelopes.step_hz), 1)
    places = np.round(orders * shaft_hz / envelopes.step_hz).astype(int)
    around = np.clip(places[:, None] + np.arange(-reach, reach + 1), 0, above_db.shape[1] - 1)
    peaks = above_db[:, around].max(axis=2)
    for chosen in np.unique(order[on_shaft]).astype(int):
        stands = [peaks[:, n] - (peaks[:, n - 1] + peaks[:, n + 1]) / 2 for n in (chosen, 2 * chosen, 3 * chosen) if n + 1 < len(orders)]
        if stands:
            share[:, on_shaft & (order == chosen)] = np.clip(np.mean(stands, axis=0) / _CLEAR_DB, 0, 1)[:, None]
    return share


def _sidebands_db(envelopes: Envelopes, line: Line, side_hz: float, leading: int) -> float:
    """Return how far the first pair of sidebands of the leading line stands above the background."""
    around = [line.hz * leading + side * side_hz for side in (-1, 1)]
    row = envelopes.above_db[line.band]
    reach = max(int(envelopes.width_hz / envelopes.step_hz / 2), 1)
    places = [round(hz / envelopes.step_hz) for hz in around]
    heights = [row[max(place - reach, 0) : place + reach + 1].max() for place in places if 0 < place < len(row) - reach]
    return float(np.mean(heights)) if heights else float("nan")


def _explained_hz(line: Line, side_hz: float, envelopes: Envelopes) -> list[float]:
    reach_hz = envelopes.above_db.shape[1] * envelopes.step_hz
    harmonics = [n * line.hz for n in range(1, int(reach_hz / line.hz) + 1)]
    return [hz + side * side_hz for hz in harmonics for side in (-2, -1, 0, 1, 2)]


def _chance(rest_db: Array, envelopes: Envelopes, teeth: Weights, shaft_hz: float, rates_hz: Sequence[float]) -> Array:
    """Return how high the best comb comes around each of many rates that neither the shaft nor the bearing has."""
    step_hz = envelopes.step_hz / 2
    hz = np.arange(_CHANCE_ORDERS[0] * shaft_hz, _CHANCE_ORDERS[1] * shaft_hz, step_hz)
    reached = comb_db(rest_db, envelopes.step_hz, hz, teeth).max(axis=0)
    free = np.abs(hz - np.round(hz / shaft_hz) * shaft_hz) > envelopes.width_hz
    for rate_hz in rates_hz:
        free &= np.abs(hz / rate_hz - 1) > SPEED_TOLERANCE
    reached[~free] = np.nan
    # as wide a search as for the line itself
    width = int(2 * SPEED_TOLERANCE * float(np.mean(rates_hz)) / step_hz) + 1
    count = len(reached) // width
    if count == 0:
        return np.array([])
    windows = reached[: count * width].reshape(count, width)
    asked = np.isfinite(windows).mean(axis=1) > 0.5
    return np.asarray(np.nanmax(windows[asked], axis=1)) if asked.any() else np.array([])
