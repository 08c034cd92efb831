"""One channel of a recording as one stream of blocks: what the next part shares with the part before is not written again."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.parts import Frame

Span = dict[str, Any]
"""Which values of a channel a part holds: from `offset` in block `first` up to, not including, `behind` in block `last`; `count` in all."""


JITTER_S = 0.002
"""The stamps of two blocks of a source that the station stamps may disagree by this, and by two samples; more is a gap."""
LOOK_SAMPLES = 64
"""So many samples that are the same, bit by bit, say where two parts overlap."""


def jitter_samples(rate_hz: float) -> int:
    """Return by how many samples stamps may be off."""
    return round(JITTER_S * rate_hz) + 2


@dataclass(slots=True)
class ChannelStream:
    """What was written of a channel with the part before, as far as the next part may want it again.

    The arrays of that part's capture are held, not copied: they are values, nobody changes them.
    """

    next_block: int = 0
    frame: Frame | None = None
    kind: Hashable = None
    """Rate, unit, epoch of the clock: where one of them changes, the channel begins anew."""
    start_ns: int = 0
    values: tuple[NDArray[Any], ...] = ()
    blocks: list[tuple[int, int]] = field(default_factory=list)
    """(number, count) of the blocks that hold `values`; the first may begin `skipped` before them."""
    skipped: int = 0

    def take_frame(self, frame: Frame, kind: Hashable) -> bool:
        """Say whether a part's picture is to be written as the next block: it is not where it was the last one written."""
        last = self.frame
        if last is not None and last.t_ns == frame.t_ns and self.kind == kind and _same_picture(last, frame):
            return False
        self.frame, self.kind = frame, kind
        self.next_block += 1
        return True

    def place_near(self, samples: NDArray[Any], guess: int, jitter: int, kind: Hashable) -> int:
        """Return the index, of what is known, at which a part's samples begin: near where their stamp puts them."""
        if kind != self.kind or not self.values:
            return guess
        known = self.values[0]
        for place in sorted(range(guess - jitter, guess + jitter + 1), key=lambda place: abs(place - guess)):
            if 0 <= place <= len(known) and _same(
                known[place:][: len(samples)][:LOOK_SAMPLES], samples[: len(known) - place][:LOOK_SAMPLES]
            ):
                return place
        return guess

    def advance(self, values: tuple[NDArray[Any], ...], place: int | None, kind: Hashable) -> int:
        """Take on a part's `values`, which begin at index `place` of what is known; return how many of them are written already.

        Stamps may lie, so what overlaps is compared bit by bit, and where it differs the channel begins anew.
        """
        overlap = self._overlap(values, place) if kind == self.kind else None
        if overlap is None or place is None:
            self.blocks, self.skipped, overlap = [], 0, 0
        else:
            self._forget(place)
        self.values, self.kind = values, kind
        return overlap

    def add_block(self, count: int) -> int:
        """Note the next `count` of the values as written and return the block's number."""
        self.blocks.append((self.next_block, count))
        self.next_block += 1
        return self.next_block - 1

    def span(self, count: int) -> Span:
        """Return where the first `count` of the values are written."""
        if count == 0:
            return {"first": self.next_block, "offset": 0, "last": self.next_block, "behind": 0, "count": 0}
        left = self.skipped + count
        for number, length in self.blocks:
            if left <= length:
                return {"first": self.blocks[0][0], "offset": self.skipped, "last": number, "behind": left, "count": count}
            left -= length
        raise AssertionError("a span of values that were never written")

    def _overlap(self, values: tuple[NDArray[Any], ...], place: int | None) -> int | None:
        length = len(self.values[0]) if self.values else 0
        if place is None or not 0 <= place <= length:
            return None
        overlap = length - place
        if overlap > len(values[0]):  # a part that ends before what is known cannot be continued from
            return None
        same = all(_same(known[place:], new[:overlap]) for known, new in zip(self.values, values, strict=True))
        return overlap if same else None

    def _forget(self, count: int) -> None:
        self.skipped += count
        while self.blocks and self.skipped >= self.blocks[0][1]:
            self.skipped -= self.blocks.pop(0)[1]


def _same_picture(left: Frame, right: Frame) -> bool:
    return left.pixels is right.pixels or (left.pixels.dtype == right.pixels.dtype and np.array_equal(left.pixels, right.pixels))


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    """Compare bit by bit: NaN equals itself, and 0.0 is not -0.0."""
    if left.dtype != right.dtype:
        return False
    bits = np.dtype(f"u{left.dtype.itemsize}")
    return np.array_equal(np.ascontiguousarray(left).view(bits), np.ascontiguousarray(right).view(bits))
