"""What the microphone hears: the hall, the motor, the press, the air, and what the faults add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import firwin, firwin2

from stations.simulator.bearing import impacts
from stations.simulator.chance import Floats, Samples, coloured, rng_for
from stations.simulator.motion import SHAFT_HZ
from stations.simulator.nuisance import passing, slow_wander
from stations.simulator.world import World

RATE_HZ = 16000
STICK_SLIP_HZ = 31.0
"""The loose belt grips and lets go at this rate: the span's own frequency against its friction."""
_BELT_TEETH = 18
_CUTTER_TEETH = 6
_CUTTER_PER_REV = 2.84
_NYQUIST_HZ = RATE_HZ / 2


def _band(low_hz: float, high_hz: float, taps: int = 129) -> Samples:
    kernel = firwin(taps, [low_hz, high_hz], pass_zero=False, fs=RATE_HZ)
    return np.asarray(kernel / np.sqrt(np.sum(kernel**2)), np.float32)


def _spectrum(points: Sequence[tuple[float, float]], taps: int = 257) -> Samples:
    frequencies, gains = zip(*points, strict=True)
    kernel = firwin2(taps, frequencies, gains, fs=RATE_HZ)
    return np.asarray(kernel / np.sqrt(np.sum(kernel**2)), np.float32)


_HALL = _spectrum([(0, 0.6), (60, 1.0), (200, 0.7), (800, 0.3), (2500, 0.12), (6000, 0.05), (_NYQUIST_HZ, 0.02)])
_HISS = _spectrum([(0, 0.0), (1200, 0.05), (2800, 0.7), (4500, 1.0), (6800, 0.8), (_NYQUIST_HZ, 0.25)])
_SQUEAL_BREATH = _band(1500, 3200)
_RUMBLE = _spectrum([(0, 0.0), (25, 0.4), (45, 1.0), (110, 0.8), (180, 0.05), (_NYQUIST_HZ, 0.0)])
_TOOL = _band(3800, 7200)
_GRIND = _band(4000, 7600)
_RASP = _band(900, 3600)


def sound_block(world: World, block: int, count: int) -> Samples:
    """Return one block of the microphone, full scale ±1."""
    t_s = (block * count + np.arange(count)) / RATE_HZ
    turns = world.turns(t_s)
    total = _hall(world, block, t_s) + _drive(world, t_s, turns) + _strokes(world, block, t_s) + _neighbours(world, block, t_s)
    for fault in (_slip, _bearing, _leak, _tool, _pump):
        total += fault(world, block, t_s, turns)
    return np.clip(np.tanh(total), -1, 1).astype(np.float32)


def _noise(world: World, purpose: str, block: int, count: int, kernel: Samples) -> Samples:
    return coloured(world.seed, f"microphone {purpose}", block, count, kernel)


def _hall(world: World, block: int, t_s: Floats) -> Floats:
    level = 0.016 * (1 + 0.35 * slow_wander(world.seed, "hall level", t_s[:1], (37.0, 11.0))[0])
    return np.asarray(level * _noise(world, "hall", block, len(t_s), _HALL), np.float64)


def _drive(world: World, t_s: Floats, turns: Floats) -> Floats:
    """Mains hum, the belt's tooth mesh with side bands, the cooling fan. Imbalance shakes the guard: 1x and 2x, rattling the mesh."""
    angle = 2 * np.pi * turns
    unbalance = world.severity("imbalance", t_s)
    hum = 0.008 * np.sin(2 * np.pi * 100.0 * t_s) + 0.003 * np.sin(2 * np.pi * 200.0 * t_s + 1.0)
    mesh = (1 + (0.15 + 0.5 * unbalance) * np.sin(angle)) * (0.006 * np.sin(_BELT_TEETH * angle) + 0.003 * np.sin(2 * _BELT_TEETH * angle))
    fan = 0.004 * np.sin(7 * angle + 0.4) + 0.002 * np.sin(14 * angle)
    shake = (0.003 + 0.016 * unbalance) * np.sin(2 * angle + 0.7) + 0.01 * unbalance * np.sin(angle)
    return hum + mesh + fan + shake


def _strokes(world: World, block: int, t_s: Floats) -> Floats:
    """The press: a thump with a click, then a short puff of exhaust air."""
    total = np.zeros_like(t_s)
    noise = _noise(world, "puff", block, len(t_s), _HISS)
    for part, stroke_s in world.motion.strokes_between(float(t_s[0]) - 0.3, float(t_s[-1])):
        rng, at = rng_for(world.seed, "stroke sound", part), np.array([stroke_s])
        worn, weak = world.severity("tool_wear", at)[0], world.severity("low_air_pressure", at)[0]
        since = np.maximum(t_s - stroke_s, 0.0)
        on = t_s >= stroke_s
        level = rng.uniform(0.85, 1.15) * (1 - 0.25 * weak)
        thump = 0.22 * np.exp(-since / 0.035) * np.sin(2 * np.pi * (95 - 90 * since) * since)
        ring = 0.05 * np.exp(-since / 0.012) * np.sin(2 * np.pi * rng.uniform(1080, 1160) * since)
        bite = 0.05 * worn * np.exp(-since / 0.03) * np.sin(2 * np.pi * 2350 * since)
        puff = 0.02 * np.exp(-(((since - 0.12) / 0.03) ** 2)) * noise
        total += on * level * (thump + ring + bite + puff)
    return total


def _neighbours(world: World, block: int, t_s: Floats) -> Floats:
    """Another press, forklifts (a rumble, and a beeper when they reverse), air tools."""
    total = np.zeros_like(t_s)
    span = (float(t_s[0]), float(t_s[-1]))
    for thump in passing(world.seed, "neighbour", *span):
        since = np.maximum(t_s - thump.start_s, 0.0)
        total += 0.07 * thump.level * np.exp(-since / 0.05) * np.sin(2 * np.pi * (60 + 25 * thump.character) * since)
    for forklift in passing(world.seed, "forklift", *span):
        near = forklift.envelope(t_s)
        total += 0.05 * near * _noise(world, "rumble", block, len(t_s), _RUMBLE)
        if forklift.character > 0.5:
            beep = (np.mod(t_s - forklift.start_s, 0.85) < 0.42) * np.sin(2 * np.pi * (1180 + 160 * forklift.character) * t_s)
            total += 0.015 * near * beep
    for tool in passing(world.seed, "air_tool", *span):
        whir = 1 + 0.6 * np.sin(2 * np.pi * (140 + 90 * tool.character) * t_s)
        total += 0.011 * tool.envelope(t_s) * whir * _noise(world, "air tool", block, len(t_s), _TOOL)
    return total


def _slip(world: World, block: int, t_s: Floats, turns: Floats) -> Floats:
    """Stick-slip: a squeal that is let out in pulses, each time the belt lets go."""
    slip = world.slip(t_s)
    if not slip.any():
        return slip
    cycle = np.mod(STICK_SLIP_HZ / SHAFT_HZ * turns, 1.0)
    pulse = np.exp(-5.0 * cycle)
    pitch = 78.0 * turns + 0.4 * np.sin(2 * np.pi * 1.3 * t_s)
    tone = np.sin(2 * np.pi * pitch) + 0.4 * np.sin(4 * np.pi * pitch + 0.3)
    breath = _noise(world, "squeal", block, len(t_s), _SQUEAL_BREATH)
    return 0.028 * slip * pulse * (tone + 0.7 * breath)


def _bearing(world: World, block: int, t_s: Floats, turns: Floats) -> Floats:
    """Each impact rings the housing; the worn track also grinds, more so under load."""
    wear = world.severity("bearing_wear", t_s)
    if not wear.any():
        return wear
    ticks = impacts(world, t_s, RATE_HZ, ring_hz=3100.0, decay_s=0.0012)
    grind = _noise(world, "grind", block, len(t_s), _GRIND) * (1 + 0.5 * np.sin(2 * np.pi * turns))
    return 0.05 * ticks + 0.005 * wear * grind


def _leak(world: World, block: int, t_s: Floats, turns: Floats) -> Floats:  # noqa: ARG001  one signature for all faults
    """A leak hisses, steadily."""
    leak = world.severity("low_air_pressure", t_s)
    if not leak.any():
        return leak
    return 0.010 * leak**0.8 * _noise(world, "leak", block, len(t_s), _HISS)


def _tool(world: World, block: int, t_s: Floats, turns: Floats) -> Floats:
    """A worn trimming cutter: its tooth-passing frequency grows harmonics, and it rasps with every tooth."""
    worn = world.severity("tool_wear", t_s)
    passing_angle = 2 * np.pi * _CUTTER_TEETH * _CUTTER_PER_REV * turns
    total = 0.003 * np.sin(passing_angle)
    if not worn.any():
        return total
    for harmonic in range(1, 6):
        total = total + 0.011 * worn / harmonic**0.7 * np.sin(harmonic * passing_angle + 0.9 * harmonic)
    rasp = _noise(world, "rasp", block, len(t_s), _RASP) * np.maximum(np.sin(passing_angle), 0.0)
    return total + 0.006 * worn * rasp


def _pump(world: World, block: int, t_s: Floats, turns: Floats) -> Floats:  # noqa: ARG001  one signature for all faults
    """The coolant pump loses its load when the flow fails: its tone gets weaker and rises a little."""
    starved = world.felt("cooling_failure", t_s, 1.0)
    return 0.005 * (1 - 0.7 * starved) * np.sin(2 * np.pi * 286.0 * t_s + 6.0 * starved)
