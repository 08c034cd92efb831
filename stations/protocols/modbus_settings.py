"""Settings of Modbus drivers: the line, the device on it, and registers as people name them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from inspector import drivers
from stations.protocols.serial_port import PortSettings

RegisterKind = Literal["holding", "input", "coil", "discrete"]

NAMES: dict[RegisterKind, str] = {
    "holding": "holding register",
    "input": "input register",
    "coil": "coil",
    "discrete": "discrete input",
}


class LineSettings(drivers.Settings):
    """Settings of a Modbus line; drivers that share one give the same."""

    host: str | None = Field(
        default=None,
        min_length=1,
        description="the device's or gateway's address, for Modbus TCP; a name needs a name server that answers at once",
    )
    tcp_port: int = Field(default=502, ge=1, le=65535, description="with host")
    serial: PortSettings | None = Field(default=None, description="the serial port, for Modbus RTU or ASCII: port, baud_rate, parity ...")
    framer: Literal["auto", "tcp", "rtu", "ascii"] = Field(
        default="auto", description="how messages are framed; auto is tcp with host and rtu with serial; rtu with host suits plain gateways"
    )
    echo: bool = Field(default=False, description="whether the RS-485 adapter hears what it sends itself")

    @model_validator(mode="after")
    def _names_one_line(self) -> Self:
        if (self.host is None) == (self.serial is None):
            raise ValueError("give either host (Modbus TCP) or serial (Modbus RTU)")
        if self.serial is not None and self.framer == "tcp":
            raise ValueError("framer: tcp needs host, a serial line is rtu or ascii")
        return self

    @property
    def place(self) -> str:
        """What a person calls this line."""
        return self.serial.port if self.serial is not None else f"{self.host}:{self.tcp_port}"


class ModbusSettings(LineSettings):
    """Settings of a driver at a Modbus line."""

    device_id: int = Field(default=1, ge=0, le=255, description="the device's address on the line (unit id)")
    timeout_s: float = Field(default=0.5, gt=0, le=10, description="how long the device may take to answer, without the time on the wire")
    tries: int = Field(default=2, ge=1, le=10, description="how often the device is asked for a value before it is lost")

    @property
    def line(self) -> LineSettings:
        return LineSettings(**{name: getattr(self, name) for name in LineSettings.model_fields})


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring registers of one kind in one device."""

    device_id: int
    kind: RegisterKind
    address: int
    count: int = 1

    @property
    def end(self) -> int:
        return self.address + self.count

    @property
    def is_words(self) -> bool:
        """Whether these are registers of 16 bits, and not single bits."""
        return self.kind in ("holding", "input")

    @property
    def bytes(self) -> int:
        """How many bytes the values take in a message."""
        return 2 * self.count if self.is_words else math.ceil(self.count / 8)

    def __str__(self) -> str:
        name = NAMES[self.kind]
        return f"{name} {self.address}" if self.count == 1 else f"{name}s {self.address} to {self.end - 1}"
