"""One signal to its quantities, and what is wrong with the signal itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inspector.config import MachineConfig
from inspector.diagnosis.measurements import Sheet
from inspector.diagnosis.spectra.bands import note_bands, note_squeal
from inspector.diagnosis.spectra.bearings import note_bearing, top_hz
from inspector.diagnosis.spectra.beats import note_geometry, strongest_beat
from inspector.diagnosis.spectra.condition import note_element, note_rings
from inspector.diagnosis.spectra.envelopes import Envelopes
from inspector.diagnosis.spectra.events import note_beats, note_loudness_step
from inspector.diagnosis.spectra.orders import LowSpectrum, Turning, find_turning, note_low_lines, note_orders, note_turning
from inspector.diagnosis.spectra.spectrogram import Array, Samples, Spectrogram, Whole, decibel
from inspector.diagnosis.spectra.speeds import SpeedCurve, followed

LONGEST_SAMPLES = 1 << 20
SHORTEST_SAMPLES = 64
SILENCE_DB = -140.0
_ENVELOPE_REACH_HZ = 300.0
"""How far envelope spectra reach where no bearing asks for more."""
_UNKNOWN_SHAFT_HZ = 50.0


def measure_waveform(
    sheet: Sheet, samples: NDArray[np.float32], rate_hz: float, machine: MachineConfig, speed: SpeedCurve | None = None
) -> None:
    """Note every quantity that these samples allow; a silent, short or broken signal allows few.

    A measured `speed` goes before the machine's own; where it changes, what turns is read at even angles of the shaft.
    """
    latest = np.asarray(samples, dtype=np.float64).ravel()[-LONGEST_SAMPLES:]
    if len(latest) == 0 or not rate_hz > 0:
        return
    known = np.isfinite(latest)
    missing = len(latest) - int(np.count_nonzero(known))
    sheet.note("missing_samples", 100 * missing / len(latest), "%")
    sheet.note("duration", len(latest) / rate_hz, "s")
    if 2 * missing >= len(latest):
        return
    centred = np.where(known, latest, latest[known].mean()) if missing else latest.copy()
    centred -= centred.mean()
    power = float(centred @ centred) / len(centred)
    sheet.note("loudness", max(decibel(power), SILENCE_DB), "dB")
    if len(centred) < SHORTEST_SAMPLES or power < 10 ** (SILENCE_DB / 10):
        return
    sheet.note("clipped_samples", 100 * _clipped_share(centred), "%")
    centred /= power**0.5
    unit = centred.astype(np.float32)
    squares = np.square(centred, out=centred)
    sheet.note("kurtosis", float(squares @ squares) / len(squares), "")
    sheet.note("crest", float(squares.max()) ** 0.5, "")
    spectrogram = Spectrogram.of(unit, rate_hz, power)
    note_bands(sheet, spectrogram)
    note_squeal(sheet, spectrogram)
    note_loudness_step(sheet, spectrogram)
    if speed is not None:
        machine = machine.model_copy(update={"shaft_hz": speed.mean_hz})
        unit = unit if speed.even else followed(unit, rate_hz, speed)
    _note_turning_parts(sheet, unit, power, rate_hz, machine, speed_measured=speed is not None)


def _note_turning_parts(sheet: Sheet, unit: Samples, power: float, rate_hz: float, machine: MachineConfig, *, speed_measured: bool) -> None:
    """Note what comes again and again: orders of the shaft, beats, and the lines of a bearing."""
    whole = Whole.of(unit, rate_hz)
    low = LowSpectrum.of(whole, machine, power)
    envelopes = Envelopes.of(unit, rate_hz, _reach_hz(machine, rate_hz))
    turning = find_turning(low, envelopes, machine, measured=speed_measured)
    note_turning(sheet, turning, machine)
    note_low_lines(sheet, low, rate_hz)
    if turning.hz is not None:
        note_orders(sheet, low, turning.hz, machine)
    note_beats(sheet, whole, rate_hz, turning.hz)
    if envelopes is not None:
        _note_envelopes(sheet, envelopes, machine, turning)


def _reach_hz(machine: MachineConfig, rate_hz: float) -> float:
    if machine.bearing is None:
        return min(_ENVELOPE_REACH_HZ, rate_hz / 16)
    return min(top_hz(machine.bearing, machine.shaft_hz or _UNKNOWN_SHAFT_HZ), rate_hz / 6)


def _note_envelopes(sheet: Sheet, envelopes: Envelopes, machine: MachineConfig, turning: Turning) -> None:
    liveliest = int(np.argmax(envelopes.kurtoses))
    sheet.note("spectral_kurtosis", float(envelopes.kurtoses[liveliest]), "", at_hz=float(envelopes.middles_hz[liveliest]))
    again = int(np.argmax(envelopes.kurtoses_of_rest))
    sheet.note("repeated_impacts", float(envelopes.kurtoses_of_rest[again]), "", at_hz=float(envelopes.middles_hz[again]))
    beat = strongest_beat(envelopes, machine, turning.hz)
    if beat is not None:
        sheet.note("envelope_line", beat.level_db, "dB", at_hz=beat.hz)
    if machine.bearing is not None and turning.hz is not None:
        note_bearing(sheet, envelopes, machine.bearing, turning.hz)
        note_rings(sheet)
        note_geometry(sheet, beat, machine.bearing, turning.hz)
        note_element(sheet)


def _clipped_share(signal: Array) -> float:
    """Return which share of the samples lies on a rail: on the largest or smallest value, next to another that does.

    A rail holds more samples than the twentieth of the range below it; the peaks of a whole signal, coarse or fine, hold fewer.
    """
    share, span = 0.0, np.ptp(signal)
    for rail in (signal.max(), signal.min()):
        at = signal == rail
        runs = at[1:] & at[:-1]
        if not runs.any():
            continue
        distance = np.abs(signal - rail)
        just_below = max(0.05 * span, distance[~at].min(initial=span))
        if at.sum() > np.sum(~at & (distance <= just_below)):
            share += float((np.r_[runs, False] | np.r_[False, runs]).mean())
    return share
