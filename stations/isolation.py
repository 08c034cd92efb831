"""A driver in a process of its own, for devices whose vendor's code may hang, leak or crash.

To the station the stand-in is a driver like any other: it keeps the same promise. `open` starts the process, what the driver reads
there comes over a pipe, and `close` ends the process whatever state it is in, so that the device is free to be opened again. Stamps
need no care: the monotonic clock is the computer's, not the process's.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import threading
import time
from multiprocessing.connection import Connection
from typing import Any, cast

from inspector.clock import MonotonicClock
from inspector.drivers import Camera, Driver, SeriesSource, TriggerSource, WaveformSource
from inspector.errors import DriverError, EndOfStream
from inspector.parts import Frame, Series, Trigger, Waveform

log = logging.getLogger(__name__)

START_PATIENCE_S = 12.0
"""For starting Python, loading the vendor's library and opening the device; below what `Device` allows an `open`."""
SILENCE_S = 1.5
"""The process reports at least every `CHILD_POLL_S`, with or without data; one that is silent for so long hangs."""
CHILD_POLL_S = 0.2
END_S = 1.0


def isolated(driver: Driver) -> Driver:
    """Return a driver that keeps the promise of `driver` from a process of its own."""
    for promise, stand_in in _STAND_INS.items():
        if isinstance(driver, promise):
            return stand_in(driver.settings, channel=driver.channel, unit=driver.unit, clock=driver.clock, driver_class=type(driver))
    raise TypeError(f"{type(driver).__name__} cannot be isolated")


class _Process:
    """The process, and the pipe to it."""

    def __init__(self, driver_class: type[Driver], settings: Any, channel: str, unit: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, driver_class, settings, channel, unit), name=f"driver of {channel}", daemon=True
        )
        self._process.start()
        theirs.close()
        self._heard_s = time.monotonic()
        self._channel = channel

    def receive(self, timeout_s: float, silence_s: float) -> tuple[str, Any]:
        """Return the next message; ("idle", None) when the time is over. Raises DriverError where the process hangs or has ended."""
        try:
            if self._pipe.poll(timeout_s):
                self._heard_s = time.monotonic()
                return cast("tuple[str, Any]", self._pipe.recv())
        except (EOFError, OSError) as error:
            self._process.join(END_S)
            raise DriverError(f"its process has ended (exit code {self._process.exitcode})", channel=self._channel) from error
        silent_s = time.monotonic() - self._heard_s
        if silent_s > silence_s:
            raise DriverError(f"hangs: its process has not answered for {silent_s:.1f} s", channel=self._channel)
        return "idle", None

    def send(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # a process that has ended is noticed by who reads
            self._pipe.send(message)

    def end(self) -> None:
        """Ask the process to close its device and go; end it where it does not."""
        self.send(None)
        self._process.join(END_S)
        if self._process.is_alive():
            self.kill()
            self._process.join()
        self._pipe.close()

    def kill(self) -> None:
        self._process.kill()


class _StandIn(Driver):
    """What the stand-ins of all promises share."""

    def __init__(self, settings: Any, *, driver_class: type[Driver], **place: Any) -> None:
        super().__init__(settings, **place)
        self._driver_class = driver_class
        self._lost = 0
        self._process: _Process | None = None

    def another(self) -> Driver:
        return type(self)(self.settings, channel=self.channel, unit=self.unit, clock=self.clock, driver_class=self._driver_class)

    def abandon(self) -> None:
        if (process := self._process) is not None:
            process.kill()

    def open(self) -> None:
        if self._process is not None:
            return
        self._process = _Process(self._driver_class, self.settings, self.channel, self.unit)
        try:
            own_clock = self._next(START_PATIENCE_S, START_PATIENCE_S, wanted="open")
            if own_clock is None:
                raise DriverError(f"did not open within {START_PATIENCE_S:g} s", channel=self.channel)
            self.own_clock = own_clock
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.end()

    def _read(self, timeout_s: float) -> Any:
        return self._next(timeout_s, SILENCE_S, wanted="item")

    def _next(self, timeout_s: float, silence_s: float, *, wanted: str) -> Any:
        if self._process is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        end_s = time.monotonic() + timeout_s
        while True:
            kind, content = self._process.receive(max(0.0, end_s - time.monotonic()), silence_s)
            if kind == "error":
                raise content
            if kind == wanted:
                item, self.arrived_ns, self._lost = content
                return item
            if time.monotonic() >= end_s:
                return None


class _IsolatedCamera(_StandIn, Camera):
    def lost(self) -> int:
        return self._lost

    def read(self, timeout_s: float) -> Frame | None:
        return cast("Frame | None", self._read(timeout_s))

    def fire(self, trigger: Trigger) -> None:
        if self._process is not None:
            self._process.send(trigger)


class _IsolatedWaveform(_StandIn, WaveformSource):
    def read(self, timeout_s: float) -> Waveform | None:
        return cast("Waveform | None", self._read(timeout_s))


class _IsolatedSeries(_StandIn, SeriesSource):
    def read(self, timeout_s: float) -> Series | None:
        return cast("Series | None", self._read(timeout_s))


class _IsolatedTrigger(_StandIn, TriggerSource):
    def wait(self, timeout_s: float) -> Trigger | None:
        return cast("Trigger | None", self._read(timeout_s))


_STAND_INS: dict[type[Driver], type[_StandIn]] = {
    Camera: _IsolatedCamera,
    WaveformSource: _IsolatedWaveform,
    SeriesSource: _IsolatedSeries,
    TriggerSource: _IsolatedTrigger,
}


# --- in the driver's process ---------------------------------------------------------------------------------------------------


def _serve(pipe: Connection, driver_class: type[Driver], settings: Any, channel: str, unit: str) -> None:
    """Open the driver and send what it reads, until the other side goes away or asks to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches all processes; the station ends this one
    driver = driver_class(settings, channel=channel, unit=unit, clock=MonotonicClock())
    ended = threading.Event()
    try:
        driver.open()
        pipe.send(("open", (driver.own_clock, None, 0)))
        threading.Thread(target=_obey, args=(pipe, driver, ended), daemon=True).start()
        _send_readings(pipe, driver, ended)
    except (BrokenPipeError, ConnectionError):
        pass  # the station is gone
    except Exception as error:  # noqa: BLE001  as in Device: whatever a driver raises is a lost device
        told = error if isinstance(error, DriverError) else DriverError(f"{type(error).__name__}: {error}", channel=channel)
        with contextlib.suppress(OSError):
            pipe.send(("error", _picklable(told)))
    finally:
        driver.close()


def _send_readings(pipe: Connection, driver: Driver, ended: threading.Event) -> None:
    assert isinstance(driver, Camera | WaveformSource | SeriesSource | TriggerSource)
    read = driver.wait if isinstance(driver, TriggerSource) else driver.read
    while not ended.is_set():
        item = read(CHILD_POLL_S)
        arrived_ns = driver.clock.now_ns() if driver.arrived_ns is None else driver.arrived_ns
        lost = driver.lost() if isinstance(driver, Camera) else 0
        pipe.send(("idle", None) if item is None else ("item", (item, arrived_ns, lost)))


def _obey(pipe: Connection, driver: Driver, ended: threading.Event) -> None:
    """Fire the camera when a trigger comes; None, or the end of the station, ends the process."""
    try:
        while (trigger := pipe.recv()) is not None:
            if isinstance(driver, Camera):
                driver.fire(trigger)
    except (EOFError, OSError):
        pass
    except DriverError as error:
        log.warning("%s: cannot be triggered: %s", driver.channel, error)
    ended.set()


def _picklable(error: DriverError) -> DriverError:
    """Return the error as it reads: its own arguments, which are places, would be put before its words a second time."""
    return EndOfStream(str(error)) if isinstance(error, EndOfStream) else DriverError(str(error))
