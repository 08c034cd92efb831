"""Stamps of a device's own clock, read on the station's."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from inspector.parts import ON_TIME, Capture, ClockFit, Series, Signal, Waveform

S = TypeVar("S", bound=Signal)


def on_station_clock(signal: S, clock: ClockFit) -> S:
    """Return a signal with its stamps read by `clock`. A waveform keeps its nominal rate: drift within a window is small."""
    if clock is ON_TIME:
        return signal
    if isinstance(signal, Series):
        span_ns = signal.t_ns - clock.device_ns
        drift_ns = np.rint(span_ns * (clock.drift_ppm / 1e6)).astype(np.int64)
        return replace(signal, t_ns=span_ns + drift_ns + (clock.station_ns - clock.latency_ns))
    if isinstance(signal, Waveform):
        return replace(signal, start_ns=clock.station_time_ns(signal.start_ns))
    return replace(signal, t_ns=clock.station_time_ns(signal.t_ns))


def last_stamp_ns(signal: Signal) -> int:
    """Return the stamp of the latest of a signal, in whatever clock it is stamped: what arrives last."""
    if isinstance(signal, Waveform):
        return signal.end_ns
    return int(signal.t_ns[-1]) if isinstance(signal, Series) else signal.t_ns


def capture_on_station_clock(capture: Capture) -> Capture:
    """Return a capture with all its stamps read by its own fits, and without those."""
    read = capture.clocks
    return replace(
        capture,
        frames={name: on_station_clock(one, read.get(name, ON_TIME)) for name, one in capture.frames.items()},
        waveforms={name: on_station_clock(one, read.get(name, ON_TIME)) for name, one in capture.waveforms.items()},
        series={name: on_station_clock(one, read.get(name, ON_TIME)) for name, one in capture.series.items()},
        clocks={},
    )
