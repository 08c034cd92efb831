"""A network stream as all drivers that read one share it: one connection to a camera, each of its tracks for one driver.

Many cameras take few clients, and picture and sound of one connection count on one clock. A thread of the link empties the socket
all the time and only sorts packets; each driver decodes its own track when it is read. What a driver does not fetch in time is
dropped here, the oldest first, and counted: nothing old is served late.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit
from weakref import WeakKeyDictionary

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from inspector import drivers
from inspector.clock import Clock
from inspector.errors import DriverError
from stations.protocols.credentials import Secret

Kind = Literal["video", "audio"]
NAMES: dict[Kind, str] = {"video": "picture", "audio": "sound"}

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt", "rtp", "udp", "tcp")
STAMPED = frozenset({"rtsp", "rtp", "sdp", "mpegts", "flv", "live_flv", "hls", "dash", "matroska", "mov", "ogg"})
"""Formats whose time stamps are the sender's. The demuxers of all others (MJPEG, bare H.264) invent 25 pictures a second."""
KEPT_S = 1.0
"""What lies unread for longer is dropped."""
BLOCKED_S = 0.002
"""Packets that come faster than this after connecting had been waiting, nobody knows how long; the first real wait ends that."""
DELAY_BIN_NS = 1_000_000_000
DELAY_BINS = 10
JUMP_NS = 1_000_000_000
"""The sender's clock was set, or all that came before had stalled."""
LEAVE_S = 0.5


class LinkSettings(drivers.Settings):
    """Which stream, and how it is connected; channels that agree in all of this share one connection."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr = Field(description="address of the stream, e.g. rtsp://camera-1/live or http://camera-1/video.mjpg")
    user: str = Field(default="", description="user name at the device")
    password: Secret | None = Field(default=None, description="where the password at the device is found")
    transport: Literal["tcp", "udp"] = Field(default="tcp", description="of RTSP: tcp loses nothing, udp waits for nothing")
    connect_s: float = Field(default=5.0, gt=0, le=60, description="how long connecting may take")
    silence_s: float = Field(default=1.5, gt=0, le=60, description="a track from which nothing comes for so long is lost")

    @field_validator("url")
    @classmethod
    def _is_a_network_address(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            known = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"must be an address with a host that begins with one of {', '.join(f'{name}://' for name in SCHEMES)}")
        return url

    @model_validator(mode="after")
    def _names_one_user(self) -> LinkSettings:
        if self.user and urlsplit(self.url.get_secret_value()).username:
            raise ValueError("url holds a user already, give the user either there or in the setting user")
        if self.password is not None and not self.user:
            raise ValueError("a password needs the setting user beside it")
        return self

    @property
    def link(self) -> LinkSettings:
        """These settings without what a driver adds to them."""
        return LinkSettings(**{name: getattr(self, name) for name in LinkSettings.model_fields})

    @property
    def place(self) -> str:
        """The address as it may be shown: without user and query, and without a path that holds settings."""
        parts = urlsplit(self.url.get_secret_value())
        port = f":{parts.port}" if parts.port else ""
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}{port}{'/...' if '=' in parts.path else parts.path}"

    def secret_address(self, channel: str) -> str:
        """Return the whole address, for connecting only. Raises DriverError where the password cannot be found."""
        url = self.url.get_secret_value()
        if not self.user:
            return url
        parts = urlsplit(url)
        password = "" if self.password is None else self.password.reveal(channel)
        login = f"{quote(self.user, safe='')}:{quote(password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


@dataclass(frozen=True, slots=True)
class Piece:
    """A packet, when it came, and whether it had been waiting before (`stale`): then it only serves to start the decoder."""

    packet: Any
    arrived_ns: int
    stale: bool


class Track:
    """One track of a link, for the one driver that reads it.

    Attributes:
        dropped: packets that were not fetched in time, so far.
    """

    def __init__(self, link: Link, kind: Kind, stream: Any) -> None:
        self.link, self.kind, self.stream = link, kind, stream
        self.dropped = 0
        self._changed = threading.Condition()
        self._pieces: deque[Piece] = deque()
        self._skipping = kind == "video"
        self._last_ns = link.clock.now_ns()
        self._failure: str | None = None

    def put(self, piece: Piece) -> None:
        """Take the next packet; called by the link's thread."""
        with self._changed:
            self._last_ns = piece.arrived_ns
            if self._skipping and not piece.packet.is_keyframe:
                self.dropped += not piece.stale
                return
            self._skipping = False
            self._pieces.append(piece)
            self._drop_old(piece.arrived_ns - round(KEPT_S * 1e9))
            self._changed.notify_all()

    def fail(self, reason: str) -> None:
        """Note that nothing will come any more."""
        with self._changed:
            self._failure = reason
            self._changed.notify_all()

    def next(self, timeout_s: float, channel: str) -> Piece | None:
        """Return the next packet, or None when the time is over. Raises DriverError where the link failed or the track is silent."""
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._failure, timeout=max(0.0, timeout_s))
            if self._pieces:
                return self._pieces.popleft()
            silent_s = (self.link.clock.now_ns() - self._last_ns) / 1e9
        reason = self._failure
        if reason is None and silent_s > self.link.settings.silence_s:
            reason = f"nothing came for {silent_s:.1f} s"
            self.link.silent.add(self.kind)
        if reason is not None:
            raise DriverError(
                f"{self.link.settings.place}: {NAMES[self.kind]} is lost ({reason}), check power and network", channel=channel
            )
        return None

    def _drop_old(self, before_ns: int) -> None:
        """Drop what was not fetched in time, together with all that cannot be decoded without it."""
        while self._pieces and self._pieces[0].arrived_ns < before_ns:
            self._drop_first()
            while self.kind == "video" and self._pieces and not self._pieces[0].packet.is_keyframe:
                self._drop_first()
            self._skipping = self.kind == "video" and not self._pieces

    def _drop_first(self) -> None:
        self.dropped += not self._pieces.popleft().stale


class Link:
    """One connection, read by a thread of its own until it fails or its last driver leaves."""

    def __init__(self, settings: LinkSettings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.users = 0
        self.failure: str | None = None
        self.has_clock = False
        """Whether stamps of pictures are the device's own; those of sound always count its samples."""
        self.silent: set[Kind] = set()
        """Tracks that stopped while the connection went on: a driver that comes back to one wants another connection."""
        self._lock = threading.Lock()
        self._tracks: dict[Kind, Track] = {}
        self._container: Any = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._delays: dict[Kind, _LeastDelay] = {"video": _LeastDelay(), "audio": _LeastDelay()}

    def take(self, kind: Kind, channel: str) -> Track:
        """Return the first track of a kind, connecting where no one has yet. Raises DriverError."""
        with self._lock:
            if self._container is None:
                self._connect(channel)
            streams = getattr(self._container.streams, kind)
            if not streams:
                raise DriverError(f"{self.settings.place}: has no {NAMES[kind]}, give another url", channel=channel)
            if kind in self._tracks:
                raise DriverError(f"{self.settings.place}: another channel reads its {NAMES[kind]} already", channel=channel)
            self._tracks[kind] = track = Track(self, kind, streams[0])
            if self.failure is not None:
                track.fail(self.failure)
            if self._thread is None:  # not before: the first packets start the decoder
                self._thread = threading.Thread(target=self._run, name=f"link {self.settings.place}", daemon=True)
                self._thread.start()
            return track

    def give_back(self, kind: Kind) -> None:
        with self._lock:
            self._tracks.pop(kind, None)

    def stop(self) -> None:
        """Hang up, when no driver decodes any more. A read that is blocked in the network ends by itself after `silence_s`."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=self.settings.silence_s + LEAVE_S)
        if self._container is not None and (self._thread is None or not self._thread.is_alive()):
            self._container.close()

    def lag_ns(self, kind: Kind) -> int:
        """Return how much later a track comes than the quickest one of this link, both at their least delay.

        Pictures wait in the camera's encoder for longer than sound does. Taken off their arrival, both tracks tell the same of the
        clock that both are stamped by.
        """
        if not self.has_clock:
            return 0
        least = [delay for delay in (self._delays[known].least_ns for known in self._delays) if delay is not None]
        own = self._delays[kind].least_ns
        return 0 if own is None else own - min(least)

    def _connect(self, channel: str) -> None:
        import av

        options = {}
        if self.settings.url.get_secret_value().startswith("rtsp"):  # it says what its tracks are, no need to look
            options = {"rtsp_transport": self.settings.transport, "analyzeduration": "200000"}
        timeouts = (self.settings.connect_s, self.settings.silence_s)
        why, address = None, self.settings.secret_address(channel)
        try:
            container = av.open(address, options=options, timeout=timeouts)
        except (av.error.FFmpegError, OSError) as error:
            why = error.strerror or type(error).__name__
        if why is not None:  # outside of the except clause: FFmpeg's error holds the address with its password
            raise DriverError(f"{self.settings.place}: cannot be opened ({why.lower()}), {_what_to_do(why)}", channel=channel)
        self._container = container
        self.has_clock = bool(STAMPED & set(container.format.name.split(",")))

    def _run(self) -> None:
        import av

        reason = "the device ended the stream"
        try:
            for piece in self._pieces():
                track = self._tracks.get(piece.packet.stream.type)
                if track is not None and track.stream.index == piece.packet.stream.index:
                    track.put(piece)
                if self._stopping.is_set():
                    break
        except (av.error.ExitError, TimeoutError):
            reason = f"nothing came for {self.settings.silence_s:g} s"
        except (av.error.FFmpegError, OSError) as error:
            reason = (error.strerror or type(error).__name__).lower()
        with self._lock:
            self.failure = reason
            for track in self._tracks.values():
                track.fail(reason)
        if self._stopping.is_set():
            self._container.close()

    def _pieces(self) -> Iterator[Piece]:
        """Yield packets as they come; those that had come before this thread began are stale."""
        packets = self._container.demux()
        stale = True
        while True:
            began_s = time.monotonic()
            packet = next(packets, None)
            if packet is None:
                return
            waited_s = time.monotonic() - began_s
            if waited_s >= self.settings.silence_s:  # what FFmpeg then hands on is the rest of what it had before
                raise TimeoutError
            stale = stale and waited_s < BLOCKED_S
            now_ns = self.clock.now_ns()
            if packet.size and packet.pts is not None:
                if not stale:
                    self._note_delay(packet, now_ns)
                yield Piece(packet, now_ns, stale)

    def _note_delay(self, packet: Any, now_ns: int) -> None:
        kind = packet.stream.type
        if kind in self._delays:
            ended = packet.pts + ((packet.duration or 0) if kind == "audio" else 0)
            self._delays[kind].note(now_ns, now_ns - stamp_ns(ended, packet.time_base))


class _LeastDelay:
    """The least delay of the last ten seconds or so."""

    def __init__(self) -> None:
        self._bins: deque[tuple[int, int]] = deque(maxlen=DELAY_BINS)
        self.least_ns: int | None = None

    def note(self, now_ns: int, delay_ns: int) -> None:
        if self.least_ns is not None and abs(delay_ns - self.least_ns) > JUMP_NS:
            self._bins.clear()
        number = now_ns // DELAY_BIN_NS
        if self._bins and self._bins[-1][0] == number:
            self._bins[-1] = (number, min(self._bins[-1][1], delay_ns))
        else:
            self._bins.append((number, delay_ns))
        self.least_ns = min(delay for _, delay in self._bins)


_LOCK = threading.Lock()
_LINKS: WeakKeyDictionary[Clock, dict[LinkSettings, Link]] = WeakKeyDictionary()


def join(settings: LinkSettings, clock: Clock, kind: Kind, channel: str) -> Track:
    """Return a track of the stream, on the connection that is there already if there is one. Raises DriverError."""
    key = settings.link
    with _LOCK:
        links = _LINKS.setdefault(clock, {})
        link = links.get(key)
        if link is None or link.failure is not None or kind in link.silent:
            link = links[key] = Link(key, clock)
        link.users += 1
    try:
        return link.take(kind, channel)
    except BaseException:
        _release(link)
        raise


def leave(track: Track) -> None:
    """Give a track back; the last to leave hangs up."""
    track.link.give_back(track.kind)
    _release(track.link)


def _release(link: Link) -> None:
    with _LOCK:
        link.users -= 1
        if link.users > 0:
            return
        links = _LINKS.get(link.clock, {})
        if links.get(link.settings) is link:
            del links[link.settings]
    link.stop()


def stamp_ns(pts: int, time_base: Any) -> int:
    """Return a stamp of a stream in nanoseconds."""
    return int(pts * time_base.numerator * 1_000_000_000 // time_base.denominator)


def _what_to_do(why: str) -> str:
    text = why.lower()
    if "401" in text or "403" in text or "authori" in text:
        return "correct the settings user and password"
    if "404" in text or "not found" in text:
        return "correct the path in the setting url"
    return "check the setting url, and the device's power and network"
