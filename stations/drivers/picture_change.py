"""A trigger that sees parts come into a camera's view."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from inspector import drivers
from inspector.drivers import TriggerSource
from inspector.errors import DriverError
from inspector.parts import Frame, Signal, Trigger
from stations.found_parts import FinderSettings, FoundParts

CELLS = 32
"""The region is looked at as so many cells along its longer side: fine enough for a part, coarse enough to average noise away."""
LEARN_FRAMES = 8
NOISES = 6.0
"""A cell that differs by less than so many times its usual difference has not changed."""
STEP_NS = 1_000_000_000
"""A picture that is older than the one before by up to this is left out: the clock was corrected."""
GAP_S = 10.0
"""After so long without pictures all is learned anew."""


class PictureChangeSettings(FinderSettings):
    region_px: tuple[int, int, int, int] | None = Field(
        default=None,
        description="x, y, width, height of what is watched, e.g. a strip as a light barrier; the whole picture where not given",
    )
    threshold_ratio: float = Field(default=0.08, gt=0, lt=1, description="a cell has changed by this share of full brightness")
    area_ratio: float = Field(default=0.1, gt=0, le=1, description="a part covers at least this share of the region")
    confirm_frames: int = Field(default=2, ge=1, description="a part is seen in at least so many pictures in a row")
    adapt_s: float = Field(default=3.0, gt=0, description="how fast the background follows slow changes of light")

    @field_validator("region_px")
    @classmethod
    def _lies_in_a_picture(cls, region: tuple[int, int, int, int] | None) -> tuple[int, int, int, int] | None:
        if region is not None and (min(region[:2]) < 0 or min(region[2:]) < 1):
            raise ValueError("must be x, y (0 or more), width, height (1 or more)")
        return region


class PictureChange(TriggerSource):
    """A part comes when enough of the region differs from its background, and must leave before the next one counts.

    The region must be empty for more than half of the time. The stamp is that of the first picture that shows the part.
    """

    Settings: ClassVar[type[drivers.Settings]] = PictureChangeSettings
    steppable = True

    def __init__(self, settings: PictureChangeSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._parts = FoundParts(settings, self.channel, self.clock)
        self._view: _View | None = None
        self._fault: str | None = None

    @property
    def watches(self) -> str | None:
        settings: PictureChangeSettings = self.settings
        return settings.channel

    def open(self) -> None:
        self._view = self._fault = None

    def wait(self, timeout_s: float) -> Trigger | None:
        if self._fault is not None:
            raise DriverError(self._fault, channel=self.channel)
        return self._parts.next(timeout_s)

    def observe(self, signal: Signal) -> None:
        if not isinstance(signal, Frame):
            self._fault = f"channel '{self.watches}' has no pictures, watch a camera"
            return
        cells = self._cells(signal)
        if cells is None or (self._view is not None and 0 <= self._view.last_ns - signal.t_ns <= STEP_NS):
            return
        if self._view is None or not self._view.goes_on(signal.t_ns, cells):
            self._view = _View(self.settings)
        came_ns = self._view.look(signal.t_ns, cells)
        if came_ns is not None:
            self._parts.add(came_ns)

    def _cells(self, frame: Frame) -> NDArray[np.float32] | None:
        """Return the brightness of the region's cells, 0 to 1; None where the region does not lie in the picture."""
        width, height = frame.size_px
        x, y, w, h = self.settings.region_px or (0, 0, width, height)
        if x + w > width or y + h > height:
            self._fault = f"region_px ends outside of the picture of {width} x {height}, correct it"
            return None
        side = max(w, h)
        size = (max(1, min(w, round(CELLS * w / side))), max(1, min(h, round(CELLS * h / side))))
        cells = cv2.resize(frame.pixels[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA).astype(np.float32)
        grey = cells.mean(axis=2) if cells.ndim == 3 else cells
        return np.asarray(grey / np.iinfo(frame.pixels.dtype).max, dtype=np.float32)


class _View:
    """What the region usually looks like, and whether something is in it.

    Two backgrounds are kept. One follows the picture quickly, but only while the region is empty. The other, a running median,
    goes on slowly whatever is there: when it agrees with what is seen although the first does not, then the first was wrong (it was
    learned with a part in view), a part has stopped here, or the scene has changed for good. The former background is remembered
    then: the next change is held back until it is clear whether it was a part that came, or the one that had stopped leaving.
    """

    def __init__(self, settings: PictureChangeSettings) -> None:
        self._settings = settings
        self._learned: list[NDArray[np.float32]] = []
        self._begun_ns: int | None = None
        self.last_ns = 0
        self._background: NDArray[np.float32] | None = None
        self._median = self._noise = np.zeros((1, 1), np.float32)
        self._former: NDArray[np.float32] | None = None
        self._occupied = self._proven = False
        self._held_ns: int | None = None
        self._pending: list[int] = []

    def goes_on(self, t_ns: int, cells: NDArray[np.float32]) -> bool:
        """Say whether a picture follows what is known here."""
        if self._begun_ns is None:
            return True
        known = self._learned[0] if self._background is None else self._background
        return cells.shape == known.shape and 0 <= t_ns - self.last_ns <= GAP_S * 1e9

    def look(self, t_ns: int, cells: NDArray[np.float32]) -> int | None:
        """Take the next picture; return the stamp of a part that has come."""
        passed_s = (t_ns - self.last_ns) / 1e9
        self.last_ns = t_ns
        if self._background is None:
            self._learn(t_ns, cells)
            return None
        step = self._settings.threshold_ratio / (4 * self._settings.adapt_s) * passed_s
        self._median += np.clip(cells - self._median, -step, step)
        changed = self._share(cells, self._background)
        if self._occupied:
            return self._leave(cells, changed)
        if changed < self._settings.area_ratio:
            self._pending.clear()
            if changed < self._settings.area_ratio / 2:
                self._follow(cells, passed_s)
            return None
        return self._come(t_ns)

    def _learn(self, t_ns: int, cells: NDArray[np.float32]) -> None:
        self._begun_ns = t_ns if self._begun_ns is None else self._begun_ns
        self._learned.append(cells)
        if len(self._learned) >= LEARN_FRAMES and t_ns - self._begun_ns >= self._settings.learn_s * 1e9:
            seen = np.stack(self._learned)
            self._background = np.median(seen, axis=0).astype(np.float32)
            self._median = self._background.copy()
            self._noise = np.median(np.abs(seen - self._background), axis=0).astype(np.float32)
            self._learned = []

    def _share(self, cells: NDArray[np.float32], background: NDArray[np.float32]) -> float:
        """Return the share of cells that differ."""
        limit = np.maximum(self._settings.threshold_ratio, NOISES * self._noise)
        return float(np.mean(np.abs(cells - background) > limit))

    def _come(self, t_ns: int) -> int | None:
        self._pending.append(t_ns)
        if len(self._pending) < self._settings.confirm_frames:
            return None
        came_ns = self._pending[0]
        self._pending.clear()
        self._occupied = True
        if self._former is None:
            return came_ns
        self._held_ns = came_ns
        return None

    def _leave(self, cells: NDArray[np.float32], changed: float) -> int | None:
        """Look whether the region is empty again; return the stamp of a part that was held back."""
        empty = self._settings.area_ratio / 2
        if changed < empty:
            came_ns, self._held_ns = self._held_ns, None
            self._occupied, self._proven, self._former = False, True, None
            return came_ns
        if self._former is not None and self._share(cells, self._former) < empty:
            self._background, self._former = self._former, None
            self._occupied, self._held_ns = False, None
        elif self._share(cells, self._median) < empty:
            self._former = self._background if self._proven else None
            self._background = self._median.copy()
            self._occupied, self._proven, self._held_ns = False, False, None
        return None

    def _follow(self, cells: NDArray[np.float32], passed_s: float) -> None:
        assert self._background is not None
        weight = np.float32(1 - math.exp(-passed_s / self._settings.adapt_s))
        difference = cells - self._background
        self._background += weight * difference
        self._noise += weight * (np.abs(difference) - self._noise)
