"""The one line that all sensors look at: its settings, what goes wrong, how it moves."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

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
        if not self.scenario.episodes(t_s[0], t_s[-1] + 1e-6, cause):
            return np.zeros_like(t_s)
        return _eased(lambda at: self.scenario.severity(cause, at), t_s)

    def felt(self, cause: CauseName, t_s: Floats, lag_s: float) -> Floats:
        """Return what arrives of a fault behind a first-order lag, 0–1."""
        return _eased(lambda at: self.scenario.felt(cause, at, lag_s), t_s)

    def turns(self, t_s: Floats) -> Floats:
        """Return the turns of the shaft since t = 0."""
        return _eased(self.motion.turns, t_s)

    def slip(self, t_s: Floats) -> Floats:
        """Return the depth of the belt's stick-slip, 0–1: it comes and goes while the belt is loose."""
        severity = self.severity("belt_slip", t_s)
        if not severity.any():
            return severity
        return severity * (0.7 + 0.3 * _eased(lambda at: slow_wander(self.seed, "slip bouts", at, (1.9, 1.1, 0.63)), t_s))


def _eased(quantity: Callable[[Floats], Floats], t_s: Floats) -> Floats:
    """Return a quantity that hardly bends within a block, from 33 of its instants: the shaft's angle is right to 1e-7 turns."""
    if len(t_s) <= 256 or t_s[-1] - t_s[0] > 0.2:
        return quantity(t_s)
    knots = np.linspace(t_s[0], t_s[-1], 33)
    return np.interp(t_s, knots, quantity(knots))
