"""One station at work: open its drivers, and yield a Capture per trigger.

Two modes share the buffers and the cutting. *Live* (a real clock): a thread per driver fills the buffers, so that a slow or lost
device holds up no other. *Stepped* (a SteppedClock): one thread pulls each driver as far as a part needs, as fast as it can, and
the same input gives the same captures every time.

A part is cut when every channel is ready. Waveforms are ready when samples cover the window and `MARGIN_NS` behind it. Pictures and
series are ready when something stamped at or after the window's end has come, or `SETTLE_NS` have passed and what is there will do.
Nobody waits longer than `max_age_ms` of the channel, or than half of the station's deadline: the other half is for judging.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from inspector.clock import Clock, MonotonicClock, SteppedClock
from inspector.config import ChannelConfig, Station
from inspector.drivers import Camera, SeriesSource, WaveformSource
from inspector.errors import DriverError
from inspector.parts import Capture, Frame, PartTruth, Series, Trigger, Waveform
from stations.buffers import FrameBuffer, SeriesBuffer, WaveformBuffer
from stations.devices import Device, build_drivers
from stations.plc.station_side import NOTHING_YET

MARGIN_NS = 10_000_000
"""Cut on both sides of a waveform's window, so that alignment can still move it."""
SETTLE_NS = 50_000_000
"""How long a picture or a slow value may travel from its stamp to us."""
SPARE_S = 5.0
"""Kept in the buffers beyond the window: how far the judge may fall behind before data of a waiting part is overwritten."""
POLL_S = 0.2


class Agent:
    """Captures of one station.

        with Agent(station, clock) as agent:
            for capture in agent.captures():

    Args:
        station: what to capture.
        clock: a SteppedClock for recorded and simulated sources as fast as possible; real time by default.
        path: the station file; paths in settings are relative to its folder.
        on_trigger: called for each part as soon as its trigger is known, from the trigger's thread.
    """

    def __init__(
        self,
        station: Station,
        clock: Clock | None = None,
        *,
        path: Path | None = None,
        on_trigger: Callable[[Trigger], None] | None = None,
    ) -> None:
        self.station = station
        self.clock = clock or MonotonicClock()
        self.drivers = build_drivers(station, self.clock, path)
        if self.drivers.plc is not None:
            self.drivers.plc.health = self.health
        self.live = not isinstance(self.clock, SteppedClock)
        self.on_trigger = on_trigger
        self._changed = threading.Condition()
        self._patience_ns = round(station.deadline_ms / 2 * 1e6)
        self._intakes = {name: _Intake(self.drivers.channels[name], config, self._patience_ns) for name, config in station.channels.items()}
        self._trigger: Device[Trigger] = Device(self.drivers.trigger, self.drivers.trigger.wait)
        self._triggers: queue.SimpleQueue[Trigger] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def open(self) -> None:
        """Open all devices. Raises DriverError; on a live station only for the trigger, as other devices may come later."""
        try:
            self._trigger.open()
            for intake in self._intakes.values():
                if not self.live:
                    intake.device.open()
        except BaseException:
            self.close()
            raise
        if self.live:
            self._start_threads()

    def stop(self) -> None:
        """Take no new part; those already triggered are still finished. Safe from any thread and from a signal handler."""
        self._stopping.set()

    def close(self) -> None:
        """Release all devices."""
        self._stopping.set()
        self._closing.set()
        for thread in self._threads:
            thread.join(timeout=2.0)  # a thread that hangs in a device is left behind: it is a daemon
        for device in (self._trigger, *(intake.device for intake in self._intakes.values())):
            device.close()

    def captures(self, parts: int | None = None) -> Iterator[Capture]:
        """Yield a capture per part until the sources end, `stop` is called, or `parts` were yielded."""
        yielded = 0
        while parts is None or yielded < parts:
            trigger = self._next_trigger()
            if trigger is None:
                return
            self._await(trigger)
            if self._sources_are_past(trigger):
                return
            capture = self._cut(trigger)
            self.drivers.trigger.captured(trigger)
            yield capture
            yielded += 1

    def truth(self, part_id: str) -> PartTruth | None:
        """Return what is really so of a part, where the trigger knows it."""
        return self.drivers.trigger.truth(part_id)

    def health(self) -> dict[str, dict[str, Any]]:
        """Return channel -> {"state": ok | missing | stale, "reason", "drops", "age_ms"} as of now; drops since the start."""
        now_ns = self.clock.now_ns()
        with self._changed:
            return {name: intake.health(now_ns) for name, intake in self._intakes.items()}

    # --- triggers

    def _next_trigger(self) -> Trigger | None:
        return self._queued_trigger() if self.live else self._pulled_trigger()

    def _pulled_trigger(self) -> Trigger | None:
        while not (self._stopping.is_set() or self._trigger.ended):
            trigger = self._trigger.poll(1.0)
            if self._trigger.lost is not None:
                raise DriverError(self._trigger.lost, station=self.station.station)
            if trigger is not None:
                if self.on_trigger is not None:
                    self.on_trigger(trigger)
                return trigger
        return None

    def _queued_trigger(self) -> Trigger | None:
        source = self._threads[0]
        while source.is_alive():
            try:
                return self._triggers.get(timeout=POLL_S)
            except queue.Empty:
                if self._stopping.is_set():
                    source.join(timeout=2.0)
                    break
        try:
            return self._triggers.get_nowait()
        except queue.Empty:
            return None

    def _sources_are_past(self, trigger: Trigger) -> bool:
        """Say whether every channel had ended before this part came: a timer would go on for ever."""
        return all(i.device.ended and (i.end_ns is None or i.end_ns < trigger.t_ns) for i in self._intakes.values())

    # --- filling the buffers

    def _start_threads(self) -> None:
        jobs = [threading.Thread(target=self._serve_trigger, name="trigger", daemon=True)]
        jobs += [threading.Thread(target=self._serve, args=(i,), name=name, daemon=True) for name, i in self._intakes.items()]
        for job in jobs:
            job.start()
        self._threads = jobs

    def _serve_trigger(self) -> None:
        while not (self._stopping.is_set() or self._trigger.ended):
            trigger = self._trigger.poll(POLL_S)
            if trigger is not None:
                if self.on_trigger is not None:
                    self.on_trigger(trigger)
                self._triggers.put(trigger)

    def _serve(self, intake: _Intake) -> None:
        while not (self._closing.is_set() or intake.device.ended):
            signal = intake.device.poll(POLL_S)
            with self._changed:
                if signal is not None:
                    intake.append(signal)
                self._changed.notify_all()

    def _await(self, trigger: Trigger) -> None:
        if self.live:
            self._await_threads(trigger)
        else:
            for intake in self._intakes.values():
                self._pull(intake, trigger)
            for intake in self._intakes.values():  # as live: what came while others were waited for belongs to the part, too
                self._drain(intake, trigger)

    def _await_threads(self, trigger: Trigger) -> None:
        with self._changed:
            while True:
                now_ns = self.clock.now_ns()
                waiting = [intake for intake in self._intakes.values() if not intake.ready(trigger, now_ns)]
                if not waiting:
                    return
                self._changed.wait(min(intake.decision_ns(trigger, now_ns) - now_ns for intake in waiting) / 1e9)

    def _pull(self, intake: _Intake, trigger: Trigger) -> None:
        self._drain(intake, trigger)
        while not intake.ready(trigger, now_ns := self.clock.now_ns()):
            signal = intake.device.poll((intake.decision_ns(trigger, now_ns) - now_ns) / 1e9)
            if signal is not None:
                intake.append(signal)

    def _drain(self, intake: _Intake, trigger: Trigger) -> None:
        """Take what has come by now: while time went by for another channel, this one did not stand still."""
        while intake.device.worth_waiting and not intake.covers(trigger):
            signal = intake.device.poll(0.0)
            if signal is None:
                return
            intake.append(signal)

    # --- cutting

    def _cut(self, trigger: Trigger) -> Capture:
        with self._changed:
            signals = {name: intake.cut(trigger) for name, intake in self._intakes.items()}
            drops = {name: intake.take_drops(trigger) for name, intake in self._intakes.items()}
        return Capture(
            trigger=trigger,
            frames={name: signal for name, signal in signals.items() if isinstance(signal, Frame)},
            waveforms={name: signal for name, signal in signals.items() if isinstance(signal, Waveform)},
            series={name: signal for name, signal in signals.items() if isinstance(signal, Series)},
            drops=drops,
            wall_utc_ns=self.clock.wall_utc_ns(trigger.t_ns),
        )


class _Intake:
    """One channel: its device, its buffer, and what of it belongs to a part."""

    def __init__(self, driver: object, config: ChannelConfig, patience_ns: int) -> None:
        assert isinstance(driver, Camera | WaveformSource | SeriesSource)
        self.device: Device[Any] = Device(driver, driver.read)
        self._config = config
        self._max_age_ns = round(config.max_age_ms * 1e6)
        self._max_error_ns = round(config.max_sync_error_ms * 1e6)
        self._patience_ns = min(self._max_age_ns, patience_ns)
        seconds = config.window.pre_s + config.window.post_s + config.max_age_ms / 1e3 + SPARE_S
        self._buffer: FrameBuffer | WaveformBuffer | SeriesBuffer
        if isinstance(driver, Camera):
            self._buffer = FrameBuffer(seconds)
        elif isinstance(driver, WaveformSource):
            self._buffer = WaveformBuffer(seconds)
        else:
            self._buffer = SeriesBuffer(seconds)
        self._drops = 0

    @property
    def end_ns(self) -> int | None:
        return self._buffer.end_ns

    def append(self, signal: Any) -> None:
        self._buffer.append(signal)

    def window_ns(self, trigger: Trigger) -> tuple[int, int]:
        """Return the span that the part asks of this channel."""
        window = self._config.window
        return trigger.t_ns - round(window.pre_s * 1e9), trigger.t_ns + round(window.post_s * 1e9)

    def covers(self, trigger: Trigger) -> bool:
        """Say whether all that this part can use has come."""
        margin_ns = MARGIN_NS if isinstance(self._buffer, WaveformBuffer) else 0
        return self.end_ns is not None and self.end_ns >= self.window_ns(trigger)[1] + margin_ns

    def ready(self, trigger: Trigger, now_ns: int) -> bool:
        """Say whether waiting longer is of no use."""
        if self.covers(trigger) or not self.device.worth_waiting:
            return True
        end_ns = self.window_ns(trigger)[1]
        if now_ns >= end_ns + self._patience_ns:
            return True
        return now_ns >= end_ns + SETTLE_NS and self._will_do(trigger)

    def decision_ns(self, trigger: Trigger, now_ns: int) -> int:
        """Return the next instant at which `ready` may change without data."""
        end_ns = self.window_ns(trigger)[1]
        settled_ns = end_ns + min(SETTLE_NS, self._patience_ns)
        return settled_ns if now_ns < settled_ns else end_ns + self._patience_ns

    def cut(self, trigger: Trigger) -> Frame | Waveform | Series | None:
        start_ns, end_ns = self.window_ns(trigger)
        if isinstance(self._buffer, FrameBuffer):
            return self._buffer.nearest(trigger.t_ns, start_ns - self._max_age_ns, end_ns + self._max_error_ns)
        if isinstance(self._buffer, WaveformBuffer):
            return self._buffer.cut(start_ns - MARGIN_NS, end_ns + MARGIN_NS)
        return self._buffer.cut(start_ns - MARGIN_NS, end_ns)

    def take_drops(self, trigger: Trigger) -> int:
        start_ns, end_ns = self.window_ns(trigger)
        drops = self._buffer.take_drops(start_ns, end_ns)
        self._drops += drops
        return drops

    def health(self, now_ns: int) -> dict[str, Any]:
        age_ms = None if self.end_ns is None else max(0.0, (now_ns - self.end_ns) / 1e6)
        state, reason = "ok", ""
        if self.device.lost is not None:
            state, reason = "missing", self.device.lost
        elif self.device.ended:
            state, reason = "missing", "the source has ended"
        elif age_ms is None:
            state, reason = "missing", NOTHING_YET
        elif age_ms > self._config.max_age_ms and not isinstance(self._buffer, FrameBuffer):
            state, reason = "stale", f"last data {age_ms / 1e3:.1f} s ago"
        return {"state": state, "reason": reason, "drops": self._drops, "age_ms": age_ms}

    def _will_do(self, trigger: Trigger) -> bool:
        start_ns, end_ns = self.window_ns(trigger)
        if isinstance(self._buffer, FrameBuffer):
            return self._buffer.nearest(trigger.t_ns, start_ns - self._max_error_ns, end_ns + self._max_error_ns) is not None
        if isinstance(self._buffer, SeriesBuffer):
            return self.end_ns is not None and self.end_ns >= end_ns - self._max_age_ns
        return False
