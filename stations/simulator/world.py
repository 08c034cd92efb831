"""The one line that all sensors look at: its settings, what goes wrong, how it moves."""

from __future__ import annotations

from functools import lru_cache

from stations.simulator.chance import Floats
from stations.simulator.fate import Fate, fate_of
from stations.simulator.motion import Motion
from stations.simulator.nuisance import slow_wander
from stations.simulator.scenario import CauseName, LineSettings, Scenario

FIRST_PART_S = 1.0


class World:
    """Ground truth at any instant. Safe to ask from several threads."""

    def __init__(self, settings: LineSettings) -> None:
        self.settings = settings
        self.seed = settings.seed
        self.scenario = Scenario(settings)
        self.motion = Motion(settings.seed, settings.interval_s, FIRST_PART_S)
        self.fate = lru_cache(maxsize=512)(self._fate)

    def _fate(self, part: int) -> Fate:
        return fate_of(part, self.settings, self.scenario, self.motion)

    def severity(self, cause: CauseName, t_s: Floats) -> Floats:
        """Return how bad a fault is at each instant, 0–1."""
        return self.scenario.severity(cause, t_s)

    def felt(self, cause: CauseName, t_s: Floats, lag_s: float) -> Floats:
        """Return what arrives of a fault behind a first-order lag, 0–1."""
        return self.scenario.felt(cause, t_s, lag_s)

    def slip(self, t_s: Floats) -> Floats:
        """Return the depth of the belt's stick-slip, 0–1: it comes and goes while the belt is loose."""
        severity = self.severity("belt_slip", t_s)
        if not severity.any():
            return severity
        return severity * (0.7 + 0.3 * slow_wander(self.seed, "slip bouts", t_s, (1.9, 1.1, 0.63)))
