"""The simulated line as its sensors deliver it: streams in blocks, a picture a part, and the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from inspector.parts import Capture, Frame, PartTruth, Series, Trigger, Waveform
from stations.simulator.chance import Floats, Pixels, Samples
from stations.simulator.fate import Fate
from stations.simulator.pictures import picture_of
from stations.simulator.scenario import LineSettings
from stations.simulator.sounds import RATE_HZ as SOUND_HZ
from stations.simulator.sounds import sound_block
from stations.simulator.trends import TRENDS, trend_block
from stations.simulator.vibration import RATE_HZ as VIBRATION_HZ
from stations.simulator.vibration import vibration_block
from stations.simulator.world import FIRST_PART_S, World

EXPOSURE_S = 0.003
"""The picture is taken this long after the trigger."""
HISTORY_S = 61.0
"""The plant's recorder hands out this much of the slow channels from before the line was connected."""
TAIL_S = 0.6
"""The streams run on this long after the last part."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: delivered in blocks, computed in pages (a whole number of blocks) that are kept for a while."""

    rate_hz: int
    unit: str
    block: int
    """Samples in a block."""
    page: int
    """Samples in a page."""
    history_s: float
    window_s: tuple[float, float]
    """What a part needs of it, before and after its trigger."""


STREAMS: dict[str, Stream] = {
    "microphone": Stream(SOUND_HZ, "FS", SOUND_HZ // 10, SOUND_HZ // 10, 1.0, (0.9, 0.1)),
    "motor_vibration": Stream(VIBRATION_HZ, "m/s2", VIBRATION_HZ // 10, VIBRATION_HZ // 10, 1.0, (0.9, 0.1)),
    "motor_current": Stream(200, "A", 20, 200, 2.0, (2.0, 0.1)),
    "belt_speed": Stream(50, "m/s", 5, 50, 2.0, (2.0, 0.1)),
    "press_force": Stream(200, "kN", 20, 200, 2.0, (0.5, 0.1)),
    "air_pressure": Stream(10, "bar", 1, 100, HISTORY_S, (60.0, 0.1)),
    "motor_temp": Stream(2, "degC", 1, 20, HISTORY_S, (60.0, 0.1)),
    "coolant_temp": Stream(2, "degC", 1, 20, HISTORY_S, (60.0, 0.1)),
}
WAVEFORMS = ("microphone", "motor_vibration")
CAMERA = "camera"
_PAGES: dict[str, Callable[[World, int, int], Samples | Floats]] = {"microphone": sound_block, "motor_vibration": vibration_block}


class Line:
    """One simulated line. The same settings give the same samples, whoever reads them, in whatever order.

    `t0_ns` is the instant of the line's t = 0 on the station clock; part k is at the camera `FIRST_PART_S + k * interval_s` later.
    """

    def __init__(self, settings: LineSettings | None = None, *, t0_ns: int = round(HISTORY_S * 1e9), station: str = "demo-press") -> None:
        self.settings = settings or LineSettings()
        self.t0_ns = t0_ns
        self.station = station
        self.world = World(self.settings)
        self._page = lru_cache(maxsize=192)(self._make_page)
        self.picture = lru_cache(maxsize=16)(self._make_picture)

    def part_id(self, part: int) -> str:
        return f"{self.settings.part_prefix}-{part:06d}"

    def part_number(self, part_id: str) -> int | None:
        """Return k of a part's id; None if it is not of this line."""
        prefix, _, digits = part_id.rpartition("-")
        return int(digits) if prefix == self.settings.part_prefix and digits.isdecimal() else None

    def trigger(self, part: int) -> Trigger:
        """Return when a part is in place."""
        return Trigger(self.station, self.part_id(part), self._ns(self.world.motion.part_s(part)))

    def has_part(self, part: int) -> bool:
        return self.settings.parts is None or part < self.settings.parts

    def frame(self, part: int) -> Frame:
        """Return the picture of a part."""
        return Frame(self.trigger(part).t_ns + round(EXPOSURE_S * 1e9), self.picture(part)[0])

    def first_block(self, stream: str) -> int:
        """Return the block where a stream's history begins."""
        spec = STREAMS[stream]
        return -int(spec.history_s * spec.rate_hz // spec.block)

    def last_block(self, stream: str) -> float:
        """Return the number of the block after a stream's last; infinite on an endless line."""
        if self.settings.parts is None:
            return float("inf")
        spec = STREAMS[stream]
        return int((self.world.motion.part_s(self.settings.parts - 1) + TAIL_S) * spec.rate_hz / spec.block + 1e-6)

    def block_due_ns(self, stream: str, block: int) -> int:
        """Return when a block is there to be read: a waveform's when its span is over, a slow one's with its last value."""
        spec = STREAMS[stream]
        return self._ns(((block + 1) * spec.block - _ahead(stream)) / spec.rate_hz)

    def blocks_due(self, stream: str, t_ns: int) -> int:
        """Return the number of the first block that is not there yet at an instant."""
        spec = STREAMS[stream]
        samples = (t_ns - self.t0_ns) * spec.rate_hz // 1_000_000_000 + _ahead(stream)
        return samples // spec.block

    def waveform(self, stream: str, first: int, last: int) -> Waveform:
        """Return the blocks first … last−1 of a waveform stream in one piece."""
        spec = STREAMS[stream]
        start_ns = self._ns(first * spec.block / spec.rate_hz)
        return Waveform(start_ns, float(spec.rate_hz), self._samples(stream, first, last).astype(np.float32, copy=False), spec.unit)

    def series(self, stream: str, first: int, last: int) -> Series:
        """Return the blocks first … last−1 of a slow stream in one piece."""
        spec = STREAMS[stream]
        number = np.arange(first * spec.block, last * spec.block, dtype=np.int64)
        return Series(
            self.t0_ns + number * (1_000_000_000 // spec.rate_hz), self._samples(stream, first, last).astype(np.float64), spec.unit
        )

    def capture(self, part: int) -> Capture:
        """Return all that a station would have caught of a part: every block that touches its window, and its picture."""
        trigger = self.trigger(part)
        spans = {name: self._blocks_around(name, part) for name in STREAMS}
        return Capture(
            trigger,
            frames={CAMERA: self.frame(part)},
            waveforms={name: self.waveform(name, *spans[name]) for name in WAVEFORMS},
            series={name: self.series(name, *spans[name]) for name in TRENDS},
            drops=dict.fromkeys((CAMERA, *STREAMS), 0),
            wall_utc_ns=trigger.t_ns,
        )

    def truth(self, part: int) -> PartTruth:
        """Return what is really so of a part."""
        fate = self.fate(part)
        return PartTruth(fate.label, fate.cause, fate.severity, self.picture(part)[1])

    def fate(self, part: int) -> Fate:
        """Return the truth of a part without picturing it, which is quick."""
        return self.world.fate(part)

    def _blocks_around(self, stream: str, part: int) -> tuple[int, int]:
        spec, at_s = STREAMS[stream], self.world.motion.part_s(part)
        block_s = spec.block / spec.rate_hz
        return int(np.floor((at_s - spec.window_s[0]) / block_s + 1e-6)), int(np.ceil((at_s + spec.window_s[1]) / block_s - 1e-6))

    def _samples(self, stream: str, first: int, last: int) -> Samples | Floats:
        spec = STREAMS[stream]
        start, end = first * spec.block, last * spec.block
        pages = range(start // spec.page, -(-end // spec.page))
        whole = np.concatenate([self._page(stream, page) for page in pages])
        offset = pages.start * spec.page
        return whole[start - offset : end - offset]

    def _make_page(self, stream: str, page: int) -> Samples | Floats:
        count = STREAMS[stream].page
        if stream in _PAGES:
            return _PAGES[stream](self.world, page, count)
        return trend_block(self.world, stream, page, count)

    def _make_picture(self, part: int) -> tuple[Pixels, Pixels]:
        return picture_of(self.world, part)

    def _ns(self, t_s: float) -> int:
        return self.t0_ns + round(t_s * 1e9)


def _ahead(stream: str) -> int:
    """A value is known at its own instant; a sample of a waveform only when it is over."""
    return 0 if stream in WAVEFORMS else 1


__all__ = ["CAMERA", "FIRST_PART_S", "STREAMS", "WAVEFORMS", "Line", "Stream"]
