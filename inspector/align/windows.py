"""Capture -> PartRecord: cut every channel exactly to its window, measure how far it is out of step, and name what cannot be used.

Nothing is invented: no sample is filled in, no old picture stands in for a missing one. A channel that is absent from the record, or
present but not whole, stands in `degraded` with the reason in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from inspector.config import ChannelConfig, Station
from inspector.errors import AlignmentError
from inspector.parts import Capture, ClockFit, Frame, PartRecord, Series, Signal, Trigger, Waveform
from inspector.remarks import remark
from inspector.stamps import on_station_clock

S = TypeVar("S", bound=Signal)

MAX_NAN_RATIO = 0.2
"""A series with a larger share of NaN is degraded: trends fitted to the rest say little."""
PAUSE_INTERVALS = 3.5
MAX_PAUSE_RATIO = 0.1
"""A series has a gap where it pauses for more of its usual intervals and for a larger share of its window."""


@dataclass(slots=True)
class _Aligned:
    """What became of one channel: a signal (None: not usable), its sync error, and what is wrong with it."""

    signal: Signal | None = None
    sync_error_ns: int | None = None
    wrong: list[str] = field(default_factory=list)


def align(capture: Capture, station: Station) -> PartRecord:
    """Return the part of `capture`, all channels on the station's clock. Raises AlignmentError for a capture of another station.

    `sync_error_ns` says, per channel that is present, by how much it misses what was asked for:

    - picture: distance of mid-exposure to the trigger, or to the nearer end of its window where it has one;
    - waveform: the larger distance, at the two ends, of the samples' span to the window (at best half a sample period);
    - all: plus the uncertainty of the channel's clock, where its stamps are its device's own;
    - series: by how much the window's end lies beyond the time for which the last value speaks, a value speaking for one usual
      interval. The start is not counted: a history shorter than its window is a station that has just begun, not a fault.

    A channel beyond its station's `max_sync_error_ms` is named in `degraded`; a picture so far off is left out altogether, as it
    shows another part.
    """
    if capture.trigger.station != station.station:
        raise AlignmentError(f"part {capture.trigger.part_id} is of station '{capture.trigger.station}', not of '{station.station}'")
    found = {name: _align_channel(capture, name, config) for name, config in station.channels.items()}
    signals = {name: channel.signal for name, channel in found.items()}
    return PartRecord(
        trigger=capture.trigger,
        channels=station.part_channels,
        frames={name: signal for name, signal in signals.items() if isinstance(signal, Frame)},
        waveforms={name: signal for name, signal in signals.items() if isinstance(signal, Waveform)},
        series={name: signal for name, signal in signals.items() if isinstance(signal, Series)},
        sync_error_ns={name: channel.sync_error_ns for name, channel in found.items() if channel.sync_error_ns is not None},
        degraded={name: ", ".join(channel.wrong) for name, channel in found.items() if channel.wrong},
        drops=dict(capture.drops),
        wall_utc_ns=capture.wall_utc_ns,
    )


def _align_channel(capture: Capture, name: str, config: ChannelConfig) -> _Aligned:
    start_ns, end_ns = window_ns(capture.trigger, config)
    clock = capture.clocks.get(name)
    fault = capture.faults.get(name)
    if fault is not None and name not in {*capture.frames, *capture.waveforms, *capture.series}:
        return _Aligned(wrong=[fault])
    if config.modality == "image":
        aligned = _align_frame(_read_by(clock, capture.frames.get(name)), start_ns, end_ns, config)
    elif config.modality == "series":
        aligned = _align_series(_read_by(clock, capture.series.get(name)), start_ns, end_ns, config)
    else:
        aligned = _align_waveform(_read_by(clock, capture.waveforms.get(name)), start_ns, end_ns, config)
    if aligned.sync_error_ns is not None and clock is not None:
        aligned.sync_error_ns += clock.uncertainty_ns
        if clock.uncertainty_ns > _limit_ns(config):
            aligned.wrong.append(remark("out of step: its clock is known to {span} only", span=_span(clock.uncertainty_ns)))
        elif aligned.sync_error_ns > _limit_ns(config) and not aligned.wrong:
            aligned.wrong.append(remark("out of step: by up to {span}", span=_span(aligned.sync_error_ns)))
    return aligned


def window_ns(trigger: Trigger, config: ChannelConfig) -> tuple[int, int]:
    """Return the span on the station's clock that a part asks of a channel: its window, where the part passes the channel's sensor."""
    passing_ns = trigger.t_ns + round(config.lag_ms * 1e6)
    return passing_ns - round(config.window.pre_s * 1e9), passing_ns + round(config.window.post_s * 1e9)


def _read_by(clock: ClockFit | None, signal: S | None) -> S | None:
    return signal if signal is None or clock is None else on_station_clock(signal, clock)


def _align_frame(frame: Frame | None, start_ns: int, end_ns: int, config: ChannelConfig) -> _Aligned:
    if frame is None:
        return _Aligned(wrong=[remark("no picture of this part")])
    early_ns, late_ns = start_ns - frame.t_ns, frame.t_ns - end_ns
    error_ns = max(0, early_ns, late_ns)
    if error_ns <= _limit_ns(config):
        return _Aligned(frame, error_ns)
    if early_ns > 0:
        return _Aligned(wrong=[remark("stale: the last picture is {span} older than the part", span=_span(error_ns))])
    return _Aligned(wrong=[remark("the picture is {span} too late", span=_span(error_ns))])


def _align_waveform(wave: Waveform | None, start_ns: int, end_ns: int, config: ChannelConfig) -> _Aligned:
    if wave is None or len(wave.samples) == 0:
        return _Aligned(wrong=[remark("no samples in the part's window")])
    rate = wave.sample_rate_hz
    wanted = round((end_ns - start_ns) * rate / 1e9)
    first = round((start_ns - wave.start_ns) * rate / 1e9)
    inside = wave.samples[max(0, first) : max(0, first + wanted)]
    if len(inside) == 0:
        return _Aligned(wrong=[remark("stale: samples end {span} before the part's window", span=_span(start_ns - wave.end_ns))])
    cut = Waveform(wave.start_ns + round(max(0, first) * 1e9 / rate), rate, inside, wave.unit)
    late_ns, short_ns = cut.start_ns - start_ns, end_ns - cut.end_ns
    aligned = _Aligned(cut, max(abs(late_ns), abs(short_ns)))
    aligned.wrong += _ends(late_ns, short_ns, _limit_ns(config))
    if not np.isfinite(inside).all():
        aligned.wrong.append(remark("{n} samples are not numbers", n=str(np.count_nonzero(~np.isfinite(inside)))))
    return aligned


def _ends(late_ns: int, short_ns: int, limit_ns: int) -> list[str]:
    """Say where a waveform does not reach an end of its window."""
    late, short = _span(late_ns), _span(short_ns)
    if late_ns > limit_ns and short_ns > limit_ns:
        return [remark("incomplete: begins {late} late and ends {short} early", late=late, short=short)]
    if late_ns > limit_ns:
        return [remark("incomplete: begins {span} late", span=late)]
    return [remark("incomplete: ends {span} early", span=short)] if short_ns > limit_ns else []


def _align_series(series: Series | None, start_ns: int, end_ns: int, config: ChannelConfig) -> _Aligned:
    if series is None or len(series.t_ns) == 0:
        return _Aligned(wrong=[remark("no values in the part's window")])
    order = np.argsort(series.t_ns, kind="stable")
    t_ns, values = series.t_ns[order], series.values[order]
    inside = (t_ns >= start_ns) & (t_ns <= end_ns)
    if not inside.any():
        away = _span(abs(start_ns - int(t_ns[-1])))
        return _Aligned(wrong=[remark("stale: the last value is {span} away from the part's window", span=away)])
    cut = Series(t_ns[inside], values[inside], series.unit)
    age_ns = end_ns - int(cut.t_ns[-1])
    if age_ns > config.max_age_ms * 1e6:
        return _Aligned(wrong=[remark("stale: the last value is {span} old", span=_span(age_ns))])
    usual_ns = _usual_interval_ns(cut, config)
    error_ns = max(0, age_ns - usual_ns)
    aligned = _Aligned(cut, error_ns, _series_faults(cut, usual_ns, end_ns - start_ns))
    if error_ns > _limit_ns(config):
        aligned.wrong.append(remark("out of step: values end {span} too early", span=_span(error_ns)))
    return aligned


def _series_faults(series: Series, usual_ns: int, window_ns: int) -> list[str]:
    faults = []
    nan_ratio = float(np.mean(~np.isfinite(series.values)))
    if nan_ratio == 1.0:
        faults.append(remark("no value is a number"))
    elif nan_ratio > MAX_NAN_RATIO:
        faults.append(remark("{share} of the values are not numbers", share=f"{nan_ratio:.0%}"))
    pause_ns = int(np.diff(series.t_ns).max(initial=0))
    if pause_ns > max(PAUSE_INTERVALS * usual_ns, MAX_PAUSE_RATIO * window_ns):
        faults.append(remark("incomplete: a gap of {span}", span=_span(pause_ns)))
    return faults


def _usual_interval_ns(series: Series, config: ChannelConfig) -> int:
    """Return the median interval; of a single value nothing is known, so it speaks until it is stale."""
    return int(np.median(np.diff(series.t_ns))) if len(series.t_ns) > 1 else round(config.max_age_ms * 1e6)


def _limit_ns(config: ChannelConfig) -> int:
    return round(config.max_sync_error_ms * 1e6)


def _span(span_ns: int) -> str:
    return f"{span_ns / 1e9:.1f} s" if abs(span_ns) >= 10**9 else f"{span_ns / 1e6:.0f} ms"
