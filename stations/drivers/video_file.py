"""A video file as a camera, and its sound track as a microphone, both with the file's own time stamps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from inspector import drivers
from inspector.drivers import Camera, StationPath, WaveformSource
from inspector.errors import DriverError, EndOfStream
from inspector.parts import Frame, Waveform
from stations.protocols.sound_samples import one_channel

BLOCK_S = 0.1


class VideoSettings(drivers.Settings):
    file: StationPath = Field(description="any container that FFmpeg reads: mp4, mkv, avi, mov")
    first_s: float = Field(default=0.0, ge=0, description="where the file's time 0 lies, from the start of the station's clock")


class _Track:
    """One stream of a container, decoded frame by frame."""

    def __init__(self, path: Path, kind: Literal["video", "audio"], channel: str) -> None:
        import av

        self._path, self._channel = path, channel
        try:
            self.container = av.open(str(path))
        except (av.error.FFmpegError, OSError) as error:
            what = "cannot be decoded as video" if path.is_file() else "does not exist"
            raise DriverError(f"{path}: {what}", channel=channel) from error
        tracks = getattr(self.container.streams, kind)
        if not tracks:
            self.container.close()
            raise DriverError(f"{path}: has no {'picture' if kind == 'video' else 'sound'} track", channel=channel)
        self.stream = tracks[0]

    def frames(self) -> Iterator[Any]:
        """Yield decoded frames that have a time; a damaged packet costs itself only."""
        import av

        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
                decoded = packet.decode()
            except StopIteration:
                return
            except av.error.InvalidDataError:
                continue
            except av.error.FFmpegError as error:
                raise DriverError(f"{self._path}: cannot be read on: {error.strerror}", channel=self._channel) from error
            yield from (frame for frame in decoded if frame.time is not None)


class VideoFile(Camera):
    """Pictures at their presentation time."""

    Settings: ClassVar[type[drivers.Settings]] = VideoSettings
    steppable = True

    def __init__(self, settings: VideoSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._track: _Track | None = None
        self._frames: Iterator[Any] = iter(())
        self._waiting: Any = None
        self._last_ns: int | None = None

    def open(self) -> None:
        if self._track is None:
            self._track = _Track(self.settings.file, "video", self.channel)
            self._frames = self._track.frames()

    def close(self) -> None:
        if self._track is not None:
            self._track.container.close()
            self._track, self._waiting = None, None

    def read(self, timeout_s: float) -> Frame | None:
        frame = self._next_frame()
        t_ns = self._ns(frame)
        if not self.due(t_ns, timeout_s):
            return None
        self._waiting, self._last_ns = None, t_ns
        return Frame(t_ns, frame.to_ndarray(format="rgb24"))

    def _next_frame(self) -> Any:
        """Return the next picture after the last one given, also after the file was reopened."""
        while self._waiting is None:
            frame = next(self._frames, None)
            if frame is None:
                raise EndOfStream(f"{self.settings.file}: is over", channel=self.channel)
            if self._last_ns is None or self._ns(frame) > self._last_ns:
                self._waiting = frame
        return self._waiting

    def _ns(self, frame: Any) -> int:
        return int(self.clock.epoch_ns + round((self.settings.first_s + frame.time) * 1e9))


class VideoSound(WaveformSource):
    """The first sound track, its first channel, in blocks of at least 100 ms. A jump of the file's stamps starts a new block."""

    Settings: ClassVar[type[drivers.Settings]] = VideoSettings
    steppable = True

    def __init__(self, settings: VideoSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._track: _Track | None = None
        self._blocks: Iterator[Waveform] = iter(())
        self._waiting: Waveform | None = None
        self._last_ns: int | None = None

    def open(self) -> None:
        if self._track is None:
            self._track = _Track(self.settings.file, "audio", self.channel)
            self._blocks = self._joined(self._track)

    def close(self) -> None:
        if self._track is not None:
            self._track.container.close()
            self._track, self._waiting = None, None

    def read(self, timeout_s: float) -> Waveform | None:
        while self._waiting is None:
            block = next(self._blocks, None)
            if block is None:
                raise EndOfStream(f"{self.settings.file}: is over", channel=self.channel)
            self._waiting = block if self._last_ns is None or block.start_ns > self._last_ns else None
        block = self._waiting
        if not self.due(block.end_ns, timeout_s):
            return None
        self._waiting, self._last_ns = None, block.start_ns
        return block

    def _joined(self, track: _Track) -> Iterator[Waveform]:
        """Yield blocks that run on sample by sample from the first stamp, so that stamps rounded by the container do not jitter."""
        pieces: list[Any] = []
        run_ns, run_samples = 0, 0
        for frame in track.frames():
            rate_hz = float(frame.sample_rate)
            samples, t_ns = one_channel(frame), self._ns(frame.time)
            held = sum(len(piece) for piece in pieces)
            jumped = abs(t_ns - (run_ns + round((run_samples + held) * 1e9 / rate_hz))) > 1e9 * BLOCK_S / 2
            if jumped or (not run_samples and not held):
                yield from self._block(pieces, run_ns, run_samples, rate_hz)
                pieces, run_ns, run_samples, held = [], t_ns, 0, 0
            pieces.append(samples)
            if held + len(samples) >= BLOCK_S * rate_hz:
                yield from self._block(pieces, run_ns, run_samples, rate_hz)
                run_samples += held + len(samples)
                pieces = []
        yield from self._block(pieces, run_ns, run_samples, float(track.stream.rate))

    def _block(self, pieces: list[Any], run_ns: int, run_samples: int, rate_hz: float) -> Iterator[Waveform]:
        if pieces:
            yield Waveform(run_ns + round(run_samples * 1e9 / rate_hz), rate_hz, np.concatenate(pieces), self.unit or "FS")

    def _ns(self, time_s: float) -> int:
        return int(self.clock.epoch_ns + round((self.settings.first_s + time_s) * 1e9))
