"""A serial port as all drivers that use one name it, open it and tell of its failures."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from inspector import drivers
from inspector.drivers import Found
from inspector.errors import DriverError

if TYPE_CHECKING:
    import serial
    from serial.tools.list_ports_common import ListPortInfo

READ_TIMEOUT_S = 0.02
"""How long one read waits. It stays: pyserial sets up the whole port anew when it is changed, and not every port takes that."""
WRITE_TIMEOUT_S = 0.2
"""A device that takes nothing for so long is lost; a verdict must not wait longer."""


def _faults() -> tuple[type[Exception], ...]:
    try:
        import termios
    except ImportError:  # Windows
        return (OSError, ValueError)
    return (OSError, ValueError, termios.error)


BY_ID = Path("/dev/serial/by-id")
"""Where Linux names ports after what is plugged into them."""
FAULTS = _faults()
"""What pyserial raises where a port fails: its own errors are OSErrors, those of the terminal settings are not."""


class PortSettings(drivers.Settings):
    """Settings of a serial port; they must be those of the device."""

    port: str = Field(min_length=1, description="the port, e.g. /dev/serial/by-id/..., which survives replugging, /dev/ttyUSB0 or COM3")
    baud_rate: int = Field(default=9600, ge=50, le=12_000_000, description="bits a second")
    bytesize: Literal[5, 6, 7, 8] = Field(default=8, description="data bits")
    parity: Literal["none", "even", "odd", "mark", "space"] = "none"
    stopbits: Literal[1, 2] = 1

    @property
    def byte_ns(self) -> float:
        """How long a byte is on the wire."""
        bits = 1 + self.bytesize + (self.parity != "none") + self.stopbits
        return bits * 1e9 / self.baud_rate


def open_port(settings: PortSettings, channel: str) -> serial.Serial:
    """Return the port, open, emptied and for this program alone. Raises DriverError.

    Lines for modem control are left as they are on opening: a virtual port has none, and nothing here needs them.
    """
    import serial

    try:
        return serial.Serial(
            settings.port,
            baudrate=settings.baud_rate,
            bytesize=settings.bytesize,
            parity=settings.parity[0].upper(),
            stopbits=settings.stopbits,
            timeout=READ_TIMEOUT_S,
            write_timeout=WRITE_TIMEOUT_S,
            exclusive=True,
        )
    except FAULTS as error:
        raise DriverError(f"{settings.port}: {_why_not(error)}", channel=channel) from error


def found_ports() -> list[Found]:
    """Return the serial ports of this computer, named by what is plugged in; by a path that survives replugging where there is one."""
    try:
        from serial.tools.list_ports import comports

        lasting = {path.resolve(): path for path in sorted(BY_ID.glob("*"))}
        ports = [(port, lasting.get(Path(port.device).resolve(), port.device)) for port in sorted(comports())]
    except ImportError:  # a system that pyserial does not know
        return []
    except FAULTS:
        return []
    return [Found(_title(port), {"port": str(path)}) for port, path in ports]


def _title(port: ListPortInfo) -> str:
    """Return what the device calls itself; a port of the computer itself says "n/a"."""
    named = [text for text in (port.description, port.hwid) if text and text != "n/a"]
    return " ".join([named[0] if named else "serial port", f"({port.device})"])


def lost(settings: PortSettings, channel: str, error: Exception) -> DriverError:
    """Return the error to raise when an open port fails."""
    return DriverError(
        f"{settings.port}: does not answer any more ({error}), plug the device in again and check its power", channel=channel
    )


def _why_not(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return "does not exist, plug the device in or correct the setting port"
    if number in (errno.EACCES, errno.EPERM):
        return "may not be opened, add this user to the group that owns it (often dialout) or end the program that uses it"
    if number in (errno.EAGAIN, errno.EBUSY):
        return "is in use, end the other program or give another port; channels that share one give the same settings of it"
    return f"is no serial port or cannot work with these settings ({error}), correct port, baud_rate, bytesize, parity or stopbits"
