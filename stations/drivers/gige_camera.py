"""A GigE Vision camera of any maker, through Aravis."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from ipaddress import IPv4Address
from typing import Any, ClassVar

from pydantic import Field, model_validator

from inspector import drivers
from inspector.clock import Clock
from inspector.drivers import Camera, Found
from inspector.errors import DriverError
from inspector.parts import Frame, Trigger
from stations.protocols.aravis import AravisFeatures, Listed, answers, aravis, cameras, message, refusals
from stations.protocols.genicam import Exposure, Firing, GenicamSettings, Refused, SetUp, Silence, Tally, patience_s
from stations.protocols.pixel_formats import decoded

log = logging.getLogger(__name__)

BUFFERS = 8
"""How many pictures may wait for us."""
SLICE_S = 0.1
"""How long one wait for a picture lasts, so that a lost camera is noticed in between."""
IN_USE = "end the other program that uses it, or wait a few seconds until it has forgotten the last one"
CLOCK_STEP_NS = 2_000_000
"""From picture to picture, wall time and station time drift apart by less; by more only when someone sets the clock."""


class GigeCameraSettings(GenicamSettings):
    """Settings of a GigE Vision camera; with none of address, serial and id the only one that is there is taken."""

    address: IPv4Address | None = Field(default=None, description="IP address; opened without a search, so the quickest way")
    serial: str | None = Field(default=None, description="serial number")
    id: str | None = Field(default=None, description="the name that `arv-tool-0.8` lists, e.g. Basler-21234567")
    packet_size: int | None = Field(
        default=None, ge=220, le=16_000, description="bytes, above 1500 with jumbo frames on the whole way; by default found out by trying"
    )
    packet_delay_us: float | None = Field(default=None, ge=0, description="pause between packets, for cameras that share a line")

    @model_validator(mode="after")
    def _one_name(self) -> GigeCameraSettings:
        if sum(name is not None for name in (self.address, self.serial, self.id)) > 1:
            raise ValueError("give one of address, serial and id")
        return self


class GigeCamera(Camera):
    """Pictures with the camera's own stamps, or, of a camera without a clock, those of their first packet.

    A picture of which a packet is missing is left out. A camera that went silent is asked for a sign of life, so that one without power
    is noticed within 2 s, however seldom it is triggered.
    """

    Settings: ClassVar[type[drivers.Settings]] = GigeCameraSettings
    isolated = True

    def __init__(self, settings: GigeCameraSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._tally = Tally(self.channel)
        self._link: _Link | None = None

    def lost(self) -> int:
        return self._tally.count

    def open(self) -> None:
        if self._link is not None:
            return
        link = _Link(aravis(self.channel), self.settings, self.channel, self.clock)
        try:
            link.start()
        except BaseException:
            link.close()
            raise
        self.own_clock = link.has_clock
        self._link = link

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
        end_s = time.monotonic() + timeout_s
        while True:
            buffer = self._link.next_buffer(max(0.0, min(end_s - time.monotonic(), SLICE_S)))
            frame = None if buffer is None else self._frame(self._link, buffer)
            if frame is not None or time.monotonic() >= end_s:
                return frame

    def _frame(self, link: _Link, buffer: Any) -> Frame | None:
        """Return the picture in `buffer`, None if a part of it is missing; the buffer goes back to be filled again."""
        try:
            if buffer.get_status() != link.library.BufferStatus.SUCCESS:
                self._tally.add(link.title, buffer.get_status().value_nick)
                return None
            arrived_ns = link.arrival_ns(buffer)
            t_ns = buffer.get_timestamp() if link.has_clock else arrived_ns
            size_px = buffer.get_image_width(), buffer.get_image_height()
            pixels = decoded(buffer.get_image_pixel_format(), buffer.get_image_data(), *size_px, buffer.get_image_padding().x_padding)
        except ValueError as error:
            raise DriverError(f"{link.title}: {error}", channel=self.channel) from error
        finally:
            link.give_back(buffer)
        self.arrived_ns = arrived_ns if link.has_clock else None
        return Frame(link.exposure.middle_ns(t_ns), pixels)

    @classmethod
    def discover(cls) -> list[Found]:
        try:
            return [
                Found(listed.title, {"serial": listed.serial} if listed.serial else {"address": listed.address})
                for listed in cameras(aravis("search"))
            ]
        except Exception as error:  # noqa: BLE001  a search must not fail for what a library does
            log.debug("no search for GigE cameras: %s", error)
            return []


class _Link:
    """One camera: opened by the constructor, sending after `start`."""

    def __init__(self, library: Any, settings: GigeCameraSettings, channel: str, clock: Clock) -> None:
        self.library = library
        self._settings = settings
        self._channel = channel
        self._clock = clock
        self._stream: Any = None
        self.firing: Firing | None = None
        self._gone = threading.Event()
        listed = self._listed()
        self.title = listed.title
        try:
            self._camera = library.Camera.new(listed.address)
        except RuntimeError as error:
            raise DriverError(f"{self.title}: cannot be opened ({message(error)}), {_hint(listed.address)}", channel=channel) from error
        self._device = self._camera.get_device()
        self._address: str = self._device.get_device_address().get_address().to_string()
        self._on_loss = self._device.connect("control-lost", lambda _device, gone=self._gone: gone.set())
        self._features = AravisFeatures(library, self._device, self.title)
        self._wall_offset_ns = time.time_ns() - clock.now_ns()
        self._last_arrival_ns = clock.now_ns()

    def start(self) -> None:
        """Set the camera up and let it send. Raises DriverError."""
        if not self._device.is_controller():
            self._gone.set()  # another has it
            raise DriverError(f"{self.title}: is in use, {IN_USE}", channel=self._channel)
        features = self._features
        try:
            SetUp(features, self._settings, self._channel).run()
            self._set_packets()
            with refusals():
                tick_hz = self._device.get_timestamp_tick_frequency()
                self._stream = self._new_stream()
                self._camera.start_acquisition()
            # Aravis stamps with this computer's wall time where a camera tells no tick frequency
            self.has_clock = self._settings.device_stamps and tick_hz > 0
            self.exposure = Exposure(features, self._settings.stamp_marks if self.has_clock else "exposure_end")
        except Refused as error:
            raise DriverError(f"{self.title}: does not start: {error}", channel=self._channel) from error
        asks = partial(answers, self._address)
        self._silence = Silence(asks if asks() else None, patience_s(features, self._settings))
        if self._settings.trigger == "software":
            self.firing = Firing(lambda: features.set("TriggerSoftware", True))

    def next_buffer(self, timeout_s: float) -> Any:
        """Return what came, whole or not; None at timeout. Raises DriverError when the camera is lost."""
        if self.firing is not None and self.firing.refused is not None:
            raise DriverError(f"{self.title}: takes no software trigger: {self.firing.refused}", channel=self._channel)
        buffer = self._stream.timeout_pop_buffer(round(timeout_s * 1e6))
        if buffer is not None:
            self._silence.heard()
            return buffer
        reason = "is controlled by another program, or was restarted" if self._gone.is_set() else self._silence.verdict()
        if reason is not None:
            self._gone.set()
            raise DriverError(f"{self.title}: {reason}", channel=self._channel)
        return None

    def give_back(self, buffer: Any) -> None:
        self._stream.push_buffer(buffer)

    def arrival_ns(self, buffer: Any) -> int:
        """Return when the first packet of `buffer` came, on the station clock; now, if someone set the wall clock meanwhile."""
        now_ns = self._clock.now_ns()
        offset_ns = time.time_ns() - now_ns
        was_set = abs(offset_ns - self._wall_offset_ns) > CLOCK_STEP_NS
        self._wall_offset_ns = offset_ns
        arrived_ns = now_ns if was_set else min(now_ns, buffer.get_system_timestamp() - offset_ns)
        self._last_arrival_ns = max(self._last_arrival_ns + 1, arrived_ns)
        return self._last_arrival_ns

    def close(self) -> None:
        """Let the camera go. One that is gone is taken leave of on a thread, as Aravis asks it several times, for 2.5 s each."""
        if self.firing is not None:
            self.firing.end()
        self._device.disconnect(self._on_loss)
        self._features.let_go()
        held = [self._device, self._stream, self._camera]
        self._device = self._stream = self._camera = None
        if self._gone.is_set() or not answers(self._address):
            threading.Thread(target=_release, args=(held,), name="camera release", daemon=True).start()
        else:
            _release(held)

    def _listed(self) -> Listed:
        """Return the camera that the settings name. Raises DriverError that says which are there."""
        if self._settings.address is not None:
            address = str(self._settings.address)
            return Listed(f"camera at {address}", address, "", "")
        found = cameras(self.library)
        wanted = self._settings.serial or self._settings.id
        fitting = [listed for listed in found if wanted in (None, listed.serial, listed.id)]
        if len(fitting) == 1:
            return fitting[0]
        there = ", ".join(f"{listed.title} (serial '{listed.serial}')" for listed in found) or "none"
        what = "no camera" if wanted is None else f"no camera '{wanted}'"
        if fitting:
            what = "more than one camera"
        raise DriverError(f"{what} answers; there are: {there}; give address, serial or id", channel=self._channel)

    def _set_packets(self) -> None:
        with refusals():
            if self._settings.packet_size is not None:
                self._camera.gv_set_packet_size(self._settings.packet_size)
                self._camera.gv_set_packet_size_adjustment(self.library.GvPacketSizeAdjustment.NEVER)
            if self._settings.packet_delay_us is not None:
                self._camera.gv_set_packet_delay(round(self._settings.packet_delay_us * 1e3))

    def _new_stream(self) -> Any:
        stream = self._camera.create_stream(None, None)
        stream.set_property("socket-buffer", self.library.GvStreamSocketBuffer.AUTO)
        for _ in range(BUFFERS):
            stream.push_buffer(self.library.Buffer.new_allocate(self._camera.get_payload()))
        return stream


def _hint(address: str) -> str:
    return IN_USE if answers(address) else "check its power, its cable and the address"


def _release(held: list[Any]) -> None:
    """Stop a camera and leave it to others, then drop device, stream and camera, each of which does something at its end."""
    for leave in (held[2].stop_acquisition, held[0].leave_control):
        try:
            leave()
        except RuntimeError as error:
            log.debug("a camera cannot be left: %s", message(error))
    while held:
        held.pop(0)
