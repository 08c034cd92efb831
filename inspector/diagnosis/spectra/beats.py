"""Regular impacts that nobody foretold, and what they say of the geometry that was declared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inspector.config import BearingConfig, MachineConfig
from inspector.diagnosis.measurements import Sheet
from inspector.diagnosis.spectra.condition import RACES, SWING_LIMIT_DB
from inspector.diagnosis.spectra.envelopes import Envelopes
from inspector.diagnosis.spectra.orders import SPEED_TOLERANCE

_LOWEST_HZ = 6.0
_MOST_HARMONICS = 4
_CLEAR_DB = 20.0
_NEAR_SHARE = 0.15
"""Regular impacts further than this from a rate of the bearing have another origin."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The strongest line of all envelope spectra that neither shaft nor bearing accounts for."""

    level_db: float
    swing_db: float
    hz: float


def strongest_beat(envelopes: Envelopes, machine: MachineConfig, shaft_hz: float | None) -> Beat | None:
    """Return the strongest regular beat of any band, multiples of the shaft and the rates of its bearing aside."""
    step_hz = envelopes.step_hz
    hz = np.arange(envelopes.above_db.shape[1]) * step_hz
    chosen = hz >= max(4 * step_hz, _LOWEST_HZ)
    if shaft_hz is not None:
        order = np.maximum(np.round(hz / shaft_hz), 1)
        chosen &= np.abs(hz - order * shaft_hz) > np.maximum(3 * step_hz, 0.005 * hz)
        for rate_hz in _rates_hz(machine.bearing, shaft_hz):
            nearest_hz = np.clip(np.round(hz / rate_hz), 1, _MOST_HARMONICS) * rate_hz
            chosen &= np.abs(hz / nearest_hz - 1) > SPEED_TOLERANCE
    if not chosen.any():
        return None
    best = np.where(chosen, envelopes.above_db.max(axis=0), -np.inf)
    peak = int(np.argmax(best))
    return Beat(float(best[peak]), float(envelopes.swing_db[:, peak].max()), float(hz[peak]))


def _rates_hz(bearing: BearingConfig | None, shaft_hz: float) -> list[float]:
    if bearing is None:
        return []
    return [per_rev * shaft_hz for per_rev in (bearing.bpfo_per_rev, bearing.bpfi_per_rev, bearing.bsf_per_rev, bearing.ftf_per_rev)]


def note_geometry(sheet: Sheet, beat: Beat | None, bearing: BearingConfig, shaft_hz: float) -> None:
    """Note how far strong regular impacts are from the nearest ring's rate, where no damage accounts for them.

    The bearing, or its speed, is then not the one that the station file says.
    """
    margins = [sheet.rows[key].value for ring in RACES if (key := f"{sheet.channel}.{ring}") in sheet.rows]
    if beat is None or beat.level_db < _CLEAR_DB or beat.swing_db < SWING_LIMIT_DB or max(margins, default=1.0) > 0:
        return
    off = min((beat.hz / (per_rev * shaft_hz) - 1 for per_rev in (bearing.bpfo_per_rev, bearing.bpfi_per_rev)), key=abs)
    if abs(off) <= _NEAR_SHARE:
        sheet.note("geometry_deviation", 100 * off, "%", at_hz=beat.hz)
