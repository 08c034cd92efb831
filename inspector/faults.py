"""What broken equipment does to signals: injected on purpose, to see that it never becomes a silent pass.

The same faults are injected into the drivers of a live station (`inspector station check --faults`) and into recorded captures
(`inspector replay --fault`). A fault is a value: what it does, to which channel, from when to when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from inspector.errors import UsageError
from inspector.parts import Capture, Frame, Series, Signal, Trigger, Waveform

FaultKind = Literal[
    "unplugged",
    "hanging",
    "silent",
    "slow",
    "stale",
    "frozen",
    "stuck",
    "nan",
    "clipped",
    "wrong-rate",
    "gaps",
    "clock-forward",
    "clock-back",
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

SLOW_S = 0.3
"""How much later than usual a slow device delivers."""
CLOCK_STEP_S = 5.0
WRONG_RATE = 0.9
"""A device that says 48 kHz and delivers 43.2 kHz."""
BLOCK_S = 0.1
CLIPPED_AT = 0.25
"""Share of the peak at which a clipped signal is cut."""
GAP_SHARE = 0.3

_NOTHING_LEFT: tuple[FaultKind, ...] = ("unplugged", "hanging", "silent", "frozen")
"""A station leaves the channel out of the part: there is no data, or it is an old picture."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one channel, from `start_s` to `end_s` after the start of the line or recording."""

    channel: str
    kind: FaultKind
    start_s: float = 0.0
    end_s: float = float("inf")

    def active(self, since_start_s: float) -> bool:
        return self.start_s <= since_start_s < self.end_s


def parse_fault(text: str) -> Fault:
    """Return the fault that a person wrote as `CHANNEL=KIND` or `CHANNEL=KIND@FROM-TO`, in seconds. Raises UsageError."""
    match = re.fullmatch(r"(?P<channel>[^=]+)=(?P<kind>[a-z-]+)(?:@(?P<start>[\d.]+)-(?P<end>[\d.]*))?", text)
    if match is None or match["kind"] not in FAULT_KINDS:
        raise UsageError(f"'{text}' is no fault: write CHANNEL=KIND or CHANNEL=KIND@FROM-TO, KIND one of {', '.join(FAULT_KINDS)}")
    try:
        start_s, end_s = float(match["start"] or 0.0), float(match["end"] or "inf")
    except ValueError as error:
        raise UsageError(f"'{text}': FROM and TO are seconds from the start") from error
    return Fault(match["channel"], cast(FaultKind, match["kind"]), start_s, end_s)


def applies_to(kind: FaultKind, signal: type[Signal]) -> bool:
    """Say whether a fault can befall this kind of signal: a picture has no rate, a value is not clipped."""
    if signal is Frame:
        return kind not in ("nan", "stuck", "wrong-rate", "clipped")
    if signal is Waveform:
        return kind not in ("stale", "frozen")
    return kind not in ("frozen", "wrong-rate", "clipped", "gaps")


# --- one signal ----------------------------------------------------------------------------------------------------------------


def damaged(signal: Signal, kind: FaultKind, well: Signal | None = None) -> Signal:
    """Return what a device with this fault would have given; faults that change no signal leave it as it is.

    `well` is a signal of the same device from before the fault; it says how loud the device is.
    """
    if kind in ("clock-forward", "clock-back"):
        return shifted(signal, CLOCK_STEP_S if kind == "clock-forward" else -CLOCK_STEP_S)
    if isinstance(signal, Waveform):
        return _damaged_waveform(signal, kind, well if isinstance(well, Waveform) else signal)
    if isinstance(signal, Series):
        return replace(signal, values=_damaged_values(signal.values, kind))
    return signal


def shifted(signal: Signal, span_s: float) -> Signal:
    """Return a signal with all its stamps moved."""
    span_ns = round(span_s * 1e9)
    if isinstance(signal, Waveform):
        return replace(signal, start_ns=signal.start_ns + span_ns)
    if isinstance(signal, Series):
        return replace(signal, t_ns=signal.t_ns + span_ns)
    return replace(signal, t_ns=signal.t_ns + span_ns)


def _damaged_waveform(wave: Waveform, kind: FaultKind, well: Waveform) -> Waveform:
    start_ns, samples = wave.start_ns, wave.samples.copy()
    if kind == "nan":
        samples[len(samples) // 3 : len(samples) // 3 + max(1, len(samples) // 10)] = np.nan
    elif kind == "stuck":
        samples[:] = samples[0] if len(samples) else 0
    elif kind == "clipped":
        top = CLIPPED_AT * float(np.abs(well.samples).max(initial=0))
        samples = np.clip(samples, -top, top)
    elif kind == "wrong-rate":
        samples = samples[: max(1, round(WRONG_RATE * len(samples)))]
    elif kind == "gaps":  # of two pieces a station takes the later one
        lost = round(GAP_SHARE * len(samples))
        start_ns, samples = start_ns + round(lost * 1e9 / wave.sample_rate_hz), samples[lost:]
    return replace(wave, start_ns=start_ns, samples=samples)


def _damaged_values(values: NDArray[np.float64], kind: FaultKind) -> NDArray[np.float64]:
    if kind == "nan":
        return np.full_like(values, np.nan)
    return np.full_like(values, values[0]) if kind == "stuck" and len(values) else values


# --- recorded captures ---------------------------------------------------------------------------------------------------------


def inject(captures: Iterator[Capture], faults: Sequence[Fault]) -> Iterator[Capture]:
    """Yield captures as a station with these faults would have made them. Raises UsageError for a channel that never comes."""
    first_ns: int | None = None
    before: Capture | None = None
    seen: set[str] = set()
    for capture in captures:
        first_ns = capture.trigger.t_ns if first_ns is None else first_ns
        since_s = (capture.trigger.t_ns - first_ns) / 1e9
        seen |= {*capture.frames, *capture.waveforms, *capture.series}
        broken = capture
        for fault in faults:
            if fault.active(since_s):
                broken = _with_fault(broken, before, fault)
        yield broken
        before = capture
    unknown = sorted({fault.channel for fault in faults} - seen)
    if first_ns is not None and unknown:
        raise UsageError(f"no such channel in the recording: {', '.join(unknown)}; it has {', '.join(sorted(seen))}")


def _with_fault(capture: Capture, before: Capture | None, fault: Fault) -> Capture:
    signal = _signal(capture, fault.channel)
    if signal is None:
        return capture
    if not applies_to(fault.kind, type(signal)):
        return capture
    earlier = None if before is None else _signal(before, fault.channel)
    return _with(capture, fault.channel, _faulty(signal, earlier, capture.trigger, fault.kind), fault.kind)


def _faulty(signal: Signal, before: Signal | None, trigger: Trigger, kind: FaultKind) -> Signal | None:
    """Return what is left of a part's signal under a fault; None where a station would have nothing."""
    if kind in _NOTHING_LEFT or (kind == "gaps" and isinstance(signal, Frame)):
        return None
    if kind == "stale":
        return before
    if kind == "slow":
        return _not_after(signal, trigger.t_ns - round(SLOW_S * 1e9))
    if kind == "wrong-rate" and isinstance(signal, Waveform):  # no block fits behind the one before: a station keeps the last one
        count = min(len(signal.samples), round(BLOCK_S * signal.sample_rate_hz))
        start_ns = signal.end_ns - round(count * 1e9 / signal.sample_rate_hz)
        signal = replace(signal, start_ns=start_ns, samples=signal.samples[-count:])
    return damaged(signal, kind)


def _not_after(signal: Signal, t_ns: int) -> Signal | None:
    """Return what had come of a signal by an instant."""
    if isinstance(signal, Frame):
        return signal if signal.t_ns <= t_ns else None
    if isinstance(signal, Series):
        known = signal.t_ns <= t_ns
        return replace(signal, t_ns=signal.t_ns[known], values=signal.values[known])
    count = max(0, min(len(signal.samples), int((t_ns - signal.start_ns) * signal.sample_rate_hz / 1e9)))
    return replace(signal, samples=signal.samples[:count])


def _signal(capture: Capture, channel: str) -> Signal | None:
    return capture.frames.get(channel) or capture.waveforms.get(channel) or capture.series.get(channel)


def _with(capture: Capture, channel: str, signal: Signal | None, kind: FaultKind) -> Capture:
    frames = {name: one for name, one in capture.frames.items() if name != channel}
    waveforms = {name: one for name, one in capture.waveforms.items() if name != channel}
    series = {name: one for name, one in capture.series.items() if name != channel}
    if isinstance(signal, Frame):
        frames[channel] = signal
    elif isinstance(signal, Waveform):
        waveforms[channel] = signal
    elif isinstance(signal, Series):
        series[channel] = signal
    faults = dict(capture.faults) | ({channel: f"injected fault: {kind}"} if signal is None else {})
    return replace(capture, frames=frames, waveforms=waveforms, series=series, faults=faults)
