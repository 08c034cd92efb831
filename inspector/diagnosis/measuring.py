"""One part's record to its named quantities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inspector.config import MachineConfig
from inspector.diagnosis.measurements import Measurement, Measurements, Sheet
from inspector.diagnosis.pictures import measure_picture
from inspector.diagnosis.sequence import lag_between, what_changed_first
from inspector.diagnosis.spectra import SpeedCurve, measure_waveform, speed_curve
from inspector.diagnosis.trends import measure_series
from inspector.parts import Modality, PartRecord, Series, Waveform

_MOST_LAG_S = 60.0
"""What follows the load later than that is not seen within one part."""


def measure(record: PartRecord, machine: MachineConfig) -> Measurements:
    """Return every quantity that the record's channels allow. Odd signals give fewer; none raises."""
    rows: dict[str, Measurement] = {}
    for name, waveform in record.waveforms.items():
        rows.update(_of_waveform(record, name, waveform, machine))
    for name, series in record.series.items():
        rows.update(_of_series(record, name, series))
    rows.update(what_changed_first(rows, "onset", "onset_lag"))
    rows.update(_lags(record, rows, machine))
    for name, frame in record.frames.items():
        t_s = (frame.t_ns - record.trigger.t_ns) / 1e9
        sheet = Sheet(name, "image", t_s, t_s)
        measure_picture(sheet, frame.pixels)
        rows.update(sheet.rows)
    return rows


def _modality(record: PartRecord, name: str, otherwise: Modality) -> Modality:
    return record.channels[name].modality if name in record.channels else otherwise


def _of_waveform(record: PartRecord, name: str, waveform: Waveform, machine: MachineConfig) -> dict[str, Measurement]:
    start_s = (waveform.start_ns - record.trigger.t_ns) / 1e9
    rate_hz = waveform.sample_rate_hz
    end_s = start_s + (len(waveform.samples) / rate_hz if rate_hz > 0 else 0.0)
    sheet = Sheet(name, _modality(record, name, "vibration"), start_s, end_s, waveform.unit)
    measure_waveform(sheet, waveform.samples, rate_hz, machine, _speed(record, waveform, end_s - start_s, machine))
    return sheet.rows


def _speed(record: PartRecord, waveform: Waveform, duration_s: float, machine: MachineConfig) -> SpeedCurve | None:
    """Return the shaft's measured speed during a waveform; None where no channel measures it or the part has none of it."""
    name = machine.shaft_channel
    if name is None or name not in record.series:
        return None
    series = record.series[name]
    return speed_curve((series.t_ns - waveform.start_ns) / 1e9, series.values, _unit(record, name, series), duration_s)


def _unit(record: PartRecord, name: str, series: Series) -> str:
    return series.unit or (record.channels[name].unit if name in record.channels else "")


def _of_series(record: PartRecord, name: str, series: Series) -> dict[str, Measurement]:
    t_s = (series.t_ns - record.trigger.t_ns) / 1e9
    if len(t_s) == 0:
        return {}
    unit = _unit(record, name, series)
    sheet = Sheet(name, _modality(record, name, "series"), float(t_s.min()), float(t_s.max()), unit)
    measure_series(sheet, t_s, series.values, unit)
    return sheet.rows


def _lags(record: PartRecord, rows: Measurements, machine: MachineConfig) -> dict[str, Measurement]:
    """Return by how much each series follows the first channel that says how hard the machine works."""
    load = next((name for name in machine.regime if name in record.series), None)
    found: dict[str, Measurement] = {}
    if load is None:
        return found
    for name, series in record.series.items():
        lag = lag_between(_times(record, record.series[load]), _times(record, series), _MOST_LAG_S) if name != load else None
        like = rows.get(f"{name}.level")
        if lag is not None and like is not None:
            row = replace(like, kind="lag", value=lag.lag_s, unit="s", start_s=float(min(_times(record, series)[0])), of=load)
            found[row.key] = row
    return found


def _times(record: PartRecord, series: Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    kept = np.isfinite(series.values)
    t_s, first = np.unique((series.t_ns[kept] - record.trigger.t_ns) / 1e9, return_index=True)
    return t_s, series.values[kept][first]
