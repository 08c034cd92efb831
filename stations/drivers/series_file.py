"""A column of a table (CSV, CSV.gz or Parquet) as a slow sensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from inspector import drivers
from inspector.drivers import SeriesSource, StationPath
from inspector.errors import DriverError, EndOfStream
from inspector.parts import Series

BLOCK_S = 0.1


class SeriesFileSettings(drivers.Settings):
    file: StationPath = Field(description="CSV, CSV.gz or Parquet with a column t_s (seconds) and the chosen one")
    column: str = Field(min_length=1)
    first_s: float = Field(default=0.0, ge=0, description="where t_s = 0 lies, from the start of the station's clock")


class SeriesFile(SeriesSource):
    """Values with the stamps of the file; an empty field is a gap (NaN)."""

    Settings: ClassVar[type[drivers.Settings]] = SeriesFileSettings
    steppable = True

    def __init__(self, settings: SeriesFileSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._t_s: NDArray[np.float64] | None = None
        self._values: NDArray[np.float64] = np.empty(0)
        self._next = 0

    def open(self) -> None:
        if self._t_s is None:
            self._t_s, self._values = self._table()

    def read(self, timeout_s: float) -> Series | None:
        if self._t_s is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        if self._next >= len(self._t_s):
            raise EndOfStream(f"{self.settings.file}: is over", channel=self.channel)
        behind = max(self._next + 1, int(np.searchsorted(self._t_s, self._t_s[self._next] + BLOCK_S)))
        t_ns = self.clock.epoch_ns + np.round((self.settings.first_s + self._t_s[self._next : behind]) * 1e9).astype(np.int64)
        if not self.due(int(t_ns[-1]), timeout_s):
            return None
        block = Series(t_ns, self._values[self._next : behind], self.unit)
        self._next = behind
        return block

    def _table(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        import pandas as pd

        path: Path = self.settings.file
        try:
            table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        except FileNotFoundError as error:
            raise DriverError(f"{path}: does not exist", channel=self.channel) from error
        except (OSError, EOFError, ValueError, pd.errors.ParserError) as error:
            raise DriverError(f"{path}: cannot be read as a table: {' '.join(str(error).split())}", channel=self.channel) from error
        for column in ("t_s", self.settings.column):
            if column not in table.columns:
                raise DriverError(f"{path}: has no column {column}, but {', '.join(map(str, table.columns))}", channel=self.channel)
        t_s = pd.to_numeric(table["t_s"], errors="coerce").to_numpy(np.float64)
        self._check_times(path, t_s)
        values = pd.to_numeric(table[self.settings.column], errors="coerce").to_numpy(np.float64)
        return t_s, np.where(np.isfinite(values), values, np.nan)

    def _check_times(self, path: Path, t_s: NDArray[np.float64]) -> None:
        if len(t_s) == 0:
            raise DriverError(f"{path}: holds no row", channel=self.channel)
        wrong = np.flatnonzero(~np.isfinite(t_s))
        if not len(wrong):
            wrong = np.flatnonzero(np.diff(np.round(t_s * 1e9)) <= 0) + 1
        if len(wrong):
            raise DriverError(f"{path}, row {wrong[0] + 2}: t_s must be a number and rise from row to row", channel=self.channel)
