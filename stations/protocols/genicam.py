"""A camera that describes itself by GenICam, as all drivers that reach one set it up: features by name, exposure, region, trigger.

Names are those of the GenICam Standard Features Naming Convention (SFNC 2.7), and behind them the names that older cameras use.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

from pydantic import Field

from inspector import drivers
from inspector.errors import DriverError

log = logging.getLogger(__name__)

Value = bool | int | float | str

EXPOSURE_US = ("ExposureTime", "ExposureTimeAbs")
GAIN = ("Gain", "GainRaw")
FRAME_RATE_HZ = ("AcquisitionFrameRate", "AcquisitionFrameRateAbs")
FRAME_RATE_SWITCH = ("AcquisitionFrameRateEnable", "AcquisitionFrameRateEnabled")
TRIGGERS = ("AcquisitionStart", "FrameBurstStart", "FrameStart")
ON_OFF = {True: "On", False: "Off"}

ASK_AFTER_S = 0.5
"""A camera that sent nothing for so long is asked for a sign of life."""
ASK_AGAIN_S = 0.2
UNANSWERED = 3
"""So many unanswered questions in a row are a lost camera; one may get lost on the way."""
LEAST_PATIENCE_S = 5.0
"""A camera that answers but sends nothing for so long is set up anew; a starved computer may hold pictures up for a second or two."""
AUTO_EXPOSURE_S = 1.0
"""How often an exposure time is read that the camera changes by itself."""


class Region(drivers.Settings):
    """The part of the sensor that is read out."""

    x_px: int = Field(default=0, ge=0)
    y_px: int = Field(default=0, ge=0)
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)


class GenicamSettings(drivers.Settings):
    """Settings of a GenICam camera; what is not given stays as the camera has it."""

    pixel_format: str | None = Field(default=None, description="Mono8, Mono12p, BayerRG8, RGB8 ..., as the camera names it")
    region: Region | None = None
    frame_rate_hz: float | None = Field(default=None, gt=0, description="pictures a second while trigger is free")
    exposure_us: float | None = Field(default=None, gt=0, description="exposure time; switches automatic exposure off")
    gain: float | None = Field(default=None, description="in the camera's own unit, mostly dB; switches automatic gain off")
    trigger: Literal["free", "software", "line"] = Field(
        default="free", description="free: at its own rate; software: a picture a part; line: at an edge of trigger_line"
    )
    trigger_line: str = Field(default="Line1", description="the input that triggers, as the camera names it")
    trigger_edge: Literal["rising", "falling"] = "rising"
    features: dict[str, Value] = Field(
        default={}, description="any other feature of the camera by its name, set in this order and before the settings above"
    )
    device_stamps: bool = Field(default=True, description="use the camera's own clock where it has one, else the arrival at this computer")
    stamp_marks: Literal["exposure_start", "exposure_end"] = Field(
        default="exposure_start", description="what the camera's own stamp marks; its manual says it"
    )


class Refused(Exception):  # noqa: N818  what the camera said
    """The camera has no such feature, or does not take or give its value."""


class Features(ABC):
    """The features of one camera by name. What the camera refuses raises `Refused`.

    Attributes:
        device: what the camera is called in messages.
    """

    device: str

    @abstractmethod
    def has(self, name: str) -> bool:
        """Say whether the camera has this feature and it is available now."""

    @abstractmethod
    def get(self, name: str) -> Value: ...

    @abstractmethod
    def set(self, name: str, value: Value) -> None:
        """Give a feature its value.

        An enumeration takes true and false as On and Off, since YAML reads those words so; a command is executed by true.
        """

    @abstractmethod
    def choices(self, name: str) -> tuple[str, ...]:
        """Return what an enumeration can be set to now; nothing for other features."""

    def first_of(self, names: tuple[str, ...]) -> str | None:
        """Return the first of the names that this camera knows."""
        return next((name for name in names if self.has(name)), None)

    def exposure_ns(self) -> int | None:
        """Return the present exposure time, where the camera tells it."""
        name = self.first_of(EXPOSURE_US)
        try:
            return None if name is None else round(1e3 * float(self.get(name)))
        except (Refused, ValueError):
            return None

    def exposes_by_itself(self) -> bool:
        """Say whether the camera changes its exposure time unasked."""
        return self.has("ExposureAuto") and self.get("ExposureAuto") != "Off"

    def frame_period_s(self) -> float | None:
        """Return the time from picture to picture, where the camera tells it."""
        name = self.first_of(FRAME_RATE_HZ)
        try:
            rate_hz = 0.0 if name is None else float(self.get(name))
        except (Refused, ValueError):
            return None
        return 1 / rate_hz if rate_hz > 0 else None


class Exposure:
    """The exposure time of one camera, and with it the middle of each picture's exposure."""

    def __init__(self, camera: Features, marks: Literal["exposure_start", "exposure_end"]) -> None:
        self._camera = camera
        self._sign = 1 if marks == "exposure_start" else -1
        self._changes = camera.exposes_by_itself()
        self._read()

    def middle_ns(self, t_ns: int) -> int:
        """Return the middle of the exposure that `t_ns` marks; `t_ns` itself where the camera does not tell its exposure time."""
        if self._changes and time.monotonic() > self._read_s + AUTO_EXPOSURE_S:
            self._read()
        return t_ns + self._sign * self._half_ns

    def _read(self) -> None:
        self._half_ns = (self._camera.exposure_ns() or 0) // 2
        self._read_s = time.monotonic()


class SetUp:
    """Bring a camera into the state that its settings ask for. Raises DriverError that names camera and feature."""

    def __init__(self, camera: Features, settings: GenicamSettings, channel: str) -> None:
        self._camera = camera
        self._settings = settings
        self._channel = channel

    def run(self) -> None:
        for name, value in self._settings.features.items():
            self._set(name, value)
        if self._settings.pixel_format is not None:
            self._set("PixelFormat", self._settings.pixel_format)
        if self._settings.region is not None:
            self._set_region(self._settings.region)
        self._set_known("AcquisitionMode", "Continuous")
        self._set_trigger()
        if self._settings.frame_rate_hz is not None:
            self._set_known(self._camera.first_of(FRAME_RATE_SWITCH), True)
            self._set(self._camera.first_of(FRAME_RATE_HZ) or FRAME_RATE_HZ[0], self._settings.frame_rate_hz)
        if self._settings.exposure_us is not None:
            self._set_known("ExposureAuto", "Off")
            self._set(self._camera.first_of(EXPOSURE_US) or EXPOSURE_US[0], self._settings.exposure_us)
        if self._settings.gain is not None:
            self._set_known("GainAuto", "Off")
            self._set(self._camera.first_of(GAIN) or GAIN[0], self._settings.gain)

    def _set_region(self, region: Region) -> None:
        for name in ("OffsetX", "OffsetY"):  # first, as an old offset may leave no room for the new size
            self._set_known(name, 0)
        self._set("Width", region.width_px)
        self._set("Height", region.height_px)
        for name, offset_px in (("OffsetX", region.x_px), ("OffsetY", region.y_px)):
            if offset_px:
                self._set(name, offset_px)

    def _set_trigger(self) -> None:
        """Switch off all triggers but the one asked for: one that someone left on would hold back every picture."""
        for selector in self._camera.choices("TriggerSelector"):
            if selector in TRIGGERS:
                self._set("TriggerSelector", selector)
                self._set_known("TriggerMode", "Off")
        self._set_known("TriggerMode", "Off")
        if self._settings.trigger == "free":
            return
        self._set_known("TriggerSelector", "FrameStart")
        self._set("TriggerSource", "Software" if self._settings.trigger == "software" else self._settings.trigger_line)
        if self._settings.trigger == "line":
            self._set_known("TriggerActivation", f"{self._settings.trigger_edge.capitalize()}Edge")
        self._set("TriggerMode", "On")

    def _set_known(self, name: str | None, value: Value) -> None:
        """Set a feature that not every camera has, unless it is so already: what cannot be changed is often read-only."""
        if name is None or not self._camera.has(name):
            return
        try:
            if self._camera.get(name) == value:
                return
        except Refused:
            pass
        self._set(name, value)

    def _set(self, name: str, value: Value) -> None:
        try:
            self._camera.set(name, value)
        except Refused as error:
            choices = self._camera.choices(name)
            hint = f", it takes {', '.join(choices)}" if choices else ""
            raise DriverError(
                f"{self._camera.device}: feature {name} cannot be set to {value}: {error}{hint}", channel=self._channel
            ) from error


class Firing:
    """Software triggers of one camera, from a thread of their own: a camera that does not answer must not hold up who asks."""

    def __init__(self, shoot: Callable[[], None]) -> None:
        self._shoot = shoot
        self._asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.refused: str | None = None
        """What the camera said to the last trigger that it did not take."""
        threading.Thread(target=self._serve, name="camera trigger", daemon=True).start()

    def ask(self) -> None:
        self._asked.put(True)

    def end(self) -> None:
        self._asked.put(False)

    def _serve(self) -> None:
        while self._asked.get():
            try:
                self._shoot()
            except Refused as error:
                self.refused = str(error)


class Tally:
    """Pictures that came incomplete: counted, told of once, never given on."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self.count = 0

    def add(self, device: str, why: str) -> None:
        self.count += 1
        if self.count == 1:
            log.warning("%s: %s: a picture came incomplete (%s) and is left out; more are only counted", self._channel, device, why)


class Silence:
    """Tells a camera that has nothing to say from one that is gone.

    Args:
        answers: asks the camera for a sign of life, quickly; None where that is not possible.
        patience_s: the longest that a healthy camera sends nothing; None where it waits for a trigger.
    """

    def __init__(self, answers: Callable[[], bool] | None, patience_s: float | None) -> None:
        self._answers = answers
        self._patience_s = patience_s
        self.heard()

    def heard(self) -> None:
        """Note that the camera sent something."""
        self._heard_s = time.monotonic()
        self._next_s = self._heard_s + ASK_AFTER_S
        self._unanswered = 0

    def verdict(self) -> str | None:
        """Return why the camera counts as lost, None while it does not. To be called while nothing comes."""
        now_s = time.monotonic()
        if self._answers is not None and now_s >= self._next_s:
            answered = self._answers()
            self._unanswered = 0 if answered else self._unanswered + 1
            self._next_s = time.monotonic() + (ASK_AFTER_S if answered else ASK_AGAIN_S)
        if self._unanswered >= UNANSWERED:
            return "does not answer any more, check its power and its cable"
        if self._patience_s is not None and now_s - self._heard_s > self._patience_s:
            return f"has sent no picture for {now_s - self._heard_s:.1f} s, check that nothing else stopped it or holds it back"
        return None


def patience_s(camera: Features, settings: GenicamSettings) -> float | None:
    """Return how long the camera, set up as it is, may send nothing; None where it waits for a trigger."""
    if settings.trigger != "free":
        return None
    exposure_s = (camera.exposure_ns() or 0) / 1e9
    return max(LEAST_PATIENCE_S, 5 * max(exposure_s, camera.frame_period_s() or 0.0))
