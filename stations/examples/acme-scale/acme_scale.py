"""ACME scales on the network: `SI` asks for the weight, and the scale answers `S S     12.34 kg`, or `S D …` while it still moves."""

import socket
from typing import ClassVar

import numpy as np
from pydantic import Field

from inspector import drivers
from inspector.errors import DriverError
from inspector.parts import Series


class ScaleSettings(drivers.Settings):
    host: str = Field(description="address of the scale, as its menu shows it")
    port: int = Field(default=4305, ge=1, le=65535, description="its port")
    interval_s: float = Field(default=0.1, ge=0.02, description="from weight to weight")


class AcmeScale(drivers.SeriesSource):
    """The weight on an ACME scale, moving or at rest."""

    Settings: ClassVar = ScaleSettings
    _socket = None

    def open(self):
        try:
            self._socket = socket.create_connection((self.settings.host, self.settings.port), timeout=0.5)
        except OSError as error:
            raise DriverError(f"no scale at {self.settings.host} ({error}), check its cable", channel=self.channel) from error
        self._answers = self._socket.makefile("rb")
        self._next_ns = self.clock.now_ns()

    def close(self):
        if self._socket is not None:
            self._answers.close()
            self._socket.close()
            self._socket = None

    def read(self, timeout_s):
        if not self.due(self._next_ns, timeout_s):
            return None
        self._next_ns = max(self._next_ns + round(self.settings.interval_s * 1e9), self.clock.now_ns())
        try:
            self._socket.sendall(b"SI\r\n")
            _, _, weight, unit = self._answers.readline().decode("ascii").split()
            value = float(weight)
        except (OSError, ValueError) as error:
            raise DriverError(f"the scale does not answer as it should ({error})", channel=self.channel) from error
        if unit != self.unit:
            raise DriverError(f"weighs in {unit}, the station file says {self.unit or 'nothing'}; set unit: {unit}", channel=self.channel)
        return Series(np.array([self.clock.now_ns()]), np.array([value]), self.unit)
