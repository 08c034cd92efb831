"""What a Modbus device costs its station: `python -m tests.bench.modbus_load [seconds] [channels]`.

Series at 10 Hz from one device over one connection, a trigger that looks every 5 ms, and verdicts. The device is a server in a process
of its own; the figures are those of the station's process alone.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from inspector.drivers import SeriesSource
from inspector.parts import Decision
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
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = {"host": "127.0.0.1", "tcp_port": int(server.stdout.readline())}
            run_series(line, seconds, count)
            run_trigger(line, seconds / 4)
            run_sink(line)
        finally:
            server.kill()


def run_series(line: dict[str, Any], seconds: float, count: int) -> None:
    """Read `count` values side by side at 10 Hz; register 0 tells how many requests that took."""
    series = load_driver("modbus-series")
    settings = [line | {"address": 1 + 2 * k, "data_type": "f32", "interval_s": 0.1} for k in range(count)]
    channels: list[Any] = [series(series.Settings.model_validate(s), channel=f"c{k}", unit="bar") for k, s in enumerate(settings)]
    counter: Any = series(series.Settings.model_validate(line | {"address": 0}), channel="requests")
    for channel in (*channels, counter):
        channel.open()
    first = counter.read(1.0).values[0]
    with told_cpu(f"{count} series at 10 Hz"):
        stamps = read(channels, seconds)
    asked = counter.read(1.0).values[0] - first
    apart_ms = np.concatenate([np.diff(t) for t in stamps]) / 1e6
    print(f"  {asked:.0f} requests, {sum(map(len, stamps))} values; apart {np.percentile(apart_ms, [0.5, 50, 99.5]).round(1)} ms")
    for channel in (*channels, counter):
        channel.close()


def read(channels: list[SeriesSource], seconds: float) -> list[list[int]]:
    """Return the stamps of each channel, each read on a thread of its own."""
    end_s = time.monotonic() + seconds
    stamps: list[list[int]] = [[] for _ in channels]

    def keep_reading(channel: SeriesSource, kept: list[int]) -> None:
        while time.monotonic() < end_s:
            block = channel.read(0.2)
            if block is not None:
                kept.extend(block.t_ns.tolist())

    threads = [threading.Thread(target=keep_reading, args=pair) for pair in zip(channels, stamps, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return stamps


def run_trigger(line: dict[str, Any], seconds: float) -> None:
    """Look at a bit that never changes."""
    kind = load_driver("modbus-trigger")
    trigger: Any = kind(kind.Settings.model_validate(line | {"kind": "holding", "bit": 0, "address": 100, "interval_ms": 5}), channel="t")
    trigger.open()
    with told_cpu("a trigger that looks every 5 ms"):
        trigger.wait(seconds)
    trigger.close()


def run_sink(line: dict[str, Any], verdicts: int = 500) -> None:
    """Tell verdicts of five registers and a sequence number, 20 ms apart."""
    kind = load_driver("modbus-sink")
    places = {"outcome_register": 110, "score_register": 111, "kind_register": 112, "part_id_register": 113, "sequence_register": 130}
    sink: Any = kind(kind.Settings.model_validate(line | places), channel="v")
    sink.open()
    took_ms = []
    for number in range(verdicts):
        began_s = time.perf_counter()
        sink.send(Decision(f"part-{number:06d}", "pass", 0.1))
        took_ms.append((time.perf_counter() - began_s) * 1e3)
        time.sleep(0.02)
    sink.close()
    print(f"a verdict told: p50, p99, max {np.percentile(took_ms, [50, 99, 100]).round(2)} ms")


@contextmanager
def told_cpu(what: str) -> Iterator[None]:
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    yield
    seconds = time.monotonic() - began_s
    print(f"{what}, {seconds:.0f} s: {100 * (time.process_time() - began_cpu_s) / seconds:.1f} % of one core")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((float, int), sys.argv[1:], strict=False)))
