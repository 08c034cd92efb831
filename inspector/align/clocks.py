"""Learn how a device's clock runs from when its readings arrive. Here "how far is this stamp off?" is answered.

A reading arrives late by what its way took, never early, so the truth is the lower edge of (arrival - stamp): `lower_edge` draws it.
Here the readings are gathered, a clock that starts anew or steps is noticed, and stamps are kept from running backward.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from inspector.align.lower_edge import LARGEST_SLOT_PAIRS, Known, Line, OpenSlot, Slot, line_through
from inspector.parts import ClockFit

WINDOW_NS = 60_000_000_000
LONGEST_WINDOW_NS = 300_000_000_000
FEWEST_SLOTS, MOST_SLOTS = 20, 120
"""A window is a minute, or as much longer as slow streams need for enough slots."""
REFIT_NS = 1_000_000_000
STEP_NS = 50_000_000
STEP_DELAYS = 6.0
"""A clock has stepped back where all readings are later than both: so many usual delays, and `STEP_NS`..."""
LATE_NS, LATE_PAIRS = 3_000_000_000, 5
"""...for so long and so many readings. A stall ends sooner, with a burst whose last reading is hardly late."""
EARLY_PAIRS = 3
"""It has stepped forward where so many readings in turn came before their time; nothing but a wrong stamp is ever early."""
SETTLED_PAIRS = 12
"""Before so many readings the fit itself may be late by a stall, and an early reading is just a better one."""
DOUBT_NS = 300_000_000
"""Readings that are all late for so long put the fit in doubt."""

SLEW_NS = 5_000_000_000
LARGEST_SLEW_PPM = 2000.0
"""A correction that would move stamps backward is spread over so long, at such a pace at most."""


class DeviceClock:
    """The clock of one device, learned from pairs of its stamp and the station's time of arrival.

    Stamps are kept as the device gave them, and a capture is read with one fit, so their order within a capture is never touched. From
    capture to capture `issue` sees to it: no stamp is placed before where the last one issued, or an older one, was placed. Holds no
    lock. Memory is bounded whatever the rate; a pair costs a few microseconds, and the fit made anew once a second a millisecond.

    Args:
        latency_ns: constant way from the event to the station, as calibrated; taken off every stamp.
    """

    def __init__(self, latency_ns: int = 0) -> None:
        self._latency_ns = latency_ns
        self._stretch: _Stretch | None = None
        self._issued: tuple[int, int] | None = None
        """The newest stamp there was when a fit was issued, and where that fit placed it."""
        self.epoch = 0

    @property
    def fit(self) -> ClockFit | None:
        """The best present fit, None before the first pair. To place what goes into a capture, `issue` one."""
        if self._stretch is None:
            return None
        fit = self._stretch.fit
        return replace(fit, latency_ns=self._latency_ns, uncertainty_ns=fit.uncertainty_ns + self._stretch.doubt_ns, epoch=self.epoch)

    def add(self, device_ns: int, arrived_ns: int) -> bool:
        """Learn from a reading; of a block, its end. Say whether a new epoch began: stamps from before then mean nothing any more.

        An epoch begins where the device's clock runs backward, or where it stepped, which shows after a few readings.
        """
        if self._stretch is None:
            self._stretch = _Stretch(Known(), [(device_ns, arrived_ns)])
            return False
        successors = self._stretch.add(device_ns, arrived_ns)
        if successors:
            self._begin(successors)
        return bool(successors)

    def restart(self) -> None:
        """Begin a new epoch with the next pair: the device was opened again, and its clock may have begun anew."""
        if self._stretch is not None:
            self._stretch.over = True

    def issue(self) -> ClockFit | None:
        """Return the fit to read a capture with; None before the first pair.

        It is the best one unless that would place the newest stamp of the fit issued before earlier than it was. Then it begins where
        that one was and comes down to the best within seconds; `uncertainty_ns` says by how much it is off meanwhile.
        """
        fit = self.fit
        if fit is None or self._stretch is None:
            return None
        newest_ns = self._stretch.newest_ns
        if self._issued is not None:
            fit = _not_before(fit, *self._issued, newest_ns)
        self._issued = newest_ns, fit.station_time_ns(newest_ns)
        return fit

    def _begin(self, pairs: list[tuple[int, int]]) -> None:
        assert self._stretch is not None
        self._stretch = _Stretch(self._stretch.line.known, pairs)
        self._issued = None
        self.epoch += 1


def _not_before(fit: ClockFit, device_ns: int, station_ns: int, newest_ns: int) -> ClockFit:
    """Return `fit`, bent where it would place `device_ns` before `station_ns`: a line from there that meets it soon."""
    ahead_ns = station_ns - fit.station_time_ns(device_ns)
    if ahead_ns <= 0:
        return fit
    slew_ppm = min(ahead_ns / max(SLEW_NS, newest_ns - device_ns) * 1e6, LARGEST_SLEW_PPM)
    return replace(
        fit,
        device_ns=device_ns,
        station_ns=station_ns + fit.latency_ns,
        drift_ppm=fit.drift_ppm - slew_ppm,
        uncertainty_ns=fit.uncertainty_ns + 2 * ahead_ns,
    )


class _Stretch:
    """One epoch of a device's clock: slots of readings, the line through them, and the readings that speak against it."""

    def __init__(self, known: Known, pairs: list[tuple[int, int]]) -> None:
        self.over = False
        self._before = known
        self._origin = pairs[0]
        self._known_ns = pairs[0][1]
        self._slots: deque[Slot] = deque(maxlen=MOST_SLOTS)
        self._open = OpenSlot(pairs[0][1])
        self._early: list[tuple[int, int]] = []
        self._late: deque[tuple[int, int]] = deque(maxlen=LARGEST_SLOT_PAIRS)
        self._late_since_ns = 0
        self._least_late_ns = 0.0
        self._pairs = self._fitted_pairs = self._fitted_ns = 0
        self.line = Line(0.0, known.drift, known.drift_sd, 0.0, known.delay_ns)
        self.newest_ns = pairs[0][0]
        self.fit = ClockFit(*self._origin)
        for device_ns, arrived_ns in pairs:
            self._take(device_ns, arrived_ns)

    @property
    def doubt_ns(self) -> int:
        """By how much the clock may have stepped, if readings go on as the last ones did."""
        if self._early:
            return round(abs(self._lateness_ns(*self._early[-1])))
        return round(self._least_late_ns) if self._late and self._late[-1][1] - self._late_since_ns >= DOUBT_NS else 0

    def add(self, device_ns: int, arrived_ns: int) -> list[tuple[int, int]]:
        """Take a reading; return the first readings of the epoch that follows this one, none while this one goes on."""
        if self.over or device_ns < self.newest_ns:
            return [(device_ns, arrived_ns)]
        lateness_ns = self._lateness_ns(device_ns, arrived_ns)
        if lateness_ns < -STEP_NS and self._pairs >= SETTLED_PAIRS:
            self._early.append((device_ns, arrived_ns))
            return self._early if len(self._early) >= EARLY_PAIRS else []
        self._early.clear()
        if self._stays_late(device_ns, arrived_ns, lateness_ns):
            return list(self._late)
        self._take(device_ns, arrived_ns)
        return []

    def _lateness_ns(self, device_ns: int, arrived_ns: int) -> float:
        fit = self.fit
        span_ns = device_ns - fit.device_ns
        return arrived_ns - fit.station_ns - span_ns - span_ns * fit.drift_ppm / 1e6

    def _stays_late(self, device_ns: int, arrived_ns: int, lateness_ns: float) -> bool:
        if lateness_ns <= STEP_NS or lateness_ns <= STEP_DELAYS * self.line.delay_ns:
            self._late.clear()
            return False
        if not self._late:
            self._late_since_ns, self._least_late_ns = arrived_ns, lateness_ns
        self._late.append((device_ns, arrived_ns))
        self._least_late_ns = min(self._least_late_ns, lateness_ns)
        return len(self._late) >= LATE_PAIRS and arrived_ns - self._late_since_ns >= LATE_NS

    def _take(self, device_ns: int, arrived_ns: int) -> None:
        at_ns = device_ns - self._origin[0]
        self._open.add(at_ns, arrived_ns - self._origin[1] - at_ns)
        self.newest_ns = device_ns
        self._pairs += 1
        if self._open.full(arrived_ns):
            self._slots.append(self._open.closed(self.line.drift))
            self._open = OpenSlot(arrived_ns)
            self._forget()
        if self._pairs >= 2 * self._fitted_pairs or arrived_ns - self._fitted_ns >= REFIT_NS:
            self._refit(arrived_ns)

    def _forget(self) -> None:
        """Let slots go that left the window; what they taught of the clock stays."""
        slots = self._slots
        while len(slots) > 1:
            span_ns = slots[-1].at_ns - slots[0].at_ns
            if span_ns <= WINDOW_NS or (span_ns <= LONGEST_WINDOW_NS and len(slots) <= FEWEST_SLOTS):
                return
            slots.popleft()

    def _refit(self, arrived_ns: int) -> None:
        slots = list(self._slots)
        if self._open.pairs:
            slots.append(self._open.closed(self.line.drift))
        if arrived_ns - self._known_ns >= WINDOW_NS:
            self._before, self._known_ns = self.line.known, arrived_ns
        self.line = line = line_through(slots, self.newest_ns - self._origin[0], self._before)
        self._fitted_pairs, self._fitted_ns = self._pairs, arrived_ns
        self.fit = ClockFit(
            device_ns=self.newest_ns,
            station_ns=self._origin[1] + self.newest_ns - self._origin[0] + round(line.height_ns),
            drift_ppm=line.drift * 1e6,
            uncertainty_ns=round(line.uncertainty_ns),
        )
