"""Bearings that never were: signals with known damage, to see physics at rates, speeds and geometries of which no recording is at hand.

An impact rings one resonance; impacts scatter by 1 % about their rate as elements slip (McFadden and Smith 1984; Randall and Antoni 2011).
Every machine has an own geometry, a speed up to 5 % off its name plate, harmonics of the shaft, a gear mesh with sidebands and coloured
noise, and none of them is known to the diagnosis but the geometry and the name plate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspector.config import BearingConfig, MachineConfig

_F = NDArray[np.float64]
RATES_HZ = (8000.0, 12_800.0, 25_600.0, 51_200.0, 192_000.0)
CONDITIONS = ("sound", "outer_race", "inner_race", "rolling_element")


@dataclass(frozen=True)
class MadeUp:
    """One signal of 1 to 2 s with what is wrong with its bearing, and the machine as its station file would say."""

    condition: str
    rate_hz: float
    samples: NDArray[np.float32]
    machine: MachineConfig
    line_hz: float
    """The true rate of the impacts, slip included; 0 without any."""


def made_up(count: int, seed: int) -> Iterator[MadeUp]:
    """Yield so many signals, the conditions and sampling rates in turn."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield _one(rng, CONDITIONS[number % 4], RATES_HZ[number // 4 % len(RATES_HZ)])


def _one(rng: np.random.Generator, condition: str, rate_hz: float) -> MadeUp:
    bearing = _geometry(rng)
    shaft_hz = float(np.exp(rng.uniform(np.log(10), np.log(45))))
    t_s = np.arange(int(rate_hz * rng.uniform(1, 2))) / rate_hz
    line_hz, struck = _struck(rng, condition, bearing, shaft_hz, rate_hz, t_s)
    noise = _coloured(rng, len(t_s))
    samples = noise + struck + _turning(rng, shaft_hz, rate_hz, t_s)
    machine = MachineConfig(shaft_hz=shaft_hz * rng.uniform(0.95, 1.05), bearing=bearing)
    return MadeUp(condition, rate_hz, samples.astype(np.float32), machine, line_hz)


def _geometry(rng: np.random.Generator) -> BearingConfig:
    balls = int(rng.integers(7, 15))
    ratio = min(rng.uniform(0.14, 0.28), 0.95 * np.pi / balls)
    return BearingConfig.from_geometry(balls=balls, ball_mm=ratio * 50, pitch_mm=50.0, contact_deg=float(rng.choice([0, 0, 15])))


def _struck(rng: np.random.Generator, condition: str, bearing: BearingConfig, shaft_hz: float, rate_hz: float, t_s: _F) -> tuple[float, _F]:
    per_rev = {"outer_race": bearing.bpfo_per_rev, "inner_race": bearing.bpfi_per_rev, "rolling_element": 2 * bearing.bsf_per_rev}
    if condition == "sound":
        return 0.0, np.zeros(len(t_s))
    line_hz = per_rev[condition] * shaft_hz * rng.uniform(0.98, 1.01)
    instants = np.cumsum(rng.normal(1, 0.01, int(line_hz * t_s[-1]) + 5)) / line_hz
    instants = instants[instants < t_s[-1]]
    heights = rng.uniform(6, 20) * _load(rng, condition, bearing, shaft_hz, instants)
    comb = np.zeros(len(t_s))
    np.add.at(comb, (instants * rate_hz).astype(int), heights)
    ring_s = np.arange(int(0.02 * rate_hz)) / rate_hz
    resonance_hz = rng.uniform(0.12, 0.38) * min(rate_hz, 40_000)
    ring = np.exp(-ring_s * 2 * np.pi * resonance_hz * rng.uniform(0.02, 0.06)) * np.sin(2 * np.pi * resonance_hz * ring_s)
    size = len(t_s) + len(ring)
    return line_hz, np.fft.irfft(np.fft.rfft(comb, size) * np.fft.rfft(ring, size), size)[: len(t_s)]


def _load(rng: np.random.Generator, condition: str, bearing: BearingConfig, shaft_hz: float, instants: _F) -> _F:
    """Return how hard each impact is: the inner ring turns with the shaft through the load, an element with the cage."""
    around_hz = {"inner_race": shaft_hz, "rolling_element": bearing.ftf_per_rev * shaft_hz}.get(condition)
    if around_hz is None:
        return np.ones(len(instants))
    return np.clip(0.3 + np.cos(2 * np.pi * around_hz * instants + rng.uniform(0, 6)), 0.05, None)


def _turning(rng: np.random.Generator, shaft_hz: float, rate_hz: float, t_s: _F) -> _F:
    """Return harmonics of the shaft and a gear mesh whose amplitude the shaft moves."""
    orders = sum(rng.uniform(0.1, 1) * np.sin(2 * np.pi * n * shaft_hz * t_s + rng.uniform(0, 6)) for n in (1, 2, 3, 4))
    mesh_hz = int(rng.integers(15, 40)) * shaft_hz
    mesh = (1 + rng.uniform(0.1, 0.6) * np.sin(2 * np.pi * shaft_hz * t_s)) * np.sin(2 * np.pi * mesh_hz * t_s)
    return np.asarray(orders + rng.uniform(0.2, 1) * mesh * (mesh_hz < rate_hz / 2.5))


def _coloured(rng: np.random.Generator, count: int) -> _F:
    """Return noise of power 1 whose spectrum falls toward high frequencies, more or less."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum *= np.maximum(np.arange(len(spectrum)) / len(spectrum), 0.01) ** -rng.uniform(0, 0.5)
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / noise.std())
