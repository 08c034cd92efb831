"""Learn the clocks of a recording anew from the arrivals that it holds: with today's estimator, or to check the one of that day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inspector.align.clocks import DeviceClock
from inspector.parts import Capture, ClockFit


def realigned(captures: Iterator[Capture]) -> Iterator[Capture]:
    """Yield captures in order, the stamps of their devices read by clocks learned from `arrivals`; calibrated latencies stay."""
    clocks: dict[str, DeviceClock] = {}
    epochs: dict[str, int] = {}
    for capture in captures:
        fits: dict[str, ClockFit] = dict(capture.clocks)
        for name, pairs in capture.arrivals.items():
            recorded = capture.clocks[name]
            clock = clocks.setdefault(name, DeviceClock(recorded.latency_ns))
            if epochs.setdefault(name, recorded.epoch) != recorded.epoch:  # the device was opened anew, which arrivals may not show
                clock.restart()
                epochs[name] = recorded.epoch
            for device_ns, arrived_ns in pairs.tolist():
                clock.add(device_ns, arrived_ns)
            if (fit := clock.issue()) is not None:
                fits[name] = fit
        yield replace(capture, clocks=fits)
