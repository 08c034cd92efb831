"""The sound of a network camera, on the same connection as its pictures."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from inspector import drivers
from inspector.drivers import WaveformSource
from inspector.errors import DriverError
from inspector.parts import Waveform
from stations.protocols.av_link import LinkSettings, Piece, Track, join, leave, stamp_ns
from stations.protocols.sound_samples import one_channel

BLOCK_S = 0.05
STEP_NS = 1_000_000
"""Stamps that containers round to milliseconds still join."""


class NetworkSoundSettings(LinkSettings):
    sound_channel: int = Field(default=0, ge=0, description="which channel of the sound, counted from 0")


class NetworkSound(WaveformSource):
    """Sound at the sender's stamps, which count on the same clock as those of its pictures; a lost packet is a gap.

    Attributes:
        damaged: packets that could not be decoded, so far.
    """

    Settings: ClassVar[type[drivers.Settings]] = NetworkSoundSettings
    own_clock = True

    def __init__(self, settings: NetworkSoundSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.damaged = 0
        self._track: Track | None = None
        self._block = _Block()

    def open(self) -> None:
        if self._track is None:
            track = join(self.settings, self.clock, "audio", self.channel)
            channels = track.stream.codec_context.layout.nb_channels
            if self.settings.sound_channel >= channels:
                leave(track)
                raise DriverError(f"{self.settings.place}: has {channels} sound channel(s), lower sound_channel", channel=self.channel)
            self._track, self._block = track, _Block()

    def close(self) -> None:
        if self._track is not None:
            track, self._track = self._track, None
            leave(track)

    def read(self, timeout_s: float) -> Waveform | None:
        track = self._track
        if track is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        end_s = time.monotonic() + timeout_s
        while not self._block.full and (piece := track.next(end_s - time.monotonic(), self.channel)):
            done = self._add(track, piece)
            if done is not None:
                return done
            if time.monotonic() >= end_s:
                break
        return self._taken() if self._block.full else None

    def _add(self, track: Track, piece: Piece) -> Waveform | None:
        """Put a packet's samples to the block; return the block before it where they do not join."""
        import av

        try:
            frames = piece.packet.decode()
        except av.error.FFmpegError:
            self.damaged += 1
            return None
        if piece.stale:
            return None
        before = None
        arrived_ns = piece.arrived_ns - track.link.lag_ns("audio")
        for frame in frames:
            if frame.pts is None:
                continue
            samples, rate_hz = one_channel(frame, self.settings.sound_channel), float(frame.sample_rate)
            start_ns = stamp_ns(frame.pts, frame.time_base)
            if self._block.samples and not self._block.joins(start_ns, rate_hz):
                before = self._taken()
            self._block.add(samples, start_ns, rate_hz, arrived_ns)
        return before

    def _taken(self) -> Waveform:
        block, self._block = self._block, _Block()
        self.arrived_ns = block.arrived_ns
        return Waveform(block.start_ns, block.rate_hz, np.concatenate(block.samples), self.unit or "FS")


class _Block:
    """Samples that follow each other, until there are enough."""

    def __init__(self) -> None:
        self.samples: list[NDArray[np.float32]] = []
        self.start_ns = self.end_ns = self.arrived_ns = 0
        self.rate_hz = 0.0

    @property
    def full(self) -> bool:
        return bool(self.samples) and self.end_ns - self.start_ns >= BLOCK_S * 1e9

    def joins(self, start_ns: int, rate_hz: float) -> bool:
        return rate_hz == self.rate_hz and abs(start_ns - self.end_ns) <= STEP_NS + 2e9 / rate_hz

    def add(self, samples: NDArray[np.float32], start_ns: int, rate_hz: float, arrived_ns: int) -> None:
        if not self.samples:
            self.start_ns, self.rate_hz = start_ns, rate_hz
        self.samples.append(samples)
        self.end_ns = self.start_ns + round(sum(map(len, self.samples)) * 1e9 / rate_hz)
        self.arrived_ns = arrived_ns
