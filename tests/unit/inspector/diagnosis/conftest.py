"""Signals with known physics, and records made of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.config import BearingConfig, MachineConfig
from inspector.diagnosis import Catalogue, load_catalogue
from inspector.parts import Channel, Frame, ModelRef, PartRecord, Series, Trigger, Verdict, Waveform

T_NS = 1_000_000_000_000
REF = ModelRef("test", "1", "0" * 64)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def machine() -> MachineConfig:
    bearing = BearingConfig(bpfo_per_rev=3.585, bpfi_per_rev=5.415, bsf_per_rev=2.357, ftf_per_rev=0.398)
    return MachineConfig(shaft_hz=24.5, bearing=bearing)


@pytest.fixture(scope="session")
def undecided() -> Verdict:
    return Verdict("review", 0.5, 0.5, REF)


@pytest.fixture(scope="session")
def record() -> Callable[..., PartRecord]:
    """Return a record of channels given as waveform (samples, rate, unit, modality), series (t_s, values, unit) or picture."""

    def build(**signals: object) -> PartRecord:
        channels, waveforms, series, frames = {}, {}, {}, {}
        for name, signal in signals.items():
            if isinstance(signal, np.ndarray):
                channels[name] = Channel(name, "image")
                frames[name] = Frame(T_NS, signal)
            elif len(signal) == 4:  # type: ignore[arg-type]
                samples, rate_hz, unit, modality = signal  # type: ignore[misc]
                channels[name] = Channel(name, modality, unit)
                start_ns = T_NS - round(len(samples) / rate_hz * 0.9 * 1e9)
                waveforms[name] = Waveform(start_ns, rate_hz, np.asarray(samples, dtype=np.float32), unit)
            else:
                t_s, values, unit = signal  # type: ignore[misc]
                channels[name] = Channel(name, "series", unit)
                series[name] = Series(T_NS + (np.asarray(t_s) * 1e9).astype(np.int64), np.asarray(values, dtype=np.float64), unit)
        return PartRecord(Trigger("line", "p1", T_NS), channels, frames, waveforms, series)

    return build


@pytest.fixture(scope="session")
def impacts() -> Callable[..., NDArray[np.float64]]:
    """Return 1 s of noise with impacts at a rate, each ringing a resonance; their instants scatter by 1 %."""

    def build(rate_hz: float, impact_hz: float, *, resonance_hz: float = 3000.0, height: float = 4.0, seed: int = 1) -> NDArray[np.float64]:
        rng = np.random.default_rng(seed)
        t_s = np.arange(int(rate_hz)) / rate_hz
        signal = rng.normal(size=len(t_s))
        instants = np.cumsum(rng.normal(1, 0.01, int(impact_hz) + 5)) / impact_hz
        for instant in instants[instants < 1.0]:
            first = int(np.ceil(instant * rate_hz))
            after = t_s[first : first + int(0.01 * rate_hz)] - instant
            signal[first : first + len(after)] += height * np.exp(-after * 800) * np.sin(2 * np.pi * resonance_hz * after)
        return signal

    return build
