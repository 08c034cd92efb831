"""One station at work: open its drivers, and yield a Capture per trigger.

Two modes share the buffers and the cutting. *Live* (a real clock): a thread per driver fills the buffers, so that a slow, lost or
hanging device holds up no other; a watchdog replaces the thread and the driver of one that hangs, and drivers that say so run in a
process of their own. *Stepped* (a SteppedClock): one thread pulls each driver as far as a part needs, as fast as it can, and the same
input gives the same captures every time.

A part is cut when every channel is ready. Waveforms are ready when samples cover the window and `MARGIN_NS` behind it. Pictures and
series are ready when something stamped at or after the window's end has come, or `SETTLE_NS` have passed and what is there will do.
Nobody waits longer than `max_age_ms` of the channel, or than half of the station's deadline: the other half is for judging.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from inspector.clock import Clock, MonotonicClock, SteppedClock
from inspector.config import Station
from inspector.drivers import Camera, Driver, TriggerSource
from inspector.errors import DriverError
from inspector.faults import Fault
from inspector.parts import Capture, Frame, PartTruth, Series, Signal, Trigger, Waveform
from inspector.stamps import on_station_clock
from stations.devices import Device, build_drivers
from stations.injection import with_faults
from stations.intake import Intake
from stations.isolation import isolated
from stations.reader import POLL_S, Reader

log = logging.getLogger(__name__)

WATCH_S = 0.25
STOP_WAIT_S = 2.0


class Agent:
    """Captures of one station.

        with Agent(station, clock) as agent:
            for capture in agent.captures():

    Args:
        station: what to capture.
        clock: a SteppedClock for recorded and simulated sources as fast as possible; real time by default.
        path: the station file; paths in settings are relative to its folder.
        on_trigger: called for each part as soon as its trigger is known, from the trigger's thread.
        faults: injected between devices and station; a list may grow and shrink while the station runs.
    """

    def __init__(
        self,
        station: Station,
        clock: Clock | None = None,
        *,
        path: Path | None = None,
        on_trigger: Callable[[Trigger], None] | None = None,
        faults: Sequence[Fault] | None = None,
    ) -> None:
        self.station = station
        self.clock = clock or MonotonicClock()
        self.drivers = build_drivers(station, self.clock, path)
        if self.drivers.plc is not None:
            self.drivers.plc.health = self.health
        self.live = not isinstance(self.clock, SteppedClock)
        self.on_trigger = on_trigger
        self._changed = threading.Condition()
        patience_ns = round(station.deadline_ms / 2 * 1e6)
        devices = {name: self._device(driver, faults) for name, driver in self.drivers.channels.items()}
        self._intakes = {name: Intake(devices[name], config, patience_ns) for name, config in station.channels.items()}
        self._trigger: Device[Trigger] = self._device(self.drivers.trigger)
        self._watched = self._intakes.get(self.drivers.trigger.watches or "")
        self._triggers: queue.SimpleQueue[Trigger] = queue.SimpleQueue()
        self._announced = 0
        self._most: int | None = None
        self._stopping = threading.Event()
        self._closing = threading.Event()
        self._readers: list[Reader[Any]] = []
        self._watchdog: threading.Thread | None = None

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
            self._start_readers()

    def stop(self) -> None:
        """Take no new part; those already triggered are still finished. Safe from any thread and from a signal handler."""
        self._stopping.set()

    def close(self) -> None:
        """Release all devices."""
        self._stopping.set()
        self._closing.set()
        if self._watchdog is not None:
            self._watchdog.join()
        for reader in self._readers:
            reader.join(STOP_WAIT_S)
        for device in (self._trigger, *(intake.device for intake in self._intakes.values())):
            if device.hanging_s is None:  # closing one that hangs would hang, too
                device.close()

    def captures(self, parts: int | None = None) -> Iterator[Capture]:
        """Yield a capture per part until the sources end, `stop` is called, or `parts` were yielded."""
        yielded = 0
        taken = self._announced - self._triggers.qsize()
        self._most = None if parts is None else taken + parts
        while parts is None or yielded < parts:
            trigger = self._next_trigger()
            if trigger is None:
                return
            self._await(trigger)
            if self._sources_are_past(trigger):
                return
            capture = self._cut(trigger)
            self._source.captured(trigger)
            yield capture
            yielded += 1

    def truth(self, part_id: str) -> PartTruth | None:
        """Return what is really so of a part, where the trigger knows it."""
        return self._source.truth(part_id)

    def health(self) -> dict[str, dict[str, Any]]:
        """Return channel -> {"state": ok | missing | stale, "reason", "drops", "age_ms"} as of now; drops since the start.

        A channel whose device has a clock of its own also tells how that runs: `clock` with `drift_ppm`, `uncertainty_ms`, `epoch`.
        """
        now_ns = self.clock.now_ns()
        with self._changed:
            return {name: intake.health(now_ns) for name, intake in self._intakes.items()}

    # --- triggers

    @property
    def _source(self) -> TriggerSource:
        """The trigger's driver, which is another one after it hung."""
        driver = self._trigger.driver
        assert isinstance(driver, TriggerSource)
        return driver

    def _next_trigger(self) -> Trigger | None:
        return self._queued_trigger() if self.live else self._pulled_trigger()

    def _pulled_trigger(self) -> Trigger | None:
        while not (self._stopping.is_set() or self._trigger.ended):
            trigger = self._trigger.poll(1.0 if self._watched is None else 0.0)
            if self._trigger.lost is not None:
                raise DriverError(self._trigger.lost, station=self.station.station)
            if trigger is not None:
                self._announce(trigger)
                return trigger
            if self._watched is not None and not self._pull_one(self._watched, 1.0):
                return None
        return None

    def _queued_trigger(self) -> Trigger | None:
        source = self._readers[0]
        while source.is_alive:
            try:
                return self._triggers.get(timeout=POLL_S)
            except queue.Empty:
                if self._stopping.is_set():
                    source.join(STOP_WAIT_S)
                    break
        try:
            return self._triggers.get_nowait()
        except queue.Empty:
            return None

    def _announce(self, trigger: Trigger) -> None:
        """Let the cameras that wait for it take their picture, and whoever asked know of the part."""
        if self.on_trigger is not None:
            self.on_trigger(trigger)
        for intake in self._intakes.values():
            camera = intake.device.driver
            if isinstance(camera, Camera) and type(camera).fire is not Camera.fire and intake.device.is_open:
                try:
                    camera.fire(trigger)
                except Exception as error:  # noqa: BLE001  as in Device: what a driver raises is a lost device
                    intake.device.fail(f"cannot be triggered: {error}")

    def _sources_are_past(self, trigger: Trigger) -> bool:
        """Say whether every channel had ended before this part came: a timer would go on for ever."""
        return all(i.device.ended and (i.end_ns is None or i.end_ns < trigger.t_ns) for i in self._intakes.values())

    # --- filling the buffers

    def _device(self, driver: Driver, faults: Sequence[Fault] | None = None) -> Device[Any]:
        if self.live and driver.isolated:
            driver = isolated(driver)
        return Device(driver if faults is None else with_faults(driver, faults))

    def _start_readers(self) -> None:
        self._readers = [
            Reader("trigger", self._trigger, self.clock, take=self._take_trigger, renew=self._renew_trigger, done=self._stopping.is_set)
        ]
        self._readers += [
            Reader(
                name,
                intake.device,
                self.clock,
                take=partial(self._take, intake),
                renew=partial(setattr, intake, "device"),
                done=self._closing.is_set,
            )
            for name, intake in self._intakes.items()
        ]
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._watchdog.start()

    def _watch(self) -> None:
        while not self._closing.wait(WATCH_S):
            for reader in self._readers:
                reader.watch()

    def _take_trigger(self, trigger: Trigger | None, _arrived_ns: int) -> None:
        if trigger is None or (self._most is not None and self._announced >= self._most):
            return  # parts behind the last one that is wanted are nobody's to answer for
        self._announced += 1
        self._announce(trigger)
        self._triggers.put(trigger)

    def _renew_trigger(self, device: Device[Trigger]) -> None:
        self._trigger = device

    def _take(self, intake: Intake, signal: Signal | None, arrived_ns: int) -> None:
        with self._changed:
            if signal is not None:
                intake.append(signal, arrived_ns)
            self._changed.notify_all()
        self._show_trigger(intake, signal)

    def _show_trigger(self, intake: Intake, signal: Signal | None) -> None:
        """Let a trigger that finds parts in this channel look at what came."""
        if signal is not None and intake is self._watched:
            self._source.observe(on_station_clock(signal, intake.fit))

    def _await(self, trigger: Trigger) -> None:
        if self.live:
            self._await_readers(trigger)
        else:
            for intake in self._intakes.values():
                self._pull(intake, trigger)
            for intake in self._intakes.values():  # as live: what came while others were waited for belongs to the part, too
                self._drain(intake, trigger)

    def _await_readers(self, trigger: Trigger) -> None:
        waiting = list(self._intakes.values())
        with self._changed:
            while True:
                now_ns = self.clock.now_ns()
                waiting = [intake for intake in waiting if not intake.ready(trigger, now_ns)]
                if not waiting:
                    return
                self._changed.wait(min(intake.decision_ns(trigger, now_ns) - now_ns for intake in waiting) / 1e9)

    def _pull(self, intake: Intake, trigger: Trigger) -> None:
        self._drain(intake, trigger)
        while not intake.ready(trigger, now_ns := self.clock.now_ns()):
            self._pull_one(intake, (intake.decision_ns(trigger, now_ns) - now_ns) / 1e9)

    def _drain(self, intake: Intake, trigger: Trigger) -> None:
        """Take what has come by now: while time went by for another channel, this one did not stand still."""
        while intake.device.worth_waiting and not intake.covers(trigger) and self._pull_one(intake, 0.0):
            pass

    def _pull_one(self, intake: Intake, timeout_s: float) -> bool:
        """Read a channel's device once; say whether something came."""
        signal = intake.device.poll(timeout_s)
        if signal is None:
            return False
        intake.append(signal, intake.device.arrived_ns(self.clock.now_ns()))
        self._show_trigger(intake, signal)
        return True

    # --- cutting

    def _cut(self, trigger: Trigger) -> Capture:
        with self._changed:
            cuts = {name: intake.cut(trigger) for name, intake in self._intakes.items()}
        signals = {name: cut.signal for name, cut in cuts.items()}
        return Capture(
            trigger=trigger,
            frames={name: signal for name, signal in signals.items() if isinstance(signal, Frame)},
            waveforms={name: signal for name, signal in signals.items() if isinstance(signal, Waveform)},
            series={name: signal for name, signal in signals.items() if isinstance(signal, Series)},
            drops={name: cut.drops for name, cut in cuts.items()},
            wall_utc_ns=self.clock.wall_utc_ns(trigger.t_ns),
            clocks={name: cut.clock for name, cut in cuts.items() if cut.clock is not None},
            arrivals={name: cut.arrivals for name, cut in cuts.items() if cut.arrivals is not None},
            faults={name: cut.fault for name, cut in cuts.items() if cut.fault is not None},
        )
