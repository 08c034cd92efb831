"""A trigger that hears parts: the beginning of a sound over what is usual."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator
from scipy import signal as sp

from inspector import drivers
from inspector.drivers import TriggerSource
from inspector.errors import DriverError
from inspector.parts import Signal, Trigger, Waveform
from stations.found_parts import FinderSettings, FoundParts

HOP_S = 0.001
"""How finely an onset is placed."""
WINDOW_S = 0.01
"""Over how long a level is taken; longer in a narrow band, whose level wavers."""
WAVES = 5.0
"""A level is taken over at least so many periods of the bandwidth."""
FOLLOW_DB_PER_S = 6.0
"""How fast the background follows: it is a running median, which sounds do not move while they are rarer than silence."""
SILENCE = 1e-14
"""Power below which all is equally silent: -140 dB of full scale."""
GAP_NS = 5_000_000
SETTLE_WAVES = 5.0
"""After a gap nothing is heard until the filter has forgotten it: so many periods of the lowest frequency."""


class SoundOnsetSettings(FinderSettings):
    band_hz: tuple[float, float] = Field(default=(200.0, 8000.0), description="lowest and highest frequency of the sound")
    threshold_db: float = Field(default=12.0, ge=3, le=100, description="how far the sound rises over the background")
    release_s: float = Field(default=0.05, ge=0, description="the sound is over when it was quiet for so long")

    @field_validator("band_hz")
    @classmethod
    def _rises(cls, band: tuple[float, float]) -> tuple[float, float]:
        if not 0 < band[0] < band[1]:
            raise ValueError("must be two frequencies above 0, the lower one first")
        return band


class SoundOnset(TriggerSource):
    """A part comes when the level in the band rises over its background; it must have been quiet before the next one counts."""

    Settings: ClassVar[type[drivers.Settings]] = SoundOnsetSettings
    steppable = True

    def __init__(self, settings: SoundOnsetSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._parts = FoundParts(settings, self.channel, self.clock)
        self._ear: _Ear | None = None
        self._end_ns = 0
        self._fault: str | None = None

    @property
    def watches(self) -> str | None:
        settings: SoundOnsetSettings = self.settings
        return settings.channel

    def open(self) -> None:
        self._ear = self._fault = None

    def wait(self, timeout_s: float) -> Trigger | None:
        if self._fault is not None:
            raise DriverError(self._fault, channel=self.channel)
        return self._parts.next(timeout_s)

    def observe(self, signal: Signal) -> None:
        settings: SoundOnsetSettings = self.settings
        if not isinstance(signal, Waveform):
            self._fault = f"channel '{self.watches}' has no sound, watch a microphone or a vibration sensor"
        elif settings.band_hz[0] >= 0.45 * signal.sample_rate_hz:
            self._fault = (
                f"band_hz begins at {settings.band_hz[0]:g} Hz, which {signal.sample_rate_hz:g} samples a second do not hold, lower it"
            )
        else:
            self._listen(signal)

    def _listen(self, sound: Waveform) -> None:
        gap_ns = sound.start_ns - self._end_ns
        if self._ear is None or self._ear.rate_hz != sound.sample_rate_hz:
            self._ear = _Ear(self.settings, sound.sample_rate_hz)
        elif abs(gap_ns) > GAP_NS:
            self._ear.break_off()
        self._end_ns = sound.end_ns
        for t_ns in self._ear.hear(sound):
            self._parts.add(t_ns)


class _Ear:
    """Levels in the band, hop by hop, against a running background."""

    def __init__(self, settings: SoundOnsetSettings, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._settings = settings
        low, high = settings.band_hz
        highest = 0.45 * rate_hz
        self._filter = sp.butter(2, (low, min(high, highest)), "bandpass", fs=rate_hz, output="sos")
        self._hop = max(1, round(HOP_S * rate_hz))
        self._window = max(1, round(max(WINDOW_S, WAVES / (min(high, highest) - low)) * rate_hz / self._hop))
        self._hop_s = self._hop / rate_hz
        self._settling_hops = self._deaf_hops = math.ceil(SETTLE_WAVES / low / self._hop_s)
        self._background_db: float | None = None
        self._learned: list[float] = []
        self._quiet_s = 0.0
        self._loud = False
        self._state: NDArray[np.float64] | None = None
        self._rest: NDArray[np.float64] = np.zeros(0)
        self._powers: list[float] = []

    def break_off(self) -> None:
        """Begin again after a gap; what is usual stays known."""
        self._state, self._rest, self._powers = None, np.zeros(0), []
        self._deaf_hops = self._settling_hops

    def hear(self, sound: Waveform) -> list[int]:
        """Return the instants at which a sound began."""
        filtered = self._filtered(np.nan_to_num(np.asarray(sound.samples, np.float64), posinf=0.0, neginf=0.0))
        samples = np.concatenate([self._rest, filtered])
        first_ns = sound.start_ns - round(len(self._rest) * 1e9 / self.rate_hz)
        hops = len(samples) // self._hop
        self._rest = samples[hops * self._hop :]
        powers = np.square(samples[: hops * self._hop]).reshape(hops, self._hop).mean(axis=1) + SILENCE
        return [
            round(t_ns) for number, power in enumerate(powers) for t_ns in self._step(first_ns + number * self._hop_s * 1e9, float(power))
        ]

    def _filtered(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        if not len(samples):
            return samples
        if self._state is None:  # as if the first sample had always been there, so that an offset is no onset
            self._state = sp.sosfilt_zi(self._filter) * samples[0]
        filtered, self._state = sp.sosfilt(self._filter, samples, zi=self._state)
        return np.asarray(filtered)

    def _step(self, start_ns: float, power: float) -> list[float]:
        """Take the next hop; return the onset that it completes, if any."""
        if self._deaf_hops > 0:
            self._deaf_hops -= 1
            return []
        self._powers.append(power)
        if len(self._powers) < self._window:
            return []
        level_db = 10 * float(np.log10(sum(self._powers) / self._window))
        try:
            return self._judged(start_ns, level_db)
        finally:
            del self._powers[0]

    def _judged(self, start_ns: float, level_db: float) -> list[float]:
        if self._background_db is None:
            self._learn(level_db)
            return []
        step_db = FOLLOW_DB_PER_S * self._hop_s
        over_db = level_db - self._background_db
        self._background_db += min(max(over_db, -step_db), step_db)
        if self._loud:
            self._quiet_s = self._quiet_s + self._hop_s if over_db < self._settings.threshold_db / 2 else 0.0
            self._loud = self._quiet_s < self._settings.release_s
            return []
        if over_db < self._settings.threshold_db:
            return []
        self._loud, self._quiet_s = True, 0.0
        return [start_ns - self._hops_since_onset(self._background_db) * self._hop_s * 1e9]

    def _hops_since_onset(self, background_db: float) -> int:
        """Return how many hops before the present one the sound began: those in a row that are loud by themselves."""
        limit = 10 ** ((background_db + self._settings.threshold_db / 2) / 10)
        hops = 0
        while hops + 1 < len(self._powers) and self._powers[-2 - hops] > limit:
            hops += 1
        return hops

    def _learn(self, level_db: float) -> None:
        self._learned.append(level_db)
        if len(self._learned) * self._hop_s >= self._settings.learn_s:
            self._background_db = float(np.median(self._learned))
            self._learned = []
