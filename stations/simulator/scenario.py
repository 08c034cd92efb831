"""What goes wrong when: episodes of faults, each with an onset, a ramp, a peak and a recovery.

An episode is a trapezoid of severity, 0 (sound) to 1 (as bad as it gets before the line stops). What a fault does to a slow
quantity is that trapezoid behind a first-order lag, in closed form, so that any instant can be asked for in any order.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from inspector.drivers import Settings
from stations.simulator.chance import Floats, rng_for

CauseName = Literal[
    "belt_slip", "bearing_wear", "imbalance", "cooling_failure", "low_air_pressure", "tool_wear", "lens_dirt", "light_failure"
]
CAUSES: tuple[CauseName, ...] = (
    "belt_slip",
    "bearing_wear",
    "imbalance",
    "cooling_failure",
    "low_air_pressure",
    "tool_wear",
    "lens_dirt",
    "light_failure",
)
CAUSE_LIMIT = 0.2
"""A process fault counts as the cause of its time from this severity on; below it the truth is "none"."""

COOLANT_TAU_S = 6.0
"""Thermal time constant of the die's small coolant loop."""
AIR_TAU_S = 1.2
"""The receiver tank smooths the supply pressure."""


class Fault(Settings):
    """One episode of one fault, in seconds since the line's start."""

    cause: CauseName
    onset_s: float = 0.0
    ramp_s: float = Field(default=3.0, gt=0)
    hold_s: float = Field(default=10.0, ge=0)
    recovery_s: float = Field(default=1.0, gt=0)
    severity: float = Field(default=0.9, gt=0, le=1)

    @property
    def lag_s(self) -> float:
        """Return how slowly severity follows what failed: heat and pressure are stored somewhere."""
        return {"cooling_failure": COOLANT_TAU_S, "low_air_pressure": AIR_TAU_S}.get(self.cause, 0.0)

    @property
    def end_s(self) -> float:
        return self.onset_s + self.ramp_s + self.hold_s + self.recovery_s

    @property
    def settled_s(self) -> float:
        """Return when its severity is below the limit again."""
        return self.end_s + self.lag_s * float(np.log(max(self.severity / CAUSE_LIMIT, 1.0)))

    @property
    def felt_until_s(self) -> float:
        """Return when nothing of it is left, its lag included."""
        return self.end_s + 8 * self.lag_s

    def trapezoid(self, t_s: Floats, lag_s: float) -> Floats:
        """Return the severity behind a lag of its own: the sum of four ramps' step responses."""
        rise, fall = self.severity / self.ramp_s, self.severity / self.recovery_s
        corners = (
            (self.onset_s, rise),
            (self.onset_s + self.ramp_s, -rise),
            (self.end_s - self.recovery_s, -fall),
            (self.end_s, fall),
        )
        total = np.zeros_like(t_s)
        for corner_s, slope in corners:
            since = np.maximum(t_s - corner_s, 0.0)
            total += slope * (since - lag_s * -np.expm1(-since / lag_s) if lag_s else since)
        return total


class LineSettings(Settings):
    """Everything that defines one simulated line: the same settings give the same world, sample by sample."""

    seed: int = Field(default=1, ge=0)
    interval_s: float = Field(default=0.5, ge=0.4, le=600)
    parts: int | None = Field(default=None, ge=1)
    """None: the line never ends."""
    scenario: Literal["demo", "shift", "quiet"] = "demo"
    """`demo`: a fault every ten seconds; `shift`: every few minutes, and slowly; `quiet`: no process fault."""
    causes: tuple[CauseName, ...] = CAUSES
    """Which faults may occur."""
    faults: tuple[Fault, ...] | None = None
    """These episodes and no others, in place of the scenario's."""
    concurrent: bool = False
    """Two faults may overlap."""
    incoming_ratio: float = Field(default=0.06, ge=0, le=1)
    """Share of parts that come with a defect of the material, of those made while no process fault is active."""
    part_prefix: str = Field(default="A7", pattern=r"^[A-Za-z0-9]{1,12}$")


@dataclass(frozen=True, slots=True)
class _Pace:
    """Ranges (s) that a scenario draws its episodes from."""

    gap: tuple[float, float]
    ramp: tuple[float, float]
    hold: tuple[float, float]
    recovery: tuple[float, float]


_PACES = {
    "demo": _Pace(gap=(1.5, 3.5), ramp=(1.0, 3.0), hold=(2.5, 5.0), recovery=(0.4, 1.0)),
    "shift": _Pace(gap=(90.0, 400.0), ramp=(20.0, 120.0), hold=(30.0, 150.0), recovery=(1.0, 5.0)),
}
_MIN_COOLING_HOLD_S = (7.0, 11.0)
"""A coolant loop needs time to get warm, whatever the pace of the rest."""
_FIRST_FAULT_S = 3.0


class Scenario:
    """The episodes of one line, drawn as far ahead as anyone has asked."""

    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings
        self._rng = rng_for(settings.seed, "scenario")
        self._lock = threading.Lock()
        self._episodes: list[Fault] = []
        self._felt_until_s: list[float] = []
        """Per episode, until when it or any before it is felt: who walks back through them knows where to stop."""
        for fault in sorted(settings.faults or (), key=lambda fault: fault.onset_s):
            self._append(fault)
        self._endless = settings.faults is None and settings.scenario != "quiet" and bool(settings.causes)
        self._drawn_until_s = _FIRST_FAULT_S if self._endless else np.inf
        self._turn: list[CauseName] = []

    def episodes(self, start_s: float, end_s: float, cause: CauseName | None = None) -> list[Fault]:
        """Return the episodes that are felt within a span, by one cause or by any."""
        self._draw_until(end_s)
        felt = []
        for number in range(bisect_left(self._episodes, end_s, key=lambda e: e.onset_s) - 1, -1, -1):
            if self._felt_until_s[number] <= start_s:
                break
            episode = self._episodes[number]
            if episode.felt_until_s > start_s and cause in (None, episode.cause):
                felt.append(episode)
        return felt[::-1]

    def severity(self, cause: CauseName, t_s: Floats) -> Floats:
        """Return how bad one fault is at each instant."""
        return self.felt(cause, t_s, None)

    def felt(self, cause: CauseName, t_s: Floats, lag_s: float | None) -> Floats:
        """Return what arrives of a fault behind a lag (None: the fault's own), at rising instants."""
        memory_s = 8 * (lag_s or 0.0)
        total = np.zeros_like(t_s)
        for episode in self.episodes(float(t_s[0]) - memory_s, float(t_s[-1]) + 1e-6, cause):
            total += episode.trapezoid(t_s, episode.lag_s if lag_s is None else lag_s)
        return np.clip(total, 0.0, 1.0)

    def worst(self, t_s: float) -> tuple[CauseName | None, float]:
        """Return the worst fault of an instant and its severity; no cause where all are below the limit."""
        at = np.array([t_s])
        active = {e.cause: float(self.severity(e.cause, at)[0]) for e in self.episodes(t_s, t_s + 1e-6)}
        cause = max(active, key=lambda name: active[name], default=None)
        if cause is None or active[cause] < CAUSE_LIMIT:
            return None, active[cause] if cause else 0.0
        return cause, active[cause]

    def _draw_until(self, t_s: float) -> None:
        with self._lock:
            while self._drawn_until_s <= t_s:
                self._append(self._next_episode())

    def _append(self, episode: Fault) -> None:
        before_s = self._felt_until_s[-1] if self._felt_until_s else -np.inf
        self._felt_until_s.append(max(before_s, episode.felt_until_s))
        self._episodes.append(episode)

    def _next_episode(self) -> Fault:
        rng, pace = self._rng, _PACES[self._settings.scenario]
        cause = self._next_cause()
        hold = _MIN_COOLING_HOLD_S if cause == "cooling_failure" and self._settings.scenario == "demo" else pace.hold
        gap_s = rng.uniform(*pace.gap)
        fault = Fault(
            cause=cause,
            onset_s=self._drawn_until_s + gap_s,
            ramp_s=rng.uniform(*pace.ramp),
            hold_s=rng.uniform(*hold),
            recovery_s=rng.uniform(*pace.recovery),
            severity=rng.uniform(0.3, 0.5) if rng.random() < 0.2 else rng.uniform(0.6, 1.0),
        )
        overlap = self._settings.concurrent and rng.random() < 0.3
        self._drawn_until_s = fault.onset_s - gap_s + 0.5 * (fault.end_s - fault.onset_s) if overlap else fault.settled_s
        return fault

    def _next_cause(self) -> CauseName:
        """Every fault has its turn before any comes again, in an order of its own each time."""
        if not self._turn:
            self._turn = [self._settings.causes[i] for i in self._rng.permutation(len(self._settings.causes))]
        return self._turn.pop()
