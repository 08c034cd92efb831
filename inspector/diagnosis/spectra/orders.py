"""What turns: the shaft's speed and its harmonics, gear mesh, blades, belt, and the strongest low line where no speed is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from inspector.config import MachineConfig
from inspector.diagnosis.measurements import Sheet
from inspector.diagnosis.medians import median
from inspector.diagnosis.spectra.combs import comb_db
from inspector.diagnosis.spectra.envelopes import Envelopes
from inspector.diagnosis.spectra.spectrogram import Array, Whole, above_background

SPEED_TOLERANCE = 0.03
"""Slip of rolling elements and load-dependent speed, together (ISO 13373-2 reads bearing lines with a few percent of slip)."""
_NAMEPLATE_SHARE = 0.1
"""How far the true speed may be from the one that a person wrote down: an induction motor slips by up to 5 % (IEC 60034-12), drives and
belts do the rest."""
_MEASURED_SHARE = 0.01
_SLOWEST_HZ, _FASTEST_HZ = 5.0, 200.0
"""Where to look for a shaft of which nothing is known: 300 to 12 000 turns a minute."""
_SHAFT_TEETH = ((1, 0.3), (2, 0.3), (3, 0.2), (4, 0.2))
_SURE_DB = 8.0
"""A speed is believed where its comb stands this far above what half of all other speeds reach; noise comes to 7."""
_SURE_ALONE_DB = 14.0
"""Where nobody declared a speed nearby, the comb must say more: belts, hum and other shafts have harmonics too."""


@dataclass(frozen=True, slots=True)
class Turning:
    """How fast the shaft turns during the window."""

    hz: float | None
    """None where nobody said it and the signal does not tell it."""
    above_db: float = 0.0
    """How far its harmonics stand above those of other speeds."""
    found: bool = False
    """Read from the signal, near what was declared or without any word of it."""


@dataclass(frozen=True, slots=True)
class LowSpectrum:
    """The signal's own fine spectrum, as far as the shaft's orders and the gears reach."""

    amplitude: Array
    step_hz: float
    width_hz: float
    """Width of a pure tone's main lobe."""

    @classmethod
    def of(cls, whole: Whole, machine: MachineConfig, power: float) -> LowSpectrum:
        """Return peak amplitudes of a Hann-windowed signal; `power` is that of the signal as it came."""
        # the lowest bins alone, back in time, are the same lines at a lower rate: a fine spectrum of them costs little
        bins = fft.next_fast_len(int(_highest_hz(machine) * whole.count / whole.rate_hz) + 1)
        low = whole.lowest_under_hann(min(bins + 1, len(whole.lines) - 1))
        count = 2 * (len(low) - 1)
        amplitude = np.abs(fft.rfft(fft.irfft(low, count), 4 * count)).astype(np.float64) * (4.0 * power**0.5 / whole.count)
        return cls(amplitude, whole.rate_hz / whole.count / 4, width_hz=2.0 * whole.rate_hz / whole.count)

    @property
    def reach_hz(self) -> float:
        return len(self.amplitude) * self.step_hz

    def strongest(self, low_hz: float, high_hz: float) -> tuple[float, float, float]:
        """Return (Hz, amplitude, dB above the lines around it) of the largest line in a range."""
        first, last = self._index(low_hz), self._index(high_hz) + 1
        peak = first + int(np.argmax(self.amplitude[first:last]))
        hz = peak * self.step_hz
        reach_hz = max(10 * self.width_hz, 0.3 * hz)
        around = self.amplitude[self._index(hz - reach_hz) : self._index(hz + reach_hz) + 1]
        background = median(around) + 1e-15
        return hz, float(self.amplitude[peak]), 20 * float(np.log10(self.amplitude[peak] / background + 1e-15))

    def near(self, hz: float) -> tuple[float, float, float]:
        """Return the same of the largest line within the tolerance of a frequency."""
        return self.strongest(hz * (1 - SPEED_TOLERANCE), hz * (1 + SPEED_TOLERANCE))

    def _index(self, hz: float) -> int:
        return min(max(round(hz / self.step_hz), 1), len(self.amplitude) - 2)


def _highest_hz(machine: MachineConfig) -> float:
    if machine.shaft_hz is None:
        return 4.1 * _FASTEST_HZ
    orders = [10.5, 2.2 * (machine.gear_teeth or 0), 2.2 * (machine.blades or 0)]
    return max(150.0, max(orders) * machine.shaft_hz * (1 + _NAMEPLATE_SHARE))


# --- the speed ---------------------------------------------------------------------------------------------------------------------


def find_turning(low: LowSpectrum, envelopes: Envelopes | None, machine: MachineConfig, *, measured: bool) -> Turning:
    """Return the shaft's speed: what was declared, corrected by the comb of its harmonics where that is clear, or found by it alone.

    `measured` says that `machine.shaft_hz` was read from a speed channel and not from a name plate.
    """
    hz = _candidates_hz(low, machine, measured)
    above = above_background(20 * np.log10(low.amplitude[None] + 1e-15), block=256)
    score = comb_db(above, low.step_hz, hz, _SHAFT_TEETH)[0]
    if envelopes is not None:
        # three bands must agree, so that a chance line of one does not set the speed
        score += np.sort(comb_db(envelopes.above_db, envelopes.step_hz, hz, _SHAFT_TEETH), axis=0)[-3:].mean(axis=0)
    best = int(np.argmax(score))
    above_db = float(score[best] - median(score))
    if machine.shaft_hz is None and not _has_fundamental(above[0], low, float(hz[best])):
        return Turning(None)
    if above_db < (_SURE_ALONE_DB if machine.shaft_hz is None else _SURE_DB):
        return Turning(machine.shaft_hz)
    return Turning(float(hz[best]), above_db, found=True)


def _has_fundamental(above_db: Array, low: LowSpectrum, hz: float) -> bool:
    """Tell whether the first two harmonics stand out by themselves: a comb of every second or third line has neither."""
    reach = max(int(low.width_hz / low.step_hz / 2), 1)
    places = [round(n * hz / low.step_hz) for n in (1, 2)]
    return all(above_db[max(place - reach, 0) : place + reach + 1].max(initial=0.0) >= _SURE_DB for place in places)


def _candidates_hz(low: LowSpectrum, machine: MachineConfig, measured: bool) -> Array:
    if machine.shaft_hz is None:
        return np.geomspace(_SLOWEST_HZ, min(_FASTEST_HZ, low.reach_hz / 4), 2000)
    share = _MEASURED_SHARE if measured else _NAMEPLATE_SHARE
    return np.arange(machine.shaft_hz * (1 - share), machine.shaft_hz * (1 + share), low.step_hz / 2)


def note_turning(sheet: Sheet, turning: Turning, machine: MachineConfig) -> None:
    """Note the speed that the signal shows, and how far it is from what was declared."""
    if not turning.found or turning.hz is None:
        return
    sheet.note("shaft_speed", turning.hz, "Hz", at_hz=turning.hz)
    sheet.note("shaft_speed_line", turning.above_db, "dB", at_hz=turning.hz)
    if machine.shaft_hz is not None:
        sheet.note("shaft_deviation", 100 * (turning.hz / machine.shaft_hz - 1), "%", at_hz=turning.hz)


# --- its orders --------------------------------------------------------------------------------------------------------------------


def note_low_lines(sheet: Sheet, low: LowSpectrum, rate_hz: float) -> None:
    """Note the strongest line of 5 to 120 Hz."""
    lowest_hz, limit_hz = 5.0, min(120.0, rate_hz / 2.5)
    if limit_hz - lowest_hz > 8 * low.width_hz:
        hz, value, above_db = low.strongest(lowest_hz, limit_hz)
        sheet.note("low_line", above_db, "dB", at_hz=hz)
        sheet.note("low_line_amplitude", value, sheet.channel_unit, at_hz=hz)


def note_orders(sheet: Sheet, low: LowSpectrum, shaft_hz: float, machine: MachineConfig) -> None:
    """Note the harmonics of the shaft and what turns with it, where the window holds turns enough to tell them apart."""
    if shaft_hz * 1.25 < low.width_hz * 2.5:
        return
    _note_harmonics(sheet, low, shaft_hz)
    if machine.gear_teeth is not None:
        _note_gear(sheet, low, shaft_hz, machine.gear_teeth)
    if machine.blades is not None:
        _note_line(sheet, low, "blade_pass", machine.blades * shaft_hz)
    if machine.belt is not None:
        _note_line(sheet, low, "belt_pass", machine.belt.per_rev * shaft_hz)


def _note_harmonics(sheet: Sheet, low: LowSpectrum, shaft_hz: float) -> None:
    found: list[float] = []
    for order in range(1, 11):
        if order * shaft_hz * (1 + SPEED_TOLERANCE) >= low.reach_hz:
            break
        hz, value, above_db = low.near(order * shaft_hz)
        found.append(value)
        if order <= 3:
            sheet.note(f"shaft_{order}x", value, sheet.channel_unit, at_hz=hz)
        if order == 1:
            sheet.note("shaft_1x_line", above_db, "dB", at_hz=hz)
    if len(found) > 3:
        sheet.note("shaft_4x_up", float(np.sqrt(np.sum(np.square(found[3:])))), sheet.channel_unit)
    if len(found) > 1 and found[0] > 0:
        sheet.note("shaft_2x_to_1x", found[1] / found[0], "")


def _note_line(sheet: Sheet, low: LowSpectrum, kind: str, hz: float) -> None:
    """Note amplitude and height of the line at a rate; a rate that the window cannot resolve or the sampling not hold is left out."""
    if not 2 * low.width_hz <= hz <= low.reach_hz / (1 + 2 * SPEED_TOLERANCE):
        return
    at_hz, value, above_db = low.near(hz)
    sheet.note(kind, value, sheet.channel_unit, at_hz=at_hz)
    sheet.note(f"{kind}_line", above_db, "dB", at_hz=at_hz)


def _note_gear(sheet: Sheet, low: LowSpectrum, shaft_hz: float, teeth: int) -> None:
    """Note the gear mesh, and how strong its sidebands at the shaft's distance are against it: a worn or broken tooth."""
    _note_line(sheet, low, "gear_mesh", teeth * shaft_hz)
    mesh = sheet.rows.get(f"{sheet.channel}.gear_mesh")
    if mesh is None or mesh.at_hz is None or mesh.value <= 0 or mesh.at_hz + 2 * shaft_hz >= low.reach_hz:
        return
    reach_hz = low.width_hz / 2
    sides = [low.strongest(mesh.at_hz + n * shaft_hz - reach_hz, mesh.at_hz + n * shaft_hz + reach_hz)[1] for n in (-2, -1, 1, 2)]
    sheet.note("gear_sidebands", 10 * float(np.log10(np.sum(np.square(sides)) / mesh.value**2 + 1e-30)), "dB", at_hz=mesh.at_hz)
