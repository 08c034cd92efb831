"""A time-stamped ring buffer per channel, bounded in seconds, that knows what it dropped.

Buffers keep blocks as they came. A cut joins neighbouring blocks and never bridges a gap: samples are not invented. They hold no
lock; the agent that fills and cuts them does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from typing import Generic, TypeVar

import numpy as np

from inspector.parts import Frame, Series, Signal, Waveform

JITTER_NS = 1_000_000
"""Stamps of neighbouring blocks may disagree by this and two samples; more is a gap."""
SPARSE = 5.0
"""A series that pauses for this many of its usual intervals has lost values."""
_EDGE = 1e-6
"""In samples: rounding of nanoseconds must not move a cut by one."""

S = TypeVar("S", Frame, Waveform, Series)


class Buffer(ABC, Generic[S]):
    """What the three kinds share: blocks in order of time, the old ones leaving, drops counted with their instant.

    Args:
        seconds: how much is kept.
    """

    def __init__(self, seconds: float) -> None:
        self._keep_ns = round(seconds * 1e9)
        self._blocks: deque[S] = deque()
        self._drops: list[tuple[int, int]] = []
        self._evicted: deque[int] = deque(maxlen=1000)
        self.end_ns: int | None = None
        """Everything up to here is known; None before the first block."""

    def append(self, block: S) -> None:
        """Add the next block. One that runs backward is dropped, and counted."""
        lost = self._lost_before(block)
        if lost:
            self._drops.append((self._end_of(block), abs(lost)))
        if lost < 0:
            return
        self._blocks.append(block)
        self.end_ns = self._end_of(block)
        while len(self._blocks) > 1 and self._end_of(self._blocks[0]) < self.end_ns - self._keep_ns:
            self._evicted.append(self._end_of(self._blocks.popleft()))

    def clear(self) -> None:
        """Forget all blocks, as one counted loss: what comes next has nothing to do with them."""
        if self._blocks:
            self._drops.append((0, 1))
        self._blocks.clear()
        self._evicted.clear()
        self.end_ns = None

    def take_drops(self, start_ns: int, end_ns: int) -> int:
        """Return how many blocks were lost until `end_ns` and not yet told, those that left before this cut from `start_ns` included."""
        told = sum(count for t_ns, count in self._drops if t_ns <= end_ns)
        self._drops = [drop for drop in self._drops if drop[0] > end_ns]
        overflown = [t_ns for t_ns in self._evicted if start_ns < t_ns]
        if overflown:
            self._evicted.clear()
        return told + len(overflown)

    @abstractmethod
    def cut(self, start_ns: int, end_ns: int) -> Signal | None:
        """Return what lies in [start_ns, end_ns], or None."""

    @abstractmethod
    def _end_of(self, block: S) -> int: ...

    @abstractmethod
    def _lost_before(self, block: S) -> int:
        """Return how many blocks are missing before `block`; negative where `block` itself must be dropped."""


class FrameBuffer(Buffer[Frame]):
    """Pictures. What a camera itself dropped cannot be seen here, only pictures that run backward."""

    def cut(self, start_ns: int, end_ns: int) -> Frame | None:
        return self.nearest((start_ns + end_ns) // 2, start_ns, end_ns)

    def nearest(self, t_ns: int, start_ns: int, end_ns: int) -> Frame | None:
        """Return the picture nearest to `t_ns` within [start_ns, end_ns]."""
        inside = [frame for frame in self._blocks if start_ns <= frame.t_ns <= end_ns]
        return min(inside, key=lambda frame: abs(frame.t_ns - t_ns), default=None)

    def _end_of(self, block: Frame) -> int:
        return block.t_ns

    def _lost_before(self, block: Frame) -> int:
        return -1 if self.end_ns is not None and block.t_ns <= self.end_ns else 0


class WaveformBuffer(Buffer[Waveform]):
    """Evenly sampled blocks."""

    def cut(self, start_ns: int, end_ns: int) -> Waveform | None:
        """Return the longest unbroken piece in [start_ns, end_ns] (the later of equals), or None."""
        pieces: list[list[Waveform]] = []
        before: Waveform | None = None
        for block in self._blocks:
            inside = _samples_between(block, start_ns, end_ns)
            if inside is not None:
                if before is None or not _joins(before, block):
                    pieces.append([])
                pieces[-1].append(inside)
                before = block
        if not pieces:
            return None
        best = max(reversed(pieces), key=lambda piece: sum(len(block.samples) for block in piece))
        return Waveform(best[0].start_ns, best[0].sample_rate_hz, np.concatenate([block.samples for block in best]), best[0].unit)

    def _end_of(self, block: Waveform) -> int:
        return block.end_ns

    def _lost_before(self, block: Waveform) -> int:
        if not self._blocks or _joins(self._blocks[-1], block):
            return 0
        before = self._blocks[-1]
        gap_ns = block.start_ns - before.end_ns
        if gap_ns < -_tolerance_ns(block):
            return -1
        return max(1, round(gap_ns / max(1, before.end_ns - before.start_ns)))


class SeriesBuffer(Buffer[Series]):
    """Values with their own stamps."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self._intervals_ns: deque[int] = deque(maxlen=32)

    def append(self, block: Series) -> None:
        if len(block.t_ns):
            super().append(block)

    def cut(self, start_ns: int, end_ns: int) -> Series | None:
        touching = [block for block in self._blocks if block.t_ns[-1] >= start_ns and block.t_ns[0] <= end_ns]
        if not touching:
            return None
        t_ns = np.concatenate([block.t_ns for block in touching])
        values = np.concatenate([block.values for block in touching])
        inside = (t_ns >= start_ns) & (t_ns <= end_ns)
        return Series(t_ns[inside], values[inside], touching[0].unit) if inside.any() else None

    def _end_of(self, block: Series) -> int:
        return int(block.t_ns[-1])

    def _lost_before(self, block: Series) -> int:
        steps = np.diff(block.t_ns, prepend=block.t_ns[0] if self.end_ns is None else self.end_ns)
        first_step = int(steps[0])
        if np.any(steps[1:] <= 0) or (self.end_ns is not None and first_step <= 0):
            return -1
        usual_ns = float(np.median(self._intervals_ns)) if len(self._intervals_ns) >= 4 else math.inf
        self._intervals_ns.extend(int(step) for step in steps if step > 0)
        return max(1, round(first_step / usual_ns) - 1) if first_step > SPARSE * usual_ns else 0


def _tolerance_ns(block: Waveform) -> float:
    return JITTER_NS + 2e9 / block.sample_rate_hz


def _joins(before: Waveform, block: Waveform) -> bool:
    same_kind = before.sample_rate_hz == block.sample_rate_hz and before.unit == block.unit
    return same_kind and abs(block.start_ns - before.end_ns) <= _tolerance_ns(block)


def _samples_between(block: Waveform, start_ns: int, end_ns: int) -> Waveform | None:
    rate = block.sample_rate_hz
    first = max(0, math.ceil((start_ns - block.start_ns) * rate / 1e9 - _EDGE))
    behind = min(len(block.samples), math.floor((end_ns - block.start_ns) * rate / 1e9 + _EDGE) + 1)
    if first >= behind:
        return None
    return Waveform(block.start_ns + round(first * 1e9 / rate), rate, block.samples[first:behind], block.unit)
