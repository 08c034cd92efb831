"""A camera that OpenCV opens: USB and built-in cameras by their number or path, and whatever else its backends take."""

from __future__ import annotations

import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from inspector import drivers
from inspector.drivers import Camera, Found
from inspector.errors import DriverError
from inspector.parts import Frame

DEVICES = Path("/sys/class/video4linux")
KEPT = 2
"""Pictures that wait to be read; an older one is dropped and counted."""
CONNECT_MS = 5000
YOUNG_NS = 1_000_000_000
EXPOSURE_UNIT_MS = 0.1
"""Video4Linux counts exposure in 100 µs (V4L2_CID_EXPOSURE_ABSOLUTE)."""
MANUAL_EXPOSURE = 1
"""V4L2_EXPOSURE_MANUAL."""
LEAVE_S = 1.0


class UsbCameraSettings(drivers.Settings):
    device: int | str = Field(default=0, description="number, path (/dev/v4l/by-id/... survives replugging), or what else OpenCV opens")
    width_px: int | None = Field(default=None, ge=1, description="of the pictures, together with height_px")
    height_px: int | None = Field(default=None, ge=1)
    fps: float | None = Field(default=None, gt=0, description="pictures a second")
    exposure_ms: float | None = Field(default=None, gt=0, description="fixed exposure; automatic where not given")
    fourcc: str | None = Field(default=None, pattern=r"^[ -~]{4}$", description="how pictures travel, e.g. MJPG or YUYV")
    pixels: Literal["rgb", "grey"] = Field(default="rgb", description="colour, or brightness only")
    silence_s: float = Field(default=1.5, gt=0, le=60, description="a camera from which nothing comes for so long is lost")

    @model_validator(mode="after")
    def _size_is_whole(self) -> UsbCameraSettings:
        if (self.width_px is None) != (self.height_px is None):
            raise ValueError("width_px and height_px belong together, give both or none")
        return self

    @property
    def place(self) -> str:
        """The device as it may be shown: an address without user and query."""
        if isinstance(self.device, int) or "://" not in self.device:
            return f"camera {self.device}"
        parts = urlsplit(self.device)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class UsbCamera(Camera):
    """The newest pictures, stamped by the kernel where Video4Linux tells its stamps, else when they were grabbed."""

    Settings: ClassVar[type[drivers.Settings]] = UsbCameraSettings

    def __init__(self, settings: UsbCameraSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.missed = 0
        """Pictures that were not read in time, so far."""
        self._grabber: _Grabber | None = None

    def open(self) -> None:
        if self._grabber is None:
            capture = _opened(self.settings, self.channel)
            try:
                _set_up(capture, self.settings, self.channel)
            except BaseException:
                capture.release()
                raise
            self._grabber = _Grabber(self, capture)
            self._grabber.start()

    def close(self) -> None:
        if self._grabber is not None:
            grabber, self._grabber = self._grabber, None
            grabber.stop()

    def lost(self) -> int:
        return self.missed

    def read(self, timeout_s: float) -> Frame | None:
        if self._grabber is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        taken = self._grabber.next(timeout_s)
        if taken is None:
            return None
        t_ns, pixels = taken
        self._check_size(pixels)
        return Frame(t_ns, _converted(pixels, self.settings.pixels))

    @classmethod
    def discover(cls) -> list[Found]:
        """Return cameras that Video4Linux lists, by the path that survives replugging where there is one; none is opened."""
        found = []
        for node in sorted(DEVICES.glob("video*")):
            try:
                if (node / "index").read_text().strip() == "0":  # the others carry the same camera's metadata
                    found.append(Found((node / "name").read_text().strip(), {"device": _lasting_path(node.name)}))
            except OSError:  # unplugged just now
                continue
        return found

    def _check_size(self, pixels: NDArray[np.uint8]) -> None:
        height, width = pixels.shape[:2]
        wanted = (self.settings.width_px, self.settings.height_px)
        if wanted not in ((None, None), (width, height)):
            raise _refused(self.settings, self.channel, "width_px, height_px", f"{wanted[0]} x {wanted[1]}", f"{width} x {height}")


class _Grabber(threading.Thread):
    """Takes every picture as soon as it is there. OpenCV's reading cannot be interrupted, so this thread alone holds the device."""

    def __init__(self, camera: UsbCamera, capture: Any) -> None:
        super().__init__(name=f"grabs {camera.channel}", daemon=True)
        self._camera, self._capture = camera, capture
        self._changed = threading.Condition()
        self._pictures: deque[tuple[int, NDArray[np.uint8]]] = deque()
        self._last_ns = camera.clock.now_ns()
        self._stopping = self._failed = False

    def run(self) -> None:
        try:
            while not self._stopping and self._grab():
                pass
        finally:
            self._capture.release()
            with self._changed:
                self._failed = True
                self._changed.notify_all()

    def stop(self) -> None:
        """Let the device go. Where it hangs the thread is left behind, and releases it when it comes back."""
        self._stopping = True
        self.join(timeout=LEAVE_S)

    def next(self, timeout_s: float) -> tuple[int, NDArray[np.uint8]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._pictures or self._failed, timeout=timeout_s)
            if self._pictures:
                return self._pictures.popleft()
            silent_s = (self._camera.clock.now_ns() - self._last_ns) / 1e9
        settings: UsbCameraSettings = self._camera.settings
        if self._failed or silent_s > settings.silence_s:
            why = "the device ended" if self._failed else f"nothing came for {silent_s:.1f} s"
            raise DriverError(f"{settings.place}: does not answer any more ({why}), plug it in again", channel=self._camera.channel)
        return None

    def _grab(self) -> bool:
        if not self._capture.grab():
            return False
        now_ns = self._camera.clock.now_ns()
        t_ns = stamp_ns(self._capture, now_ns)
        good, pixels = self._capture.retrieve()
        if good:
            with self._changed:
                self._last_ns = now_ns
                self._pictures.append((t_ns, pixels))
                if len(self._pictures) > KEPT:
                    self._pictures.popleft()
                    self._camera.missed += 1
                self._changed.notify_all()
        return True


def stamp_ns(capture: Any, now_ns: int) -> int:
    """Return when the picture just grabbed was taken: the kernel's stamp, which is on the monotonic clock, or else now."""
    if capture.getBackendName() == "V4L2":
        kernel_ns = round(float(capture.get(cv2.CAP_PROP_POS_MSEC)) * 1e6)
        if now_ns - YOUNG_NS < kernel_ns <= now_ns:
            return kernel_ns
    return now_ns


def _opened(settings: UsbCameraSettings, channel: str) -> Any:
    device = settings.device
    if isinstance(device, int) or device.startswith("/dev/"):
        path = Path(f"/dev/video{device}" if isinstance(device, int) else device)
        linux = sys.platform == "linux"
        if linux and not path.exists():
            raise DriverError(f"{settings.place}: does not exist, plug it in or correct the setting device", channel=channel)
        capture = cv2.VideoCapture(device, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
    else:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, CONNECT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(settings.silence_s * 1e3)]
        capture = cv2.VideoCapture(device, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        capture.release()
        raise DriverError(
            f"{settings.place}: cannot be opened, end the program that uses it, or correct the setting device; it must be a camera",
            channel=channel,
        )
    return capture


def _set_up(capture: Any, settings: UsbCameraSettings, channel: str) -> None:
    """Give the camera its settings, and read back what it made of them. The size is seen from the pictures."""
    if settings.fourcc is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*settings.fourcc))
        does = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("ascii", errors="replace")
        if does != settings.fourcc:
            raise _refused(settings, channel, "fourcc", settings.fourcc, does)
    if settings.width_px is not None and settings.height_px is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px)
    if settings.fps is not None:
        capture.set(cv2.CAP_PROP_FPS, settings.fps)
        _check(settings, channel, "fps", settings.fps, capture.get(cv2.CAP_PROP_FPS))
    if settings.exposure_ms is not None:
        capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL_EXPOSURE)
        capture.set(cv2.CAP_PROP_EXPOSURE, round(settings.exposure_ms / EXPOSURE_UNIT_MS))
        _check(settings, channel, "exposure_ms", settings.exposure_ms, capture.get(cv2.CAP_PROP_EXPOSURE) * EXPOSURE_UNIT_MS)


def _check(settings: UsbCameraSettings, channel: str, name: str, wanted: float, does: float) -> None:
    if abs(does - wanted) > 0.02 * wanted + EXPOSURE_UNIT_MS / 2:
        raise _refused(settings, channel, name, f"{wanted:g}", f"{does:g}" if does > 0 else None)


def _refused(settings: UsbCameraSettings, channel: str, name: str, wanted: str, does: str | None) -> DriverError:
    instead = "does not have that setting, leave it out" if does is None else f"does {does}, set that or leave it out"
    return DriverError(f"{settings.place}: refuses {name} {wanted} and {instead}", channel=channel)


def _converted(pixels: NDArray[np.uint8], wanted: str) -> NDArray[np.uint8]:
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        grey = pixels.reshape(pixels.shape[:2])
        return grey if wanted == "grey" else np.repeat(grey[:, :, None], 3, axis=2)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if wanted == "rgb" else cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def _lasting_path(name: str) -> str:
    for link in sorted(Path("/dev/v4l/by-id").glob("*")):
        if link.resolve().name == name:
            return str(link)
    return f"/dev/{name}"
