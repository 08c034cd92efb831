"""The PLC over Modbus TCP: the station is the server, and the PLC reads and writes the process image in holding registers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from inspector import drivers
from inspector.drivers import PlcLink
from inspector.errors import DriverError
from inspector.plc import PlcInputs, PlcOutputs
from stations.plc.image import INPUTS, OUTPUTS
from stations.protocols.extras import required
from stations.protocols.server_thread import ServerThread, refuse_port_in_use

if TYPE_CHECKING:
    from pymodbus.constants import ExcCodes
    from pymodbus.server import ModbusTcpServer

READING = frozenset({1, 2, 3, 4})
"""Functions of Modbus that only read."""


class ModbusPlcSettings(drivers.Settings):
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 is all")
    port: int = Field(default=502, ge=1, le=65535, description="TCP port; those below 1024 need a privilege")
    device_id: int = Field(default=1, ge=0, le=247, description="number of this device; 0 answers to any")


class ModbusPlc(PlcLink):
    """Both blocks of the image are read and written in one request each, so that the PLC never sees half of one.

    Registers 0 to 8 are the PLC's, 100 to 138 the station's; functions 3 and 4 read both alike, and the functions for coils reach
    bit b of register r as r * 16 + b.
    """

    Settings: ClassVar[type[drivers.Settings]] = ModbusPlcSettings

    def __init__(self, settings: ModbusPlcSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._server: ServerThread | None = None
        self._registers = _Registers(self)

    def open(self) -> None:
        if self._server is not None:
            return
        required("pymodbus", "modbus", self.channel)
        self._registers = _Registers(self)
        server = ServerThread(self._registers, self.channel)
        server.start()
        self._server = server

    def close(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.close()

    def exchange(self, outputs: PlcOutputs) -> PlcInputs:
        if self._server is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        self._registers.shown = OUTPUTS.packed(outputs)
        return self._registers.said


class _Registers:
    """The server with its registers; all but `shown` and `said` belongs to its own thread."""

    def __init__(self, link: ModbusPlc) -> None:
        self.shown = OUTPUTS.packed(PlcOutputs())
        self.said = PlcInputs()
        self._link = link
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        settings: ModbusPlcSettings = self._link.settings
        blocks = [
            SimData(INPUTS.first, values=[0] * INPUTS.registers, datatype=DataType.REGISTERS),
            SimData(OUTPUTS.first, values=self.shown, datatype=DataType.REGISTERS, readonly=True),
        ]
        device = SimDevice(settings.device_id, simdata=blocks, use_bit_addressing=True, action=self._serve)
        refuse_port_in_use(settings.host, settings.port, self._link.channel)
        self._server = ModbusTcpServer(device, address=(settings.host, settings.port))
        await self._server.serve_forever(background=True)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]

    async def _serve(
        self,
        function: int,
        first: int,
        _address: int,
        _count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Put the newest image under what is read, and take what is written once it is."""
        at = OUTPUTS.first - first
        registers[at : at + OUTPUTS.registers] = self.shown
        if function not in READING and values:
            asyncio.get_running_loop().call_soon(self._take, registers, INPUTS.first - first)
        return None

    def _take(self, registers: list[int], at: int) -> None:
        self.said = PlcInputs(**INPUTS.values(registers[at : at + INPUTS.registers]))
        self._link.changed()
