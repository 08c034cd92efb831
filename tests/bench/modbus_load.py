"""What 32 series at 10 Hz from one Modbus device cost: `python -m tests.bench.modbus_load [seconds] [channels]`.

The device is a server in a process of its own; the figures are those of the reading process alone.
"""

import subprocess
import sys
import threading
import time

import numpy as np

from inspector.plugins import load_driver

SERVER = """
import asyncio
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
async def main():
    asked = []
    async def count(function, start, address, count, registers, values):
        asked.append(1)
        registers[0] = len(asked) % 65536
    device = SimDevice(1, simdata=[SimData(0, values=[0] * 200, datatype=DataType.REGISTERS)], action=count)
    server = ModbusTcpServer(device, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    print(server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def main(seconds: float = 20.0, count: int = 32) -> None:
    series = load_driver("modbus-series")
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = {"host": "127.0.0.1", "tcp_port": int(server.stdout.readline())}
            channels = [
                series(series.Settings(**line, address=1 + 2 * k, data_type="f32", interval_s=0.1), channel=f"c{k}", unit="bar")
                for k in range(count)
            ]
            for channel in channels:
                channel.open()
            counter = series(series.Settings(**line, address=0), channel="requests")
            counter.open()
            first = counter.read(1.0).values[0]
            stamps = _read(channels, seconds)
            asked = counter.read(1.0).values[0] - first
        finally:
            server.kill()
    apart_ms = np.concatenate([np.diff(t) for t in stamps]) / 1e6
    print(
        f"{asked:.0f} requests, {sum(map(len, stamps))} values; from value to value {np.percentile(apart_ms, [0.5, 50, 99.5]).round(1)} ms"
    )


def _read(channels: list, seconds: float) -> list[list[int]]:
    end_s = time.monotonic() + seconds
    stamps: list[list[int]] = [[] for _ in channels]

    def read(channel: object, kept: list[int]) -> None:
        while time.monotonic() < end_s:
            block = channel.read(0.2)
            if block is not None:
                kept.extend(block.t_ns.tolist())

    began_s, began_cpu_s = time.monotonic(), time.process_time()
    threads = [threading.Thread(target=read, args=pair) for pair in zip(channels, stamps, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    share = (time.process_time() - began_cpu_s) / (time.monotonic() - began_s)
    print(f"{len(channels)} series at 10 Hz, {seconds:g} s: {100 * share:.1f} % of one core")
    for channel in channels:
        channel.close()
    return stamps


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((float, int), sys.argv[1:], strict=False)))
