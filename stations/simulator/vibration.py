"""What the accelerometer on the drive motor's bearing housing feels, in m/s2."""

from __future__ import annotations

import numpy as np
from scipy.signal import firwin2

from stations.simulator.bearing import impacts
from stations.simulator.chance import Floats, Samples, coloured, rng_for
from stations.simulator.motion import SHAFT_HZ
from stations.simulator.nuisance import passing
from stations.simulator.sounds import STICK_SLIP_HZ
from stations.simulator.world import World

RATE_HZ = 12800
_BELT_TEETH = 18
_CUTTER_TEETH = 6
_CUTTER_PER_REV = 2.84
_HOUSING_HZ = 3000.0
"""First resonance of the housing with its accelerometer: what impacts ring."""


def _kernel(points: list[tuple[float, float]]) -> Samples:
    frequencies, gains = zip(*points, strict=True)
    kernel = firwin2(257, frequencies, gains, fs=RATE_HZ)
    return np.asarray(kernel / np.sqrt(np.sum(kernel**2)), np.float32)


_FLOOR = _kernel([(0, 0.5), (150, 0.4), (1200, 0.35), (2700, 0.8), (3000, 1.0), (3300, 0.8), (4500, 0.3), (6400, 0.2)])
_GROUND = _kernel([(0, 0.0), (15, 1.0), (60, 1.0), (120, 0.1), (6400, 0.0)])


def vibration_block(world: World, block: int, count: int) -> Samples:
    """Return one block of the accelerometer."""
    t_s = (block * count + np.arange(count)) / RATE_HZ
    turns = world.turns(t_s)
    wear = world.severity("bearing_wear", t_s)
    total = _rotor(world, t_s, turns) + _shocks(world, block, t_s)
    total += 0.22 * (1 + 0.6 * wear) * coloured(world.seed, "vibration floor", block, count, _FLOOR)
    total += 2.6 * impacts(world, t_s, RATE_HZ, ring_hz=_HOUSING_HZ, decay_s=0.0011)
    return total.astype(np.float32)


def _rotor(world: World, t_s: Floats, turns: Floats) -> Floats:
    """1x, 2x, 3x of the shaft, belt mesh, cutter; imbalance is 1x, a loose belt beats at its stick-slip."""
    angle = 2 * np.pi * turns
    unbalance, worn, slip = world.severity("imbalance", t_s), world.severity("tool_wear", t_s), world.slip(t_s)
    once = (0.45 + 1.9 * unbalance) * np.sin(angle) + (0.16 + 0.15 * unbalance) * np.sin(2 * angle + 0.8) + 0.09 * np.sin(3 * angle)
    mesh = 0.12 * (1 + 0.2 * np.sin(angle)) * np.sin(_BELT_TEETH * angle + 0.3) + 0.06 * np.sin(2 * _BELT_TEETH * angle)
    cutter_angle = _CUTTER_TEETH * _CUTTER_PER_REV * angle
    cutter = 0.05 * np.sin(cutter_angle)
    for harmonic in range(1, 6):
        cutter += 0.16 * worn / harmonic**0.6 * np.sin(harmonic * cutter_angle + harmonic)
    stick = np.exp(-6.0 * np.mod(STICK_SLIP_HZ / SHAFT_HZ * turns, 1.0)) - 0.166
    return np.asarray(once + mesh + cutter + 0.9 * slip * stick, np.float64)


def _shocks(world: World, block: int, t_s: Floats) -> Floats:
    """Press strokes through the frame, forklifts and the neighbouring press through the floor."""
    total = np.zeros_like(t_s)
    for part, stroke_s in world.motion.strokes_between(float(t_s[0]) - 0.3, float(t_s[-1])):
        since = np.maximum(t_s - stroke_s, 0.0)
        level = rng_for(world.seed, "stroke shock", part).uniform(0.8, 1.2)
        shock = 1.6 * np.exp(-since / 0.03) * np.sin(2 * np.pi * 72 * since) + 0.9 * np.exp(-since / 0.004) * np.sin(
            2 * np.pi * 1450 * since
        )
        total += (t_s >= stroke_s) * level * shock
    span = (float(t_s[0]), float(t_s[-1]))
    for forklift in passing(world.seed, "forklift", *span):
        total += 0.5 * forklift.envelope(t_s) * coloured(world.seed, "vibration ground", block, len(t_s), _GROUND)
    for thump in passing(world.seed, "neighbour", *span):
        since = np.maximum(t_s - thump.start_s, 0.0)
        total += 0.3 * thump.level * np.exp(-since / 0.05) * np.sin(2 * np.pi * 38 * since)
    return total
