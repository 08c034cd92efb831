"""The slow channels: motor current, belt speed, press force, air pressure, temperatures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stations.simulator.chance import Floats, rng_for, white
from stations.simulator.motion import BELT_M_PER_S, SHAFT_HZ
from stations.simulator.nuisance import slow_wander
from stations.simulator.scenario import AIR_TAU_S, COOLANT_TAU_S
from stations.simulator.sounds import STICK_SLIP_HZ
from stations.simulator.world import World

_MOTOR_TAU_S = 22.0
_STROKE_S = 0.07
_FORCE_KN = {"a": 42.0, "b": 38.5, "c": 45.0}
"""Each variant needs its own force."""


@dataclass(frozen=True, slots=True)
class Trend:
    """One slow channel: how often it is sampled, in what unit, and what it reads."""

    rate_hz: int
    unit: str
    noise: float
    """Standard deviation of its sensor."""
    value: Callable[[World, Floats], Floats]


def trend_block(world: World, name: str, block: int, count: int) -> Floats:
    """Return one block of a slow channel."""
    trend = TRENDS[name]
    t_s = (block * count + np.arange(count)) / trend.rate_hz
    return trend.value(world, t_s) + trend.noise * white(world.seed, name, block, count)


def motor_current(world: World, t_s: Floats) -> Floats:
    """A: the load, a ripple of the shaft, more at each stroke; a slipping belt hunts, a bad bearing drags, a blunt tool pulls."""
    turns, slip = world.motion.turns(t_s), world.slip(t_s)
    load = 4.2 + 0.25 * slow_wander(world.seed, "load", t_s, (47.0, 13.0, 4.1))
    ripple = 0.05 * np.sin(2 * np.pi * turns) * (1 + 3.0 * world.severity("imbalance", t_s)) + 0.03 * np.sin(4 * np.pi * turns)
    hunt = slip * (0.85 * np.sin(2 * np.pi * STICK_SLIP_HZ / SHAFT_HZ * turns) - 0.25)
    drag = 0.35 * world.severity("bearing_wear", t_s) + 0.3 * world.severity("tool_wear", t_s)
    return load + ripple + hunt + drag + 0.9 * _stroke_shape(world, t_s, 0.05, lambda _part, _at_s: 1.0)


def belt_speed(world: World, t_s: Floats) -> Floats:
    """m/s: follows the motor; a slipping belt lags behind it and jerks."""
    slip = world.slip(t_s)
    jerk = np.sin(2 * np.pi * STICK_SLIP_HZ / SHAFT_HZ * world.motion.turns(t_s) + 0.6)
    stall = 0.5 + 0.5 * slow_wander(world.seed, "stall", t_s, (0.83, 0.37))
    return BELT_M_PER_S * (world.motion.speed_ratio(t_s) - slip * (0.03 + 0.14 * stall**2 + 0.04 * jerk))


def press_force(world: World, t_s: Floats) -> Floats:
    """kN: one stroke a part; low air makes it weak, a worn tool makes it hard and rough."""

    def peak(part: int, at_s: float) -> float:
        at = np.array([at_s])
        weak, worn = world.severity("low_air_pressure", at)[0], world.severity("tool_wear", at)[0]
        spread = rng_for(world.seed, "stroke force", part).normal(0, 0.015)
        return float(_FORCE_KN[world.fate(part).variant] * (1 + spread) * (1 - 0.3 * weak) * (1 + 0.14 * worn))

    stroke = _stroke_shape(world, t_s, _STROKE_S, peak)
    rough = 0.05 * world.severity("tool_wear", t_s) * np.sin(2 * np.pi * 63.0 * t_s)
    return 0.4 + stroke * (1 + rough)


def air_pressure(world: World, t_s: Floats) -> Floats:
    """Bar: the compressor's saw tooth, a small dip a stroke, and a leak behind the receiver tank."""
    cycle = np.mod(t_s / 23.0 + rng_for(world.seed, "compressor").random(), 1.0)
    tooth = 0.10 * np.where(cycle < 0.3, cycle / 0.3, (1 - cycle) / 0.7)
    dip = 0.03 * np.mod((t_s - world.motion.part_s(0)) / world.settings.interval_s, 1.0)
    wander = 0.04 * slow_wander(world.seed, "plant air", t_s, (97.0, 31.0))
    return 6.15 + tooth + dip + wander - 1.9 * world.felt("low_air_pressure", t_s, AIR_TAU_S)


def coolant_temp(world: World, t_s: Floats) -> Floats:
    """DegC: rises with the loop's time constant once the flow fails."""
    ambient = 1.0 * slow_wander(world.seed, "ambient", t_s, (410.0, 130.0))
    control = 0.25 * np.sin(2 * np.pi * t_s / 17.0)
    return 24.0 + ambient + control + 16.0 * world.felt("cooling_failure", t_s, COOLANT_TAU_S)


def motor_temp(world: World, t_s: Floats) -> Floats:
    """DegC: slower than the coolant; friction and overload warm it too."""
    ambient = 1.2 * slow_wander(world.seed, "ambient", t_s, (410.0, 130.0))
    rise = 12.0 * world.felt("cooling_failure", t_s, _MOTOR_TAU_S) + 5.0 * world.felt("bearing_wear", t_s, _MOTOR_TAU_S)
    return 52.0 + ambient + rise + 3.0 * world.felt("belt_slip", t_s, _MOTOR_TAU_S)


def _stroke_shape(world: World, t_s: Floats, width_s: float, peak: Callable[[int, float], float]) -> Floats:
    """Return half-sine strokes of a given height."""
    total = np.zeros_like(t_s)
    for part, stroke_s in world.motion.strokes_between(float(t_s[0]) - width_s, float(t_s[-1]) + width_s):
        position = (t_s - stroke_s) / width_s + 0.5
        inside = (position > 0) & (position < 1)
        total[inside] += peak(part, stroke_s) * np.sin(np.pi * position[inside]) ** 1.3
    return total


TRENDS = {
    "motor_current": Trend(200, "A", 0.06, motor_current),
    "belt_speed": Trend(50, "m/s", 0.0012, belt_speed),
    "press_force": Trend(200, "kN", 0.18, press_force),
    "air_pressure": Trend(10, "bar", 0.012, air_pressure),
    "motor_temp": Trend(2, "degC", 0.08, motor_temp),
    "coolant_temp": Trend(2, "degC", 0.06, coolant_temp),
}
