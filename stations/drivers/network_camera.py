"""The pictures of a network camera: RTSP, MJPEG over HTTP, or whatever else FFmpeg reads from an address."""

from __future__ import annotations

import time
from typing import Any, ClassVar, Literal

from pydantic import Field

from inspector import drivers
from inspector.drivers import Camera
from inspector.errors import DriverError
from inspector.parts import Frame
from stations.protocols.av_link import LinkSettings, Piece, Track, join, leave, stamp_ns


class NetworkCameraSettings(LinkSettings):
    pixels: Literal["rgb", "grey"] = Field(default="rgb", description="colour, or brightness only")


class NetworkCamera(Camera):
    """Pictures at the sender's stamps where its protocol carries some (RTSP), else at their arrival (MJPEG).

    Arrivals count as stamps of a clock that runs exactly as the station's does.
    """

    Settings: ClassVar[type[drivers.Settings]] = NetworkCameraSettings
    own_clock = True

    def __init__(self, settings: NetworkCameraSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._lost = 0
        self._format = "rgb24" if settings.pixels == "rgb" else "gray"
        self._track: Track | None = None
        self._last_ns: int | None = None

    def open(self) -> None:
        if self._track is None:
            self._track = join(self.settings, self.clock, "video", self.channel)
            self._last_ns = None

    def close(self) -> None:
        if self._track is not None:
            track, self._track = self._track, None
            self._lost += track.dropped
            leave(track)

    def lost(self) -> int:
        """Return how many packets of pictures were lost."""
        return self._lost + (self._track.dropped if self._track is not None else 0)

    def read(self, timeout_s: float) -> Frame | None:
        track = self._track
        if track is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        end_s = time.monotonic() + timeout_s
        while piece := track.next(end_s - time.monotonic(), self.channel):
            frame = self._frame(track, piece)
            if frame is not None:
                return frame
            if time.monotonic() >= end_s:
                break
        return None

    def _frame(self, track: Track, piece: Piece) -> Frame | None:
        """Return the picture that a packet completes, if it does and is newer than the one before."""
        import av

        try:
            pictures = piece.packet.decode()
        except av.error.FFmpegError:
            self._lost += 1
            return None
        if not pictures or piece.stale or pictures[-1].pts is None:
            return None
        picture = pictures[-1]
        t_ns = stamp_ns(picture.pts, picture.time_base) if track.link.has_clock else piece.arrived_ns
        if self._last_ns is not None and t_ns == self._last_ns:
            return None
        self._last_ns = t_ns
        self.arrived_ns = piece.arrived_ns - track.link.lag_ns("video")
        return Frame(t_ns, picture.to_ndarray(format=self._format))
