"""A damaged rolling bearing: a ball meets the spot, the housing rings, again and again at a characteristic frequency."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from stations.simulator.chance import Floats, rng_for
from stations.simulator.motion import BPFI_PER_REV, BPFO_PER_REV
from stations.simulator.world import World

_SLIP_RATIO = 0.012
"""Balls slide a little: the instants of impact scatter by this share of their period."""


def impacts(world: World, t_s: Floats, rate_hz: int, *, ring_hz: float, decay_s: float) -> Floats:
    """Return the ringing of all impacts (peak about the severity) at evenly spaced instants."""
    memory = int(8 * decay_s * rate_hz)
    start_s = float(t_s[0]) - memory / rate_hz
    wear = world.severity("bearing_wear", np.array([start_s, float(t_s[-1])]))
    if not wear.any():
        return np.zeros_like(t_s)
    train = _impact_train(world, start_s, len(t_s) + memory, rate_hz)
    since = np.arange(memory + 1) / rate_hz
    ring = np.exp(-since / decay_s) * np.sin(2 * np.pi * ring_hz * since + 0.5)
    return np.convolve(train, ring)[memory : memory + len(t_s)]


def _impact_train(world: World, start_s: float, count: int, rate_hz: int) -> Floats:
    """Return pulses on the sample grid, each shared between its two nearest samples."""
    inner = _on_inner_ring(world, start_s)
    per_rev = BPFI_PER_REV if inner else BPFO_PER_REV
    grid_s = start_s + np.arange(count) / rate_hz
    turns = world.turns(grid_s)
    wanted = np.arange(np.ceil(turns[0] * per_rev - 1), np.floor(turns[-1] * per_rev + 1) + 1)
    slide = np.array([_slide(world.seed, int(number)) for number in wanted])
    at_turns = (wanted + _SLIP_RATIO * slide[:, 0]) / per_rev
    place = np.interp(at_turns, turns, np.arange(count, dtype=np.float64), left=-1.0, right=-1.0)
    inside = place >= 0
    place, at_turns, slide = place[inside], at_turns[inside], slide[inside]
    if not len(place):
        return np.zeros(count)
    strength = world.severity("bearing_wear", start_s + place / rate_hz) * (1 + 0.25 * slide[:, 1])
    if inner:  # the spot turns through the loaded zone once a turn
        strength *= 0.55 + 0.45 * np.cos(2 * np.pi * at_turns)
    train = np.zeros(count + 1)
    whole = place.astype(np.int64)
    share = place - whole
    np.add.at(train, whole, strength * (1 - share))
    np.add.at(train, whole + 1, strength * share)
    return train[:count]


@lru_cache(maxsize=256)
def _slide(seed: int, impact: int) -> tuple[float, float]:
    """Return the dice of one impact: its instant and its strength."""
    early, strong = rng_for(seed, "impact", impact).normal(size=2)
    return float(early), float(strong)


def _on_inner_ring(world: World, t_s: float) -> bool:
    """Every third episode of wear is on the inner ring."""
    episodes = world.scenario.episodes(t_s, t_s + 0.2, "bearing_wear")
    return bool(episodes) and rng_for(world.seed, "ring", int(episodes[0].onset_s * 1000)).random() < 0.33
