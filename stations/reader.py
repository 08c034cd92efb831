"""A thread that reads one device, and another one where a call into the device does not come back.

A blocked call cannot be broken off in a thread. So the reader leaves it behind with its driver, says that the device hangs, and
begins anew with a driver of the same settings; should the old call ever return, its thread closes the old driver and ends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from inspector.clock import Clock
from stations.devices import Device

log = logging.getLogger(__name__)

POLL_S = 0.2
MOST_LEFT_BEHIND = 5
"""Threads that hang in one device at a time. With so many the device is not tried again until one of them returns."""

T = TypeVar("T")


class Reader(Generic[T]):
    """Read a device until it ends or `done` says so.

    Args:
        name: of the thread, as the channel is called.
        device: what to read.
        clock: the station clock.
        take: called with what was read, and after every poll with None.
        renew: called with the device that takes the place of one that hangs.
        done: whether to stop.
    """

    def __init__(
        self,
        name: str,
        device: Device[T],
        clock: Clock,
        *,
        take: Callable[[T | None, int], object],
        renew: Callable[[Device[T]], object],
        done: Callable[[], bool],
    ) -> None:
        self.name = name
        self._device = device
        self._clock = clock
        self._take, self._renew, self._done = take, renew, done
        self._left_behind: list[threading.Thread] = []
        self._thread = self._started()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread; one that hangs is left behind, as it is a daemon."""
        self._thread.join(timeout_s)

    def watch(self) -> None:
        """Begin anew where the device's call has not returned for too long."""
        hanging_s = self._device.hanging_s
        if hanging_s is None or self._done():
            return
        self._device.lose(f"hangs: its driver has not answered for {hanging_s:.1f} s")
        self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
        if len(self._left_behind) < MOST_LEFT_BEHIND:
            self._left_behind.append(self._thread)
            self._device = self._device.renewed()
            self._renew(self._device)
            self._thread = self._started()

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._read, args=(self._device,), name=self.name, daemon=True)
        thread.start()
        return thread

    def _read(self, device: Device[T]) -> None:
        while not (self._done() or device.ended):
            item = device.poll(POLL_S)
            if self._device is not device:
                device.close_quietly()
                return
            self._take(item, device.arrived_ns(self._clock.now_ns()))
