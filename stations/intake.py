"""One channel of a station: its device, its buffer, its clock, and what of it belongs to a part.

The buffer holds what came with the device's own stamps. When a part is cut, its window is asked for in those stamps, through the
one fit that is good at that moment, and the fit goes with the capture: so a fit that is improved later moves no sample against its
neighbour, and a recording can be aligned anew.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.align import DeviceClock, window_ns
from inspector.config import ChannelConfig
from inspector.drivers import Camera, Driver, SeriesSource, WaveformSource
from inspector.parts import ON_TIME, ClockFit, Frame, Series, Signal, Trigger
from inspector.remarks import remark
from inspector.stamps import last_stamp_ns
from stations.buffers import FrameBuffer, SeriesBuffer, WaveformBuffer
from stations.devices import Device
from stations.plc.station_side import NOTHING_YET

MARGIN_NS = 10_000_000
"""Cut on both sides of a waveform's window, so that alignment can still move it."""
SETTLE_NS = 50_000_000
"""How long a picture or a slow value may travel from its stamp to us."""
SPARE_S = 5.0
"""Kept in the buffers beyond the window: how far the judge may fall behind before data of a waiting part is overwritten."""
FUTURE_NS = 100_000_000
"""Nothing can be stamped later than it arrived; more than this is a wrong clock, and what it stamped is of no use."""
SAME_PICTURES = 3
"""A camera that gives so many pictures in a row that agree in every bit hangs inside: a sensor has noise. Pictures of one grey level
are left to the quality of pictures, which sees that they show nothing."""
MOST_ARRIVALS = 20_000
"""Kept between two parts, for a recording: ten minutes of the fastest stream."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What of one channel belongs to a part."""

    signal: Signal | None
    clock: ClockFit | None
    """How the signal's stamps are read; None where they are on the station's clock already."""
    arrivals: NDArray[np.int64] | None
    """What the clock was learned from since the part before, (n, 2): stamp, arrival."""
    drops: int
    fault: str | None


class Intake:
    """What comes in on one channel. Holds no lock; the agent that fills and cuts it does.

    Args:
        device: the channel's device.
        config: the channel, as the station file has it.
        patience_ns: how long a part may wait for this channel beyond its window.
    """

    def __init__(self, device: Device[Any], config: ChannelConfig, patience_ns: int) -> None:
        self.device = device
        self._config = config
        self._max_age_ns = round(config.max_age_ms * 1e6)
        self._max_error_ns = round(config.max_sync_error_ms * 1e6)
        self._patience_ns = min(self._max_age_ns, patience_ns)
        self._buffer = _buffer_for(device.driver, config.window.pre_s + config.window.post_s + config.max_age_ms / 1e3 + SPARE_S)
        latency_ns = round(config.latency_ms * 1e6)
        self._on_time = ClockFit(0, 0, latency_ns=latency_ns)
        self._clock = DeviceClock(latency_ns)
        self._openings = 0
        self._arrivals: deque[tuple[int, int]] = deque(maxlen=MOST_ARRIVALS)
        self._drops = 0
        self._rejected = 0
        self._in_future = False
        self._lost = 0
        self._still = _Still()

    @property
    def fit(self) -> ClockFit:
        """How the stamps in the buffer are read on the station's clock, as far as is known now."""
        return self._clock.fit or self._on_time

    @property
    def end_ns(self) -> int | None:
        """The instant on the station's clock up to which everything is known."""
        return None if self._buffer.end_ns is None else self.fit.station_time_ns(self._buffer.end_ns)

    def append(self, signal: Any, arrived_ns: int) -> None:
        """Take in what the device gave.

        Args:
            signal: in the device's own stamps where it has a clock.
            arrived_ns: when it reached this computer, on the station's clock.
        """
        if self.device.driver.own_clock:
            if self.device.openings != self._openings:
                self._clock.restart()
                self._openings = self.device.openings
            stamp_ns = last_stamp_ns(signal)
            if self._clock.add(stamp_ns, arrived_ns):
                self._buffer.clear()  # stamps of before the step say nothing of those behind it
                self._arrivals.clear()
            self._arrivals.append((stamp_ns, arrived_ns))
        else:
            self._in_future = last_stamp_ns(signal) > arrived_ns + FUTURE_NS
            if self._in_future:
                self._rejected += 1
                return
        self._still.see(signal)
        self._buffer.append(signal)

    def covers(self, trigger: Trigger) -> bool:
        """Say whether all that this part can use has come."""
        margin_ns = MARGIN_NS if isinstance(self._buffer, WaveformBuffer) else 0
        end_ns = self.end_ns
        return end_ns is not None and end_ns >= window_ns(trigger, self._config)[1] + margin_ns

    def ready(self, trigger: Trigger, now_ns: int) -> bool:
        """Say whether waiting longer is of no use."""
        if self.covers(trigger) or not self.device.worth_waiting:
            return True
        end_ns = window_ns(trigger, self._config)[1]
        if now_ns >= end_ns + self._patience_ns:
            return True
        return now_ns >= end_ns + SETTLE_NS and self._will_do(trigger)

    def decision_ns(self, trigger: Trigger, now_ns: int) -> int:
        """Return the next instant at which `ready` may change without data."""
        end_ns = window_ns(trigger, self._config)[1]
        settled_ns = end_ns + min(SETTLE_NS, self._patience_ns)
        return settled_ns if now_ns < settled_ns else end_ns + self._patience_ns

    def fault(self) -> str | None:
        """Return in words what makes the channel's data worthless now, though data may be there."""
        if self.device.lost is not None:
            return self.device.lost
        if self._in_future:
            return remark("its stamps lie in the future: its clock is wrong")
        if self._still.pictures >= SAME_PICTURES:
            return remark("frozen: the last {n} pictures agree in every bit", n=str(self._still.pictures))
        limit_s, still_s = self._config.max_still_s, self._still.seconds
        if limit_s is not None and still_s > limit_s:
            return remark("stuck: its value has not changed for {span}", span=f"{still_s:.1f} s")
        return None

    def cut(self, trigger: Trigger) -> Cut:
        """Return what of this channel belongs to a part, and forget what was lost on the way to it."""
        fault = self.fault()
        fit = self._clock.issue() or self._on_time
        worthless = fault is not None and self.device.lost is None
        cut = Cut(
            signal=None if worthless else self._signal(trigger, fit),
            clock=None if fit == ON_TIME else fit,
            arrivals=self._take_arrivals(),
            drops=self._take_drops(trigger, fit),
            fault=fault,
        )
        self._drops += cut.drops
        return cut

    def _signal(self, trigger: Trigger, fit: ClockFit) -> Signal | None:
        if isinstance(self._buffer, FrameBuffer):
            return self._nearest(self._buffer, trigger, fit, self._max_age_ns)
        margin_ns = MARGIN_NS if isinstance(self._buffer, WaveformBuffer) else 0
        start_ns, end_ns = window_ns(trigger, self._config)
        return self._buffer.cut(fit.device_time_ns(start_ns - MARGIN_NS), fit.device_time_ns(end_ns + margin_ns))

    def _take_arrivals(self) -> NDArray[np.int64] | None:
        if not self._arrivals:
            return None
        taken = np.array(self._arrivals, np.int64)
        self._arrivals.clear()
        return taken

    def _take_drops(self, trigger: Trigger, fit: ClockFit) -> int:
        start_ns, end_ns = window_ns(trigger, self._config)
        drops = self._buffer.take_drops(fit.device_time_ns(start_ns), fit.device_time_ns(end_ns)) + self._rejected
        self._rejected = 0
        return drops + self._take_lost()

    def _take_lost(self) -> int:
        """Return how many pictures the camera's driver has lost since it was asked last; a new driver counts from 0."""
        driver = self.device.driver
        before, self._lost = self._lost, driver.lost() if isinstance(driver, Camera) else 0
        return self._lost - before if self._lost >= before else self._lost

    def health(self, now_ns: int) -> dict[str, Any]:
        """Return the state of the channel in plain values; with a clock of its own also how that runs."""
        end_ns = self.end_ns
        age_ms = None if end_ns is None else max(0.0, (now_ns - end_ns) / 1e6)
        state, reason = self._state(age_ms)
        health: dict[str, Any] = {"state": state, "reason": reason, "drops": self._drops, "age_ms": age_ms}
        if (fit := self._clock.fit) is not None:
            offset_ms = (fit.station_ns - fit.device_ns - fit.latency_ns) / 1e6
            clock = {"drift_ppm": fit.drift_ppm, "offset_ms": offset_ms, "uncertainty_ms": fit.uncertainty_ns / 1e6, "epoch": fit.epoch}
            health["clock"] = clock
        return health

    def _state(self, age_ms: float | None) -> tuple[str, str]:
        if (fault := self.fault()) is not None:
            return "missing", fault
        if self.device.ended:
            return "missing", remark("the source has ended")
        if age_ms is None:
            return "missing", NOTHING_YET
        if age_ms > self._config.max_age_ms and not isinstance(self._buffer, FrameBuffer):
            return "stale", remark("last data {age} s ago", age=f"{age_ms / 1e3:.1f}")
        return "ok", ""

    def _will_do(self, trigger: Trigger) -> bool:
        if isinstance(self._buffer, FrameBuffer):
            return self._nearest(self._buffer, trigger, self.fit, self._max_error_ns) is not None
        if isinstance(self._buffer, SeriesBuffer):
            end_ns = self.end_ns
            return end_ns is not None and end_ns >= window_ns(trigger, self._config)[1] - self._max_age_ns
        return False

    def _nearest(self, buffer: FrameBuffer, trigger: Trigger, fit: ClockFit, early_ns: int) -> Frame | None:
        start_ns, end_ns = window_ns(trigger, self._config)
        passing_ns = trigger.t_ns + round(self._config.lag_ms * 1e6)
        to_device = fit.device_time_ns
        return buffer.nearest(to_device(passing_ns), to_device(start_ns - early_ns), to_device(end_ns + self._max_error_ns))


class _Still:
    """For how long nothing has moved: pictures that agree in every bit, values that do not change."""

    def __init__(self) -> None:
        self.pictures = 0
        self.seconds = 0.0
        self._last: NDArray[Any] | float | None = None
        self._since_ns = 0

    def see(self, signal: Signal) -> None:
        if isinstance(signal, Frame):
            same = isinstance(self._last, np.ndarray) and _agree(self._last, signal.pixels) and signal.pixels.min() != signal.pixels.max()
            self.pictures = self.pictures + 1 if same else 1
            self._last = signal.pixels
        elif isinstance(signal, Series):
            self._see_values(signal)

    def _see_values(self, series: Series) -> None:
        last = np.nan if self._last is None else self._last
        moves = np.flatnonzero(np.diff(series.values, prepend=last) != 0)  # NaN differs from all
        if len(moves):
            self._since_ns = int(series.t_ns[moves[-1]])
        self._last = float(series.values[-1])
        self.seconds = (int(series.t_ns[-1]) - self._since_ns) / 1e9


def _agree(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Compare two pictures, a few rows first: those that differ, differ there already."""
    return one.shape == other.shape and np.array_equal(one[::97], other[::97]) and np.array_equal(one, other)


def _buffer_for(driver: Driver, seconds: float) -> FrameBuffer | WaveformBuffer | SeriesBuffer:
    if isinstance(driver, Camera):
        return FrameBuffer(seconds)
    if isinstance(driver, WaveformSource):
        return WaveformBuffer(seconds)
    assert isinstance(driver, SeriesSource)
    return SeriesBuffer(seconds)
