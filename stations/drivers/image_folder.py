"""A folder of pictures as a camera: at an even rate, or at the times of a table."""

from __future__ import annotations

import csv
import math
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from inspector import drivers
from inspector.drivers import Camera, StationPath
from inspector.errors import DriverError, EndOfStream
from inspector.parts import Frame

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})


class ImageFolderSettings(drivers.Settings):
    folder: StationPath = Field(description="folder of PNG, JPEG, TIFF or BMP files, 8 or 16 bit, grey or colour")
    interval_s: float | None = Field(default=None, gt=0, description="from picture to picture, in the order of their names")
    stamps: StationPath | None = Field(default=None, description="CSV with columns file and t_s, in place of interval_s")
    first_s: float = Field(default=0.0, ge=0, description="the first picture, from the start of the station's clock")

    @model_validator(mode="after")
    def _one_way_to_tell_time(self) -> ImageFolderSettings:
        if (self.interval_s is None) == (self.stamps is None):
            raise ValueError("give either interval_s or stamps")
        return self


class ImageFolder(Camera):
    """Pictures in order. One that cannot be decoded fails by name, and the next reading goes on behind it."""

    Settings: ClassVar[type[drivers.Settings]] = ImageFolderSettings
    steppable = True

    def __init__(self, settings: ImageFolderSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._pictures: list[tuple[float, Path]] | None = None
        self._next = 0

    def open(self) -> None:
        if self._pictures is None:
            settings: ImageFolderSettings = self.settings
            self._pictures = self._by_table(settings.stamps) if settings.stamps else self._by_name(settings.interval_s or 0.0)

    def read(self, timeout_s: float) -> Frame | None:
        if self._pictures is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        if self._next >= len(self._pictures):
            raise EndOfStream("no picture is left", channel=self.channel)
        t_s, path = self._pictures[self._next]
        t_ns = self.clock.epoch_ns + round((self.settings.first_s + t_s) * 1e9)
        if not self.due(t_ns, timeout_s):
            return None
        self._next += 1
        return Frame(t_ns, self._decoded(path))

    def _by_name(self, interval_s: float) -> list[tuple[float, Path]]:
        folder: Path = self.settings.folder
        if not folder.is_dir():
            raise DriverError(f"{folder}: is not a folder", channel=self.channel)
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if not files:
            raise DriverError(f"{folder}: holds no picture ({', '.join(sorted(SUFFIXES))})", channel=self.channel)
        return [(number * interval_s, path) for number, path in enumerate(files)]

    def _by_table(self, table: Path) -> list[tuple[float, Path]]:
        try:
            with table.open(newline="", encoding="utf-8-sig") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DriverError(f"{table}: cannot be read: {error}", channel=self.channel) from error
        pictures = [self._row(table, line, row) for line, row in enumerate(rows, start=2)]
        if not pictures:
            raise DriverError(f"{table}: names no picture", channel=self.channel)
        for line, (before, after) in enumerate(pairwise(pictures), start=3):
            if after[0] <= before[0]:
                raise DriverError(f"{table}, row {line}: t_s must rise from row to row", channel=self.channel)
        return pictures

    def _row(self, table: Path, line: int, row: dict[str, str]) -> tuple[float, Path]:
        try:
            t_s, path = float(row["t_s"]), self.settings.folder / row["file"]
        except (KeyError, TypeError, ValueError) as error:
            raise DriverError(f"{table}, row {line}: needs a column file and a number in t_s", channel=self.channel) from error
        if not math.isfinite(t_s) or not path.is_file():
            what = f"{path} does not exist" if math.isfinite(t_s) else "t_s is not a number"
            raise DriverError(f"{table}, row {line}: {what}", channel=self.channel)
        return t_s, path

    def _decoded(self, path: Path) -> NDArray[Any]:
        import cv2

        try:
            data = np.fromfile(path, np.uint8)
        except OSError as error:
            raise DriverError(f"{path}: cannot be read: {error.strerror}", channel=self.channel) from error
        pixels = cv2.imdecode(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH) if len(data) else None
        if pixels is None:
            raise DriverError(f"{path}: {'is empty' if len(data) == 0 else 'cannot be decoded as a picture'}", channel=self.channel)
        if pixels.dtype not in (np.uint8, np.uint16):
            raise DriverError(f"{path}: has {pixels.dtype} pixels; 8 or 16 bit are needed", channel=self.channel)
        return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, ::-1])
