"""A camera of any maker whose software brings a GenTL producer (a .cti file), through harvesters: GigE, USB3, CoaXPress, Camera Link."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from pydantic import Field

from inspector import drivers
from inspector.drivers import Camera, Found, StationPath
from inspector.errors import DriverError
from inspector.parts import Frame, Trigger
from stations.protocols.genicam import Exposure, Features, Firing, GenicamSettings, Refused, SetUp, Silence, Tally, patience_s
from stations.protocols.gentl import (
    PRODUCERS,
    GentlFeatures,
    calls,
    harvesters,
    info_of,
    names_of,
    opened,
    producers,
    refusal_of,
    said,
    searched,
    title_of,
)
from stations.protocols.pixel_formats import NAMES, Pixels, decoded

log = logging.getLogger(__name__)

BUFFERS = 8
"""How many pictures may wait for us."""
SLICE_S = 0.1
SEARCH_MS = 500
"""How long each interface may search for its cameras."""
AWAY_S = 0.1
"""A reader who was away for longer cannot know when the pictures came that wait for it."""


class GenicamCameraSettings(GenicamSettings):
    producer: StationPath | None = Field(default=None, description=f"the maker's .cti file; those of ${PRODUCERS} by default")
    device: str | int | None = Field(
        default=None, description="serial number, id or user name of the camera, or its place in the list; not needed where there is one"
    )


class GenicamCamera(Camera):
    """Pictures with the camera's own stamps, or, of a camera without a clock, those of their arrival.

    A picture that came incomplete is left out, and so is one that waited for the reader while nobody can tell how long.
    """

    Settings: ClassVar[type[drivers.Settings]] = GenicamCameraSettings
    isolated = True

    def __init__(self, settings: GenicamCameraSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._tally = Tally(self.channel)
        self._link: _Link | None = None
        self._left_s = 0.0

    def lost(self) -> int:
        return self._tally.count

    def open(self) -> None:
        if self._link is not None:
            return
        link = _Link(self.settings, self.channel, self._tally)
        try:
            link.open()
        except BaseException:
            link.close()
            raise
        self.own_clock = link.has_clock
        self._link = link
        self._left_s = time.monotonic()

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def fire(self, trigger: Trigger) -> None:  # noqa: ARG002  whatever part it is
        if self._link is not None and self._link.firing is not None:
            self._link.firing.ask()

    def read(self, timeout_s: float) -> Frame | None:
        if self._link is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        if not self._link.has_clock and time.monotonic() - self._left_s > AWAY_S:
            self._link.discard_waiting()
        end_s = time.monotonic() + timeout_s
        try:
            while True:
                buffer = self._link.next_buffer(max(0.001, min(end_s - time.monotonic(), SLICE_S)))
                if buffer is not None:
                    return self._frame(self._link, buffer)
                if time.monotonic() >= end_s:
                    return None
        finally:
            self._left_s = time.monotonic()

    def _frame(self, link: _Link, buffer: Any) -> Frame:
        """Return the picture in `buffer`, which goes back to be filled again."""
        arrived_ns = self.clock.now_ns()
        try:
            t_ns = link.stamp_ns(buffer) if link.has_clock else arrived_ns
            pixels = _pixels(buffer)
        except Exception as error:  # a producer may raise anything where it is asked what it does not know
            raise DriverError(f"{link.title}: a picture cannot be read: {said(error)}", channel=self.channel) from error
        finally:
            link.give_back(buffer)
        self.arrived_ns = arrived_ns if link.has_clock else None
        return Frame(link.exposure.middle_ns(t_ns), pixels)

    @classmethod
    def discover(cls) -> list[Found]:
        try:
            core = harvesters("search")
            return [found for path in producers(None, "search") for found in _cameras_of(core, path)]
        except Exception as error:  # noqa: BLE001  a search must not fail for what a maker's code does
            log.debug("no search for GenICam cameras: %s", error)
            return []


class _Link:
    """One camera from its producer to its pictures."""

    def __init__(self, settings: GenicamCameraSettings, channel: str, tally: Tally) -> None:
        self._settings = settings
        self._channel = channel
        self._tally = tally
        self._core = harvesters(channel)
        self._harvester: Any = None
        self._acquirer: Any = None
        self.firing: Firing | None = None
        self.title = "camera"
        self.has_clock = False

    def open(self) -> None:
        """Find the camera, set it up and let it send. Raises DriverError."""
        paths = producers(self._settings.producer, self._channel)
        self._harvester = searched(self._core, paths)
        number, self.title = self._chosen(paths)
        try:
            self._acquirer = opened(self._core, self._harvester, number)
        except Exception as error:  # what a maker's code raises has no common root
            raise DriverError(
                f"{self.title}: cannot be opened ({said(error)}), end the other program that uses it", channel=self._channel
            ) from error
        features = GentlFeatures(self._acquirer.remote_device.node_map, self.title)
        SetUp(features, self._settings, self._channel).run()
        try:
            self.has_clock = self._settings.device_stamps and self._tells_time(features)
            self.exposure = Exposure(features, self._settings.stamp_marks if self.has_clock else "exposure_end")
        except Refused as error:
            raise DriverError(f"{self.title}: does not tell how it is set: {error}", channel=self._channel) from error
        self._start()
        answers = self._is_there if self._is_there() else None
        self._silence = Silence(answers, patience_s(features, self._settings))
        if self._settings.trigger == "software":
            self.firing = Firing(lambda: features.set("TriggerSoftware", True))

    def next_buffer(self, timeout_s: float) -> Any:
        """Return a whole picture as its producer has it; None at timeout. Raises DriverError when the camera is lost."""
        if self.firing is not None and self.firing.refused is not None:
            raise DriverError(f"{self.title}: takes no software trigger: {self.firing.refused}", channel=self._channel)
        try:
            buffer = self._acquirer.try_fetch(timeout=timeout_s, is_raw=True)
        except Exception as error:
            raise DriverError(f"{self.title}: is lost ({said(error)}), check its power and its cable", channel=self._channel) from error
        if isinstance(buffer, list):  # of a camera with several streams the first counts
            buffer, *others = buffer
            for other in filter(None, others):
                self.give_back(other)
        if buffer is not None:
            self._silence.heard()
            return buffer
        reason = self._silence.verdict()
        if reason is not None:
            raise DriverError(f"{self.title}: {reason}", channel=self._channel)
        return None

    def give_back(self, buffer: Any) -> None:
        buffer.parent.queue_buffer(buffer)

    def discard_waiting(self) -> None:
        for _ in range(2 * BUFFERS):
            buffer = self.next_buffer(0.001)
            if buffer is None:
                return
            self.give_back(buffer)

    def stamp_ns(self, buffer: Any) -> int:
        """Return the camera's stamp of a picture. Raises ValueError where it gives none, in spite of its clock."""
        ticks = info_of(buffer, "timestamp_ns")
        if not ticks:
            ticks = (info_of(buffer, "timestamp") or 0) * 1_000_000_000 // (self._tick_hz or 1_000_000_000)
        if not ticks:
            raise ValueError("its pictures have no stamps, though it has a clock; set device_stamps: false")
        return int(ticks)

    def close(self) -> None:
        """Release the camera and its producer, whatever state they are in."""
        if self.firing is not None:
            self.firing.end()
        acquirer, self._acquirer = self._acquirer, None
        harvester, self._harvester = self._harvester, None
        for release in (acquirer and acquirer.destroy, harvester and harvester.reset):
            if release is None:
                continue
            try:
                release()
            except Exception as error:  # noqa: BLE001  a maker's code on a lost camera
                log.debug("%s: %s: cannot be released: %s", self._channel, self.title, error)

    def _chosen(self, paths: list[Path]) -> tuple[int, str]:
        """Return place and title of the camera that the settings name. Raises DriverError that says which are there."""
        infos = self._harvester.device_info_list
        wanted = self._settings.device
        fitting = [k for k, info in enumerate(infos) if wanted is None or str(wanted) in names_of(info)]
        if not fitting and isinstance(wanted, int) and 0 <= wanted < len(infos):
            fitting = [wanted]
        if len(fitting) == 1:
            return fitting[0], title_of(infos[fitting[0]])
        there = ", ".join(f"{title_of(info)} ({', '.join(names_of(info))})" for info in infos)
        through = ", ".join(path.name for path in paths)
        if not infos:
            self.close()
            refused = [f"{path} is no GenTL producer that can be loaded ({why})" for path in paths if (why := refusal_of(path)) is not None]
            hint = "; ".join(refused) or "check its power, its cable and its network"
            raise DriverError(f"no camera answers through {through}: {hint}", channel=self._channel)
        what = "more than one camera answers" if fitting else f"no camera '{wanted}' answers"
        raise DriverError(f"{what} through {through}; there are: {there}; set device", channel=self._channel)

    def _start(self) -> None:
        acquirer = self._acquirer
        acquirer.add_callback(acquirer.Events.INCOMPLETE_BUFFER, calls(self._core, self._incomplete))
        try:
            acquirer.num_buffers = max(BUFFERS, acquirer.min_num_buffers)
            acquirer.start()
        except Exception as error:
            raise DriverError(f"{self.title}: does not start: {said(error)}", channel=self._channel) from error

    def _incomplete(self) -> None:
        self._silence.heard()
        self._tally.add(self.title, "as its producer says")

    def _tells_time(self, features: Features) -> bool:
        """Say whether the camera has a clock; learn its ticks."""
        self._tick_hz: int | None = info_of(self._acquirer.device.module, "timestamp_frequency")
        if not self._tick_hz and features.has("GevTimestampTickFrequency"):
            self._tick_hz = int(features.get("GevTimestampTickFrequency"))
        return bool(self._tick_hz) or features.first_of(("TimestampLatch", "DeviceTimestamp", "Timestamp")) is not None

    def _is_there(self) -> bool:
        """Ask the camera itself for its first register, which every standard transport has."""
        try:
            self._acquirer.remote_device.port.read(0, 4)
        except Exception:  # noqa: BLE001  what a maker's code raises has no common root
            return False
        return True


def _cameras_of(core: ModuleType, path: Path) -> list[Found]:
    harvester = searched(core, [path], SEARCH_MS)
    try:
        infos = list(harvester.device_info_list)
        serials = [info_of(info, "serial_number") for info in infos]
        return [
            Found(title_of(info), {"producer": str(path), "device": serial if serial and serials.count(serial) == 1 else info.id_})
            for info, serial in zip(infos, serials, strict=True)
        ]
    finally:
        harvester.reset()


def _pixels(buffer: Any) -> Pixels:
    """Return the picture in a buffer: of several parts the first that holds pixels. Raises ValueError."""
    data = buffer.raw_buffer
    parts = info_of(buffer, "parts") or []
    for part in parts:
        if part.data_format in NAMES:
            held = data[part.data_offset : part.data_offset + part.data_size]
            return decoded(part.data_format, held, part.width, part.height, info_of(part, "x_padding") or 0)
    if parts:
        raise ValueError(f"none of the {len(parts)} parts of a picture can be decoded, set the feature ComponentSelector or PixelFormat")
    held = data[info_of(buffer, "image_offset") or 0 :]
    return decoded(buffer.pixel_format, held, buffer.width, buffer.height, info_of(buffer, "padding_x") or 0)
