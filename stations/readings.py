"""What the readings of one device say of it: a rate, a level, a picture, and advice where something is off.

A tally is fed reading by reading and keeps numbers, not readings: seconds of pictures would not fit into memory.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.align import DeviceClock
from inspector.drivers import Camera, Driver, SeriesSource, WaveformSource
from inspector.parts import Frame, Series, Trigger, Waveform

FULL_SCALE_12_BIT = 4095
"""Cameras of 10 and 12 bits leave the upper bits of 16 empty."""
BLACK, WHITE = 0.02, 0.97
"""Mean brightness below or above which a picture shows nothing."""
FLAT = 0.004
"""Spread of brightness below which all pixels are alike: less than the noise of a sensor."""
SATURATED = 0.2
SILENT_DBFS, QUIET_DBFS = -90.0, -60.0
"""A muted input holds zeros or the last bit; the quietest room is louder than -60 dBFS at a sensible gain."""
CLIPPED = 0.999
RATE_TOLERANCE = 0.05
OLD_S = 1.0
FEWEST_FOR_A_RATE = 4
FUTURE_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one device: `words` in one line, a warning a fault, the numbers behind them, something to look at."""

    words: str
    warnings: tuple[str, ...] = ()
    measured: dict[str, Any] = field(default_factory=dict)
    picture: NDArray[Any] | None = None
    curve: tuple[float, ...] = ()
    """A short course over the time of the check: RMS per block, or the values."""


def tally_for(driver: Driver) -> Tally:
    """Return an empty tally of what `driver` reads."""
    kinds: tuple[tuple[type[Driver], type[Tally]], ...] = ((Camera, _Pictures), (WaveformSource, _Samples), (SeriesSource, _Values))
    return next((tally for promise, tally in kinds if isinstance(driver, promise)), _Parts)(driver)


class Tally:
    """Stamps and arrivals of readings: how fast they come, how old they are, how the device's clock runs."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.count = 0
        self.warnings: list[str] = []
        self.measured: dict[str, Any] = {}
        self._stamps: list[int] = []
        self._arrivals: list[int] = []
        self.clock = DeviceClock() if driver.own_clock else None

    def add(self, item: Any, arrived_ns: int) -> None:
        stamps = _stamps(item)
        self.count += 1
        self._stamps += stamps
        self._arrivals += [arrived_ns] * len(stamps)
        if self.clock is not None and stamps:
            self.clock.add(stamps[-1], arrived_ns)

    def told(self) -> Told:
        """Return what there is to say. At least one reading must have come."""
        raise NotImplementedError

    def _rate_hz(self) -> float | None:
        """Return how often something is stamped; warn where that is not what the settings ask for, or where it was uneven."""
        stamps = np.array(self._stamps)
        if len(stamps) < 2 or stamps[-1] <= stamps[0]:
            return None
        rate_hz = float((len(stamps) - 1) * 1e9 / (stamps[-1] - stamps[0]))
        self.measured["rate_hz"] = rate_hz
        nominal_hz = _nominal_hz(self._driver)
        if nominal_hz is not None and len(stamps) >= FEWEST_FOR_A_RATE:
            self._compare(rate_hz, nominal_hz)
        gaps_s = np.diff(stamps) / 1e9
        if len(gaps_s) >= FEWEST_FOR_A_RATE and gaps_s.max() > 2.5 * np.median(gaps_s):
            self.warnings.append(
                f"uneven: {gaps_s.max():.3g} s without a reading, {np.median(gaps_s):.3g} s are usual; are readings lost on the way?"
            )
        return rate_hz

    def _compare(self, rate_hz: float, nominal_hz: float) -> None:
        self.measured["nominal_rate_hz"] = nominal_hz
        if abs(rate_hz / nominal_hz - 1) > RATE_TOLERANCE:
            self.warnings.append(f"wrong rate: {rate_hz:.4g} Hz instead of {nominal_hz:.4g} Hz; can the device, or this computer, keep up?")

    def _stamp_words(self) -> str:
        """Say how the stamps lie against their arrival, "" where nothing is worth saying."""
        stamps, arrivals = np.array(self._stamps), np.array(self._arrivals)
        if np.any(np.diff(stamps) < 0):
            self.warnings.append("stamps run backward; look for two devices behind one name, or a clock that is set while it runs")
        if self.clock is not None:
            return self._clock_words(self.clock, stamps, arrivals)
        age_s = float(np.median(arrivals - stamps)) / 1e9
        self.measured["age_s"] = age_s
        if np.any(stamps > arrivals + FUTURE_NS):
            self.warnings.append("stamped in the future; its stamps are not on this computer's clock")
        elif age_s > OLD_S and not self._driver.steppable:
            self.warnings.append(f"{age_s:.1f} s old on arrival; is there a long buffer on the way?")
        return ""

    def _clock_words(self, clock: DeviceClock, stamps: NDArray[Any], arrivals: NDArray[Any]) -> str:
        fit = clock.fit
        if fit is None or len(stamps) < FEWEST_FOR_A_RATE:
            return ""
        late_ms = np.array([(arrived - fit.station_time_ns(int(stamp))) / 1e6 for stamp, arrived in zip(stamps, arrivals, strict=True)])
        jitter_ms = float(np.quantile(late_ms, 0.95) - np.quantile(late_ms, 0.05))
        self.measured["clock"] = {
            "jitter_ms": jitter_ms,
            "drift_ppm": fit.drift_ppm,
            "uncertainty_ms": fit.uncertainty_ns / 1e6,
            "epoch": clock.epoch,
        }
        if clock.epoch:
            self.warnings.append("its clock was set, or began anew, during the check")
        return f"own clock, arrives within {jitter_ms:.2g} ms"


class _Pictures(Tally):
    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self._brightness: list[float] = []
        self._kinds: set[str] = set()
        self._digests: set[int] = set()
        self._last: Frame | None = None

    def add(self, item: Frame, arrived_ns: int) -> None:
        super().add(item, arrived_ns)
        self._last = item
        self._brightness.append(float(item.pixels.mean()) / full_scale(item.pixels))
        width, height = item.size_px
        self._kinds.add(f"{width}x{height} px {'colour' if item.pixels.ndim == 3 else 'grey'} {item.pixels.dtype}")
        self._digests.add(zlib.crc32(item.pixels.tobytes()))

    def told(self) -> Told:
        assert self._last is not None
        rate_hz = self._rate_hz()
        self._look(self._last.pixels)
        brightness = float(np.mean(self._brightness))
        self.measured["brightness"] = brightness
        if len(self._kinds) > 1:
            self.warnings.append(f"pictures differ in size or kind: {', '.join(sorted(self._kinds))}")
        rate = f"{rate_hz:.3g} Hz" if rate_hz else ""
        many = f"{self.count} pictures" if self.count > 1 else "1 picture"
        words = [many, sorted(self._kinds)[0], rate, f"mean brightness {brightness:.0%}", self._stamp_words()]
        return Told(", ".join(filter(None, words)), tuple(self.warnings), self.measured, self._last.pixels)

    def _look(self, pixels: NDArray[Any]) -> None:
        brightness, full = max(self._brightness), full_scale(pixels)
        saturated = float(np.mean(pixels >= full))
        if brightness < BLACK:
            self.warnings.append("all black: is the lens cap on, the light off, the exposure too short?")
        elif min(self._brightness) > WHITE:
            self.warnings.append("all white: is the exposure too long, the aperture wide open, the light in the lens?")
        elif float(pixels.std()) / full < FLAT:
            self.warnings.append("shows nothing: all pixels are alike; is something in front of the lens, is it out of focus?")
        elif saturated > SATURATED:
            self.warnings.append(f"over-exposed: {saturated:.0%} of the pixels are white; shorten the exposure or close the aperture")
        elif self.count >= FEWEST_FOR_A_RATE and len(self._digests) == 1:
            self.warnings.append(f"frozen: {self.count} pictures are the same bit by bit, which no sensor delivers; restart the camera")


class _Samples(Tally):
    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self._samples = self._clipped = self._gaps = 0
        self._square = self._sum = self._peak = 0.0
        self._finite = True
        self._curve: list[float] = []
        self._arrived: list[tuple[int, int]] = []
        self._last: Waveform | None = None

    def add(self, item: Waveform, arrived_ns: int) -> None:
        super().add(item, arrived_ns)
        if self._last is not None and abs(item.start_ns - self._last.end_ns) > 1.5e9 / item.sample_rate_hz:
            self._gaps += 1
        self._last = item
        samples = item.samples.astype(np.float64)
        self._finite = self._finite and bool(np.isfinite(samples).all())
        samples = samples[np.isfinite(samples)]
        self._samples += len(item.samples)
        self._arrived.append((arrived_ns, self._samples))
        if len(samples):
            self._square += float(np.sum(samples**2))
            self._sum += float(samples.sum())
            self._peak = max(self._peak, float(np.abs(samples).max()))
            self._clipped += int(np.count_nonzero(np.abs(samples) >= CLIPPED))
            self._curve.append(float(np.sqrt(np.mean(samples**2))))

    def told(self) -> Told:
        assert self._last is not None
        unit, nominal_hz = self._last.unit, self._last.sample_rate_hz
        rate_hz = self._sample_rate_hz()
        if rate_hz is not None:
            self.measured["rate_hz"] = rate_hz
            self._compare(rate_hz, nominal_hz)
        if self._gaps:
            self.warnings.append(f"{self._gaps} gaps between blocks: samples were lost; is this computer too busy?")
        if not self._finite:
            self.warnings.append("holds values that are no numbers")
        level = self._sound_words() if unit == "FS" else self._unit_words(unit)
        measured = f" ({rate_hz:.6g} measured)" if rate_hz else ""
        words = [f"{nominal_hz:g} Hz{measured}", level, self._stamp_words()]
        return Told(", ".join(filter(None, words)), tuple(self.warnings), self.measured, curve=tuple(self._curve))

    def _sample_rate_hz(self) -> float | None:
        """Return at what pace samples really come, from the second half of the check: what was buffered before came in one burst."""
        half = np.array(self._arrived[len(self._arrived) // 2 :], dtype=np.float64)
        if len(half) < 2 * FEWEST_FOR_A_RATE or half[-1, 0] - half[0, 0] < 5e8:
            return None
        seconds = (half[:, 0] - half[0, 0]) / 1e9
        return float(np.polyfit(seconds, half[:, 1], 1)[0])

    def _sound_words(self) -> str:
        rms_dbfs, peak_dbfs = _db(self._rms), _db(self._peak)
        self.measured |= {"level_dbfs": rms_dbfs, "peak_dbfs": peak_dbfs, "clipped_ratio": self._clipped / self._samples}
        if peak_dbfs < SILENT_DBFS:
            self.warnings.append("silent: is the microphone muted, unplugged, or the wrong input chosen?")
        elif rms_dbfs < QUIET_DBFS:
            self.warnings.append(f"very quiet ({rms_dbfs:.0f} dBFS): raise the gain, or bring the microphone nearer")
        if self._clipped > 3:
            self.warnings.append(f"clipping: {self._clipped} samples ({self._clipped / self._samples:.2%}) at full scale; lower the gain")
        if abs(self._sum / self._samples) > 0.1:
            self.warnings.append("is not centred on zero: a broken input stage, or no sound at all")
        return f"level {rms_dbfs:.0f} dBFS, peak {peak_dbfs:.0f} dBFS"

    def _unit_words(self, unit: str) -> str:
        self.measured |= {"rms": self._rms, "peak": self._peak}
        if self._peak == 0:
            self.warnings.append("nothing but zeros: is the sensor connected and supplied?")
        elif self._spread < 1e-6 * self._peak:
            self.warnings.append("does not move at all: is the sensor connected and supplied?")
        return f"RMS {self._rms:.3g} {unit}, peak {self._peak:.3g} {unit}".replace(" ,", ",").rstrip()

    @property
    def _rms(self) -> float:
        return float(np.sqrt(self._square / max(1, self._samples)))

    @property
    def _spread(self) -> float:
        return float(np.sqrt(max(0.0, self._square / self._samples - (self._sum / self._samples) ** 2)))


class _Values(Tally):
    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self._values: list[float] = []
        self._unit = ""

    def add(self, item: Series, arrived_ns: int) -> None:
        super().add(item, arrived_ns)
        self._values += item.values.tolist()
        self._unit = item.unit

    def told(self) -> Told:
        values = np.array(self._values)
        finite = values[np.isfinite(values)]
        rate_hz = self._rate_hz()
        stamps = self._stamp_words()
        if not len(finite):
            self.warnings.append("only gaps: nothing that it sends is a number; is the right value chosen?")
            return Told("only gaps", tuple(self.warnings), self.measured)
        self.measured |= {"lowest": float(finite.min()), "highest": float(finite.max()), "last": float(finite[-1])}
        if len(finite) < len(values):
            self.warnings.append(f"{len(values) - len(finite)} of {len(values)} values are gaps")
        span = f"{finite.min():.4g}" if finite.min() == finite.max() else f"{finite.min():.4g} to {finite.max():.4g}"
        still = "does not move" if len(finite) >= FEWEST_FOR_A_RATE and finite.min() == finite.max() else ""
        words = [f"{rate_hz:.3g} Hz" if rate_hz else "1 value", f"{span} {self._unit}".rstrip(), still, stamps]
        return Told(", ".join(filter(None, words)), tuple(self.warnings), self.measured, curve=tuple(finite.tolist()))


class _Parts(Tally):
    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self._ids: list[str] = []

    def add(self, item: Trigger, arrived_ns: int) -> None:
        super().add(item, arrived_ns)
        self._ids.append(item.part_id)

    def told(self) -> Told:
        if len(set(self._ids)) < len(self._ids):
            self.warnings.append("part ids repeat: each part needs one of its own")
        self._stamp_words()
        self.measured |= {"parts": len(self._ids), "ids": self._ids[:20]}
        many = f"{self.count} parts" if self.count > 1 else "1 part"
        last = f" to {self._ids[-1]}" if self.count > 1 else ""
        return Told(f"{many}, {self._ids[0]}{last}", tuple(self.warnings), self.measured)


def full_scale(pixels: NDArray[Any]) -> int:
    """Return the value of white."""
    if pixels.dtype == np.uint8:
        return 255
    return FULL_SCALE_12_BIT if int(pixels.max(initial=0)) <= FULL_SCALE_12_BIT else int(np.iinfo(pixels.dtype).max)


def _stamps(item: Any) -> list[int]:
    if isinstance(item, Series):
        return [int(t_ns) for t_ns in item.t_ns]
    return [item.end_ns if isinstance(item, Waveform) else item.t_ns]


def _nominal_hz(driver: Driver) -> float | None:
    """Return the rate that the settings ask for, by the names that drivers use; None where they do not say."""
    if isinstance(driver, SeriesSource) and driver.steppable:
        return None  # the interval of a simulated value is that of the parts
    for name in ("frame_rate_hz", "rate_hz", "fps"):
        if isinstance(value := getattr(driver.settings, name, None), int | float) and value > 0:
            return float(value)
    interval_s = getattr(driver.settings, "interval_s", None)
    return 1 / interval_s if isinstance(interval_s, int | float) and interval_s > 0 else None


def _db(ratio: float) -> float:
    return float(20 * np.log10(max(ratio, 1e-10)))
